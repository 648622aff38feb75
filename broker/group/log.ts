// The newest part of the order, kept for those who catch up: what was delivered, entry by entry, from some position on.
// Bounded by bytes and entries; who needs what is no longer here gets a snapshot, and while one is being carried the log
// grows from its position on, up to a bound of its own.

import assert from 'node:assert'
import type { BatchMemory } from './batch-memory.ts'
import type { LogEntry } from './message.ts'
import type { GroupSettings } from './settings.ts'

const ENTRY_BYTES = 64

/** How many times its bounds the log may grow while a snapshot is being carried. */
const STRETCH_MAX = 4

export class OrderLog {
  private readonly settings: GroupSettings
  private readonly memory: BatchMemory
  private entries: LogEntry[] = []
  private dropped = 0
  private keptFrom: number | undefined
  /** Position of the entry before the oldest kept one. */
  base = 0
  bytes = 0

  constructor(settings: GroupSettings, memory: BatchMemory) {
    this.settings = settings
    this.memory = memory
  }

  get position(): number {
    return this.base + this.length
  }

  get length(): number {
    return this.entries.length - this.dropped
  }

  append(entry: LogEntry): void {
    this.entries.push(entry.kind === 'slot' ? { ...entry, batch: this.memory.keep(entry.batch) } : entry)
    this.bytes += bytesOf(entry)
    while (this.length > 1 && this.isOver(this.keptFrom === this.base ? STRETCH_MAX : 1)) {
      const oldest = this.entries[this.dropped]!
      this.bytes -= bytesOf(oldest)
      if (oldest.kind === 'slot') this.memory.letGo(oldest.batch)
      this.entries[this.dropped] = undefined as never // Let go of its bytes now; the array is shortened below.
      this.dropped += 1
      this.base += 1
    }
    if (this.dropped > 1024 && this.dropped * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.dropped)
      this.dropped = 0
    }
  }

  /** From now on what comes after this position is let go of later; undefined: no later than usual. */
  keepFrom(position: number | undefined): void {
    this.keptFrom = position
  }

  private isOver(times: number): boolean {
    return this.bytes > times * this.settings.logBytesMax || this.length > times * this.settings.logEntriesMax
  }

  /** Begins anew after a snapshot of this position. */
  restart(position: number): void {
    this.entries = []
    this.dropped = 0
    this.keptFrom = undefined
    this.base = position
    this.bytes = 0
  }

  has(position: number): boolean {
    return position >= this.base && position <= this.position
  }

  /**
   * The entries after a position, as many as fit, at least one if there is one. Their bytes stay as they are until the next
   * `append`.
   */
  after(position: number, bytesMax: number): LogEntry[] {
    assert(this.has(position))
    const found: LogEntry[] = []
    let bytes = 0
    for (let i = this.dropped + (position - this.base); i < this.entries.length; i++) {
      const entry = this.entries[i]!
      bytes += bytesOf(entry)
      if (found.length > 0 && bytes > bytesMax) break
      found.push(entry)
    }
    return found
  }
}

function bytesOf(entry: LogEntry): number {
  if (entry.kind === 'slot') return ENTRY_BYTES + entry.batch.length
  const { members, oldMembers } = entry.proposal
  return [...members, ...oldMembers].reduce(
    (sum, member) => sum + ENTRY_BYTES + 3 * (member.name.length + member.url.length),
    ENTRY_BYTES,
  )
}
