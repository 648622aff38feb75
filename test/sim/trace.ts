// The readable story of a run: what happened lately, in lines. Text is made only when somebody wants to read it.

import { describe } from '../../broker/group/describe.ts'
import type { Letter, Port } from './fabric.ts'

export type TraceLevel = 'none' | 'some' | 'all'

type Line = { readonly at: number; readonly text: string } | { readonly at: number; readonly letter: Letter }

const LINES_MAX = 80

/** Kinds that fill a trace without telling much. */
const QUIET = new Set(['header', 'beat', 'slot', 'pull', 'log', 'chunk', 'join', 'ping', 'pong'])

export class Trace {
  private readonly level: TraceLevel
  private readonly print: (line: string) => void
  private readonly recent: Line[] = []
  private next = 0
  /** Of processes that have spoken, by incarnation. */
  private readonly names = new Map<number, string>()

  constructor(level: TraceLevel, print: (line: string) => void) {
    this.level = level
    this.print = print
  }

  sent(at: number, letter: Letter): void {
    this.names.set(letter.from.address, letter.from.name)
    this.keep({ at, letter })
    if (this.level === 'none') return
    if (this.level === 'all' || !QUIET.has(letter.envelope?.message.kind ?? '')) this.print(this.text({ at, letter }))
  }

  /** Only in a full trace: what came to whom, in which order. */
  arrived(at: number, letter: Letter, to: Port): void {
    if (this.level === 'all')
      this.print(`${stamp(at)}   ${to.name} <- ${letter.from.name} ${letter.envelope?.message.kind ?? 'noise'}`)
  }

  say(at: number, line: string, level: TraceLevel = 'some'): void {
    this.keep({ at, text: line })
    if (this.level === 'all' || this.level === level) this.print(this.text({ at, text: line }))
  }

  /** The last few dozen lines. */
  lately(): string[] {
    return [...this.recent.slice(this.next), ...this.recent.slice(0, this.next)].map((line) => this.text(line))
  }

  private text(line: Line): string {
    if ('text' in line) return `${stamp(line.at)} ${line.text}`
    const { from, to, bytes } = line.letter
    const target = to === 'everyone' ? '*' : (this.names.get(to) ?? to.toString(16))
    return `${stamp(line.at)} ${from.name} -> ${target}: ${describe(bytes)}`
  }

  private keep(line: Line): void {
    if (this.recent.length < LINES_MAX) this.recent.push(line)
    else {
      this.recent[this.next] = line
      this.next = (this.next + 1) % LINES_MAX
    }
  }
}

function stamp(at: number): string {
  return at.toFixed(2).padStart(9)
}
