// An event as a reader sees it: made from the stored bytes when it is read, with the defaults of all that its publisher
// left out.

import { decodeCommand } from './command.ts'
import type { Segment } from './event-log.ts'
import { decodeRecord, type Extensions } from './record.ts'

export interface StoredEvent {
  readonly seq: number
  readonly offset: number
  readonly topic: string
  readonly id: string
  readonly type: string
  readonly source: string
  readonly time: string
  readonly key: string | undefined
  readonly schemaVersion: number
  /** Undefined where the publisher gave no id of its own. */
  readonly publisher: string | undefined
  readonly extensions: Extensions | undefined
  /** The JSON text as it came in: a view into the stored bytes, not to be changed, nor to be kept for long. */
  readonly data: Uint8Array
}

/** Some events of a segment, one after another, as they are stored. */
export interface StoredBlock {
  readonly seq: number
  readonly offset: number
  readonly count: number
  readonly topic: string
  readonly schemaVersion: number
  readonly publisher: string | undefined
  /** Milliseconds since 1970: of events that have no time of their own. */
  readonly time: number
  /** Where each record ends, a u32 each, counted from `base` before the first of these. Views into the stored bytes. */
  readonly table: Uint8Array
  readonly base: number
  readonly records: Uint8Array
  readonly bytes: number
}

/** The events of a segment; what they have in common is decoded once. */
export class SegmentReader {
  private readonly segment: Segment
  private readonly schemaVersion: number
  private readonly publisher: string | undefined
  private readonly ms: number
  /** Of events that have no time of their own, in words: made when the first of them is read. */
  private timeText: string | undefined
  private readonly records: ReturnType<Segment['records']>

  constructor(segment: Segment) {
    const command = decodeCommand(segment.command)
    if (command.kind !== 'publish') throw new Error('a segment holds a publish command')
    this.segment = segment
    this.schemaVersion = command.schemaVersion
    this.publisher = command.gapsAllowed || command.publisher === '' ? undefined : command.publisher
    this.ms = command.time
    this.records = segment.records()
  }

  /** From this place on, at least one event, and no more of them than have so many bytes. */
  block(seq: number, bytesMax: number): StoredBlock {
    const { segment, records, publisher, schemaVersion, ms: time } = this
    const first = seq - segment.seq
    const base = records.before(first)
    let end = first + 1
    while (end < segment.count && records.before(end + 1) - base <= bytesMax) end++
    const bytes = records.before(end) - base
    return {
      seq,
      offset: segment.offset + first,
      count: end - first,
      topic: segment.topic.name,
      schemaVersion,
      publisher,
      time,
      table: records.table(first, end),
      base,
      records: records.between(first, end),
      bytes,
    }
  }

  private get time(): string {
    this.timeText ??= new Date(this.ms).toISOString()
    return this.timeText
  }

  event(history: string, seq: number): StoredEvent {
    const { segment, publisher, schemaVersion } = this
    const i = seq - segment.seq
    const { key, id, type, source, time, extensions, data } = decodeRecord(this.records.record(i))
    const topic = segment.topic.name
    return {
      seq,
      offset: segment.offset + i,
      topic,
      id: id ?? `${history}-${seq}`,
      type: type ?? topic,
      source: source ?? `/topics/${topic}`,
      time: time ?? this.time,
      key,
      schemaVersion,
      publisher,
      extensions,
      data,
    }
  }
}
