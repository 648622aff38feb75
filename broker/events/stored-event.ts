// An event as a reader sees it: made from the stored bytes when it is read, with the defaults of all that its publisher
// left out.

import { decodeCommand, type PublishCommand } from './command.ts'
import type { Segment } from './event-log.ts'
import { decodeRecord, type Extensions, type PackedRecords } from './record.ts'

/** Who numbered an event, also where a replica gave the id, and how: its name before it has a place. */
export interface Numbered {
  /** '': nobody. */
  readonly by: string
  readonly number: number
}

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
  readonly numbered: Numbered
  readonly extensions: Extensions | undefined
  /** The JSON text as it came in: a view into the stored bytes, not to be changed, nor to be read after the turn. */
  readonly data: Uint8Array
}

/** An event that has no place yet. */
export type EarlyEvent = Omit<StoredEvent, 'seq' | 'offset' | 'id'> & { readonly id: string | undefined }

/** Some events of a publish, one after another, as they are stored. */
export interface EarlyBlock {
  readonly count: number
  readonly topic: string
  readonly schemaVersion: number
  readonly publisher: string | undefined
  /** Of the first event; the others follow. */
  readonly numbered: Numbered
  /** Milliseconds since 1970: of events that have no time of their own. */
  readonly time: number
  /** Where each record ends, a u32 each, counted from `base` before the first of these. Views, as an event's data. */
  readonly table: Uint8Array
  readonly base: number
  readonly records: Uint8Array
  readonly bytes: number
}

export interface StoredBlock extends EarlyBlock {
  readonly seq: number
  readonly offset: number
}

type PublishHeader = Pick<PublishCommand, 'topic' | 'schemaVersion' | 'publisher' | 'sequence' | 'gapsAllowed' | 'time'>

/** What the events of one publish command have in common, decoded once. */
export class PublishReader {
  private readonly topic: string
  private readonly schemaVersion: number
  private readonly publisher: string | undefined
  private readonly numberedBy: string
  private readonly sequence: number
  private readonly ms: number
  /** Of events that have no time of their own, in words: made when the first of them is read. */
  private timeText: string | undefined
  private readonly records: PackedRecords

  constructor({ topic, schemaVersion, publisher, sequence, gapsAllowed, time }: PublishHeader, records: PackedRecords) {
    this.topic = topic
    this.schemaVersion = schemaVersion
    this.publisher = gapsAllowed || publisher === '' ? undefined : publisher
    this.numberedBy = publisher
    this.sequence = sequence
    this.ms = time
    this.records = records
  }

  /** Those from the i-th to before the j-th, without their place. */
  block(i: number, j: number): EarlyBlock {
    const { topic, schemaVersion, publisher, records, ms: time } = this
    const base = records.before(i)
    return {
      count: j - i,
      topic,
      schemaVersion,
      publisher,
      numbered: this.numbered(i),
      time,
      table: records.table(i, j),
      base,
      records: records.between(i, j),
      bytes: records.before(j) - base,
    }
  }

  /** The i-th, without its place. */
  event(i: number): EarlyEvent {
    const { topic, publisher, schemaVersion } = this
    const { key, id, type, source, time, extensions, data } = decodeRecord(this.records.record(i))
    return {
      topic,
      id,
      type: type ?? topic,
      source: source ?? `/topics/${topic}`,
      time: time ?? this.time,
      key,
      schemaVersion,
      publisher,
      numbered: this.numbered(i),
      extensions,
      data,
    }
  }

  private numbered(i: number): Numbered {
    return { by: this.numberedBy, number: this.sequence + i }
  }

  private get time(): string {
    this.timeText ??= new Date(this.ms).toISOString()
    return this.timeText
  }
}

/** The events of a segment. */
export class SegmentReader {
  private readonly segment: Segment
  private readonly records: PackedRecords
  private readonly reader: PublishReader

  constructor(segment: Segment) {
    const command = decodeCommand(segment.command)
    if (command.kind !== 'publish') throw new Error('a segment holds a publish command')
    this.segment = segment
    this.records = segment.records()
    this.reader = new PublishReader(command, this.records)
  }

  /** From this place on, at least one event, and no more of them than have so many bytes. */
  block(seq: number, bytesMax: number): StoredBlock {
    const { segment, records, reader } = this
    const first = seq - segment.seq
    const end = records.through(first, segment.count, bytesMax)
    return { ...reader.block(first, end), seq, offset: segment.offset + first }
  }

  event(history: string, seq: number): StoredEvent {
    const i = seq - this.segment.seq
    const event = this.reader.event(i)
    return { ...event, id: event.id ?? `${history}-${seq}`, seq, offset: this.segment.offset + i }
  }
}
