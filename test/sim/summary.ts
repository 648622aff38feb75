// What long runs have come to so far, on disk: which seeds were run, which failed, which rare turns they took. It belongs
// to the very sources that were run, so a run that was stopped goes on only if nothing of them has changed since.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunResult } from './simulation.ts'
import { addTurns, type TurnCounts } from './turns.ts'

const ROOT = new URL('../../', import.meta.url)

interface Saved {
  readonly sources: string
  readonly commit: string | undefined
  readonly node: string
  /** "1-2000,2003". */
  readonly seeds: string
  readonly passed: number
  readonly failed: readonly { readonly seed: number; readonly id: string; readonly text: string }[]
  readonly excused: readonly number[]
  readonly events: number
  /** Time that it took, all runs together. */
  readonly seconds: number
  readonly turns: TurnCounts
}

export class Summary {
  readonly file: string
  readonly done: SeedSet
  readonly failed: { seed: number; id: string; text: string }[]
  readonly excused: number[]
  readonly turns: TurnCounts
  private readonly sources: string
  private events: number
  private seconds: number
  private since = performance.now()

  /** `variation`: what else decides about a run besides sources and seed. */
  constructor(variation: string) {
    this.sources = sourcesHash(variation)
    this.file = fileURLToPath(new URL(`build/sim/${this.sources}.json`, ROOT))
    const saved = read(this.file)
    this.done = new SeedSet(saved?.seeds ?? '')
    this.failed = [...(saved?.failed ?? [])]
    this.excused = [...(saved?.excused ?? [])]
    this.turns = { ...saved?.turns }
    this.events = saved?.events ?? 0
    this.seconds = saved?.seconds ?? 0
  }

  add({ seed, failure, excused, events, turns }: RunResult): void {
    this.done.add(seed)
    if (failure !== undefined) this.failed.push({ seed, id: failure.id, text: failure.text })
    if (excused !== undefined) this.excused.push(seed)
    this.events += events
    addTurns(this.turns, turns)
  }

  save(): void {
    const now = performance.now()
    this.seconds += (now - this.since) / 1000
    this.since = now
    const saved: Saved = {
      sources: this.sources,
      commit: commit(),
      node: process.version,
      seeds: this.done.toString(),
      passed: this.done.size - this.failed.length,
      failed: this.failed.toSorted((a, b) => a.seed - b.seed),
      excused: this.excused.toSorted((a, b) => a - b),
      events: this.events,
      seconds: Math.round(this.seconds),
      turns: this.turns,
    }
    mkdirSync(dirname(this.file), { recursive: true })
    // Put in place whole: a run that is stopped while it writes loses nothing.
    writeFileSync(`${this.file}.new`, `${JSON.stringify(saved, undefined, 2)}\n`)
    renameSync(`${this.file}.new`, this.file)
  }
}

/** Seeds, as the ranges that they make. */
export class SeedSet {
  private readonly ranges: { from: number; to: number }[] = []

  constructor(text: string) {
    for (const part of text.split(',')) {
      if (part === '') continue
      const [from, to = from] = part.split('-').map(Number) as [number, number?]
      this.ranges.push({ from, to })
    }
  }

  get size(): number {
    return this.countIn(1, Number.MAX_SAFE_INTEGER)
  }

  has(seed: number): boolean {
    return this.ranges.some(({ from, to }) => from <= seed && seed <= to)
  }

  countIn(first: number, last: number): number {
    let count = 0
    for (const { from, to } of this.ranges) count += Math.max(0, Math.min(to, last) - Math.max(from, first) + 1)
    return count
  }

  add(seed: number): void {
    if (this.has(seed)) return
    const { ranges } = this
    let at = ranges.length
    while (at > 0 && (ranges[at - 1] as { from: number }).from > seed) at--
    const before = ranges[at - 1]
    const after = ranges[at]
    const joinsBefore = before?.to === seed - 1
    const joinsAfter = after?.from === seed + 1
    if (joinsBefore && joinsAfter) {
      before.to = after.to
      ranges.splice(at, 1)
    } else if (joinsBefore) before.to = seed
    else if (joinsAfter) after.from = seed
    else ranges.splice(at, 0, { from: seed, to: seed })
  }

  toString(): string {
    return this.ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
  }
}

/** Of every file that a run is made of: the simulation and what it imports, but for types. */
function sourcesHash(variation: string): string {
  const files = new Map<string, string>()
  const visit = (url: URL): void => {
    if (files.has(url.href)) return
    const source = readFileSync(url, 'utf8')
    files.set(url.href, source)
    for (const [, type, from = ''] of source.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from '(\.[^']+)'/gm))
      if (type === undefined) visit(new URL(from, url))
  }
  visit(new URL('simulation.ts', import.meta.url))
  const hash = createHash('sha256').update(variation)
  for (const href of [...files.keys()].sort()) hash.update(files.get(href) as string)
  return hash.digest('hex').slice(0, 16)
}

function commit(): string | undefined {
  try {
    const git = ['rev-parse', 'HEAD']
    return execFileSync('git', git, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined // An unpacked archive has none.
  }
}

function read(file: string): Saved | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Saved
  } catch {
    return undefined // The first run with these sources.
  }
}
