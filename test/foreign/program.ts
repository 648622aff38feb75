// Runs a program that is no part of this project, and waits for what it prints.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'

/** `test` where the program is there, and otherwise `test.skip`; where everything must be there, its absence fails. */
export function testWith(program: string): typeof test.skip {
  if (spawnSync(program, ['--version']).status === 0) return test
  if (process.env['CI'] === 'true') throw new Error(`The program ${program} is needed here, and is not there.`)
  return test.skip
}

const WITHIN_MS = 30_000

export class Program {
  stdout = ''
  stderr = ''
  private readonly child: ChildProcess
  private readonly ending: Promise<unknown>
  private changed: () => void = () => {}

  constructor(t: ExecutionContext, program: string, args: readonly string[]) {
    // A group of its own, so that what a shell has started ends with it.
    const child = spawn(program, args, { stdio: 'pipe', detached: true })
    this.child = child
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        this[name] += text
        this.changed()
      })
    }
    child.stdin.on('error', () => {}) // It may end without having read all.
    this.ending = once(child, 'close').then(() => this.changed())
    t.teardown(() => this.signal('SIGKILL'))
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }

  write(text: string): void {
    this.child.stdin!.write(text)
  }

  /** Nothing more will be written to it. */
  endInput(): void {
    this.child.stdin!.end()
  }

  /** Resolves when what is named has come about; rejects when it does not, or the program ends before. */
  async until(name: string, met: () => boolean): Promise<void> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.changed()
    }, WITHIN_MS)
    while (!met()) {
      const over = this.child.exitCode !== null || this.child.signalCode !== null
      if (late || over) {
        clearTimeout(timer)
        throw new Error(`${name} did not come about${over ? ' before it ended' : ''}: ${this.stdout}${this.stderr}`)
      }
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
    clearTimeout(timer)
  }

  /** Resolves with the exit code when it has ended. */
  async ended(): Promise<number | null> {
    await this.ending
    return this.child.exitCode
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) process.kill(-this.child.pid!, signal)
  }
}
