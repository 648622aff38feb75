// The retained events, in the order of the group. What one publish command brought is a segment: its bytes, and where
// they stand in the order. There is no object per event; an event is found in the bytes when somebody reads it.

import assert from 'node:assert'
import { decodeCommand, encodeCommand } from './command.ts'
import { commandOf, LogMemory, NO_SLAB, type Owner, type Slab } from './log-memory.ts'
import { PackedRecords, packRecords } from './record.ts'
import type { Topic } from './topic.ts'

export class Segment implements Owner {
  readonly topic: Topic
  /** Positions of the first event; the others follow. */
  seq: number
  offset: number
  count: number
  /** Ordered time of its place: ages are judged by it. */
  readonly storedAt: number
  /** Where the publish command is kept: nowhere before it is in the log, and once all events are gone. */
  slab: Slab = NO_SLAB
  at = 0
  length = 0
  /** Where in it the packed records begin. */
  readonly recordsAt: number
  /** How many of the first events are gone. Their bytes stay in the command until it is made anew, or empty. */
  gone: number

  constructor(
    topic: Topic,
    place: { seq: number; offset: number; storedAt: number; gone: number },
    { count, recordsAt }: { count: number; recordsAt: number },
  ) {
    this.topic = topic
    this.seq = place.seq
    this.offset = place.offset
    this.storedAt = place.storedAt
    this.gone = place.gone
    this.recordsAt = recordsAt
    this.count = count
  }

  get left(): number {
    return this.count - this.gone
  }

  /** Of the oldest event left. */
  get firstSeq(): number {
    return this.seq + this.gone
  }

  get lastSeq(): number {
    return this.seq + this.count - 1
  }

  /** A view, only until the state changes. */
  get command(): Buffer {
    return commandOf(this)
  }

  records(): PackedRecords {
    return new PackedRecords(this.slab.memory, this.at + this.recordsAt)
  }

  /** Bytes of the first `n` of the events left. */
  bytesOf(n: number): number {
    const records = this.records()
    return records.before(this.gone + n) - records.before(this.gone)
  }

  /** How many of the events left must go, so that at least so many bytes do; all of them, if they have fewer. */
  eventsWith(bytes: number): number {
    const records = this.records()
    const target = records.before(this.gone) + bytes
    let low = 0
    let high = this.left
    while (low < high) {
      const middle = (low + high) >>> 1
      if (records.before(this.gone + middle) < target) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Bytes of the command that are of no use any more: of the events that are gone. */
  get bytesGone(): number {
    return this.records().allBefore(this.gone)
  }

  /** Gives a command of the events left, as which it goes on. At the same place of the order everywhere, so that snapshots stay equal. */
  compacted(): Uint8Array {
    const command = decodeCommand(this.command)
    assert(command.kind === 'publish', 'a segment holds a publish command')
    const records = this.records()
    const left = Array.from({ length: this.left }, (_, i) => records.record(this.gone + i))
    const compacted = encodeCommand({
      ...command,
      sequence: command.sequence + this.gone,
      records: packRecords(left),
    })
    this.seq += this.gone
    this.offset += this.gone
    this.count -= this.gone
    this.gone = 0
    return compacted
  }
}

/** Segments with growing `seq`: new ones come at the end, old ones go at the front. */
export class SegmentQueue {
  private segments: Segment[] = []
  private front = 0

  get length(): number {
    return this.segments.length - this.front
  }

  get first(): Segment | undefined {
    return this.segments[this.front]
  }

  at(i: number): Segment | undefined {
    return this.segments[this.front + i]
  }

  push(segment: Segment): void {
    this.segments.push(segment)
  }

  shift(): void {
    this.front++
    if (this.front * 2 > this.segments.length) this.keep(() => true)
  }

  /** Leaves out those that are not wanted any more. */
  keep(wanted: (segment: Segment) => boolean): void {
    this.segments = this.segments.slice(this.front).filter(wanted)
    this.front = 0
  }

  /** The first one for which `isAfter` holds, given that it holds for all that follow; or `length`. */
  search(isAfter: (segment: Segment) => boolean): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isAfter(this.at(middle)!)) high = middle
      else low = middle + 1
    }
    return low
  }
}

/**
 * All topics' segments together. One that has gone in the middle stays, empty, until it is at the front or until most of
 * them are such: then they are swept out, which costs each a bounded share.
 */
export class EventLog {
  readonly segments: SegmentQueue = new SegmentQueue()
  private readonly memory = new LogMemory()
  events = 0
  bytes = 0
  /** Segments that are not empty. */
  private kept = 0
  /** Bytes that they have of events that are gone. */
  private bytesGone = 0
  private empty = 0

  /** What is retained costs so much memory, about: each segment as much again as a kilobyte. */
  get cost(): number {
    return this.bytes + SEGMENT_COST * this.kept
  }

  /** The command that brought it is copied. */
  push(segment: Segment, command: Uint8Array): void {
    this.memory.keep(segment, command)
    this.segments.push(segment)
    this.kept++
    this.events += segment.left
    this.bytes += segment.bytesOf(segment.left)
    this.bytesGone += segment.bytesGone
  }

  /** To be called after each change: gives memory back, a little at a time. */
  tidy(): void {
    this.memory.tidy()
  }

  /** Others may keep the bytes that are retained now. */
  lend(): void {
    this.memory.lend()
  }

  /** Of the first events of a segment. */
  drop(segment: Segment, n: number): void {
    this.events -= n
    this.bytes -= segment.bytesOf(n)
    this.bytesGone -= segment.bytesGone
    segment.gone += n
    if (segment.left > 0) {
      this.bytesGone += segment.bytesGone
      this.compact(segment)
      return
    }
    this.memory.release(segment)
    this.kept--
    this.empty++
    while (this.segments.first?.left === 0) {
      this.segments.shift()
      this.empty--
    }
    if (this.empty > SWEEP_LEAST && this.empty * 2 > this.segments.length) {
      this.segments.keep((one) => one.left > 0)
      this.empty = 0
    }
  }

  /** As a rule its other events go soon, too: they are not worth a copy, unless there are many of which they do not. */
  private compact(segment: Segment): void {
    const { bytesGone } = segment
    if (this.bytesGone <= BYTES_GONE_MAX || bytesGone <= SEGMENT_COST) return
    if (bytesGone * 2 <= segment.length - segment.recordsAt) return
    this.memory.keep(segment, segment.compacted())
    this.bytesGone -= bytesGone
  }
}

const SWEEP_LEAST = 1024

/**
 * Above it a segment that loses events, and has lost most of its bytes and more than it is charged beside them, is copied:
 * so that all segments together have no more than so many bytes of events that are gone, and as much again as is retained.
 */
const BYTES_GONE_MAX = 4 * 1024 * 1024

const SEGMENT_COST = 1024
