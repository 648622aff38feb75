// One topic: its settings, its schemas, and its retained events as a queue of segments. It says what is over its limits;
// the state drops it, because a loss must also be known to the log and to readers.

import type { ByteReader, ByteSink } from './bytes.ts'
import type { Compatibility, Retention, TopicSettings } from './command.ts'
import { type Segment, SegmentQueue } from './event-log.ts'
import type { Expiring } from './expiry.ts'
import type { Used } from './use-order.ts'

export const DEFAULT_RETENTION: Retention = Object.freeze({ events: 1_000_000, bytes: 256 * 1024 * 1024, ageMs: 0 })

/** Older versions of a schema are forgotten. */
export const SCHEMA_VERSIONS_MAX = 100

export interface TopicInfo {
  readonly topic: string
  /** 0: the topic is untyped. */
  readonly schemaVersion: number
  readonly compatibility: Compatibility
  readonly retention: Retention
  /** Of the newest event, retained or not; 0: there has been none. */
  readonly offset: number
  /** Of the oldest retained event; when there is none, of the next one. */
  readonly oldestOffset: number
  readonly events: number
  readonly bytes: number
  /** The place in the order where the settings were last put; no two settings ever share one. */
  readonly revision: number
  /** The place in the order where the topic was created: tells it from another of this name, before or after. */
  readonly life: number
}

export class Topic implements Used<Topic>, Expiring {
  readonly name: string
  readonly life: number
  revision: number
  schemaVersion = 0
  compatibility: Compatibility = 'backward'
  retention: Retention = DEFAULT_RETENTION
  offset = 0
  events = 0
  bytes = 0
  /** Of the newest event, retained or not; 0: there has been none. */
  lastSeq = 0
  /** Of the newest event that has gone; 0: all are there. */
  lostSeq = 0
  readonly segments: SegmentQueue = new SegmentQueue()
  private readonly schemas = new Map<number, Uint8Array>()

  /** Among the topics that lost events: when this one last did, as counted by the state. */
  lossCount = 0
  usedBefore: Topic | undefined = undefined
  usedAfter: Topic | undefined = undefined
  expiresAfter = 0
  expiryPlace = -1

  constructor(name: string, life: number) {
    this.name = name
    this.life = life
    this.revision = life
  }

  put(settings: TopicSettings, revision: number): void {
    this.revision = revision
    this.retention = Object.freeze({ ...this.retention, ...settings.retention })
    this.compatibility = settings.compatibility ?? this.compatibility
    const { schema } = settings
    if (schema === undefined) return
    const current = this.schema(this.schemaVersion)
    if (current !== undefined && Buffer.compare(current, schema) === 0) return
    this.schemaVersion++
    // A copy: the bytes given are a part of a command that nobody else keeps.
    this.schemas.set(this.schemaVersion, Uint8Array.from(schema))
    this.schemas.delete(this.schemaVersion - SCHEMA_VERSIONS_MAX)
  }

  schema(version: number): Uint8Array | undefined {
    return this.schemas.get(version)
  }

  push(segment: Segment): void {
    this.segments.push(segment)
    this.offset = segment.offset + segment.count - 1
    this.lastSeq = segment.lastSeq
    this.events += segment.left
    this.bytes += segment.bytesOf(segment.left)
  }

  /** How many of the first segment's events are over the limits of count and bytes. */
  overLimits(): number {
    const first = this.segments.first
    if (first === undefined) return 0
    const { events, bytes } = this.retention
    const byCount = events === 0 ? 0 : Math.min(this.events - events, first.left)
    const byBytes = bytes === 0 || this.bytes <= bytes ? 0 : first.eventsWith(this.bytes - bytes)
    return Math.max(byCount, byBytes, 0)
  }

  /** To be called before the segment itself drops them. */
  drop(segment: Segment, n: number): void {
    this.events -= n
    this.bytes -= segment.bytesOf(n)
    this.lostSeq = segment.seq + segment.gone + n - 1
    if (segment.left === n) this.segments.shift()
  }

  info(): TopicInfo {
    const { name, schemaVersion, compatibility, retention, offset, events, bytes, revision, life } = this
    const oldestOffset = offset - events + 1
    return {
      topic: name,
      schemaVersion,
      compatibility,
      retention,
      offset,
      oldestOffset,
      events,
      bytes,
      revision,
      life,
    }
  }

  /** All but the events. */
  write(sink: ByteSink): void {
    sink.text(this.name)
    sink.f64(this.life)
    sink.f64(this.revision)
    sink.u8(this.compatibility === 'backward' ? 1 : 0)
    sink.f64(this.retention.events)
    sink.f64(this.retention.bytes)
    sink.f64(this.retention.ageMs)
    sink.f64(this.offset)
    sink.f64(this.lastSeq)
    sink.f64(this.lostSeq)
    sink.u32(this.schemaVersion)
    sink.u32(this.schemas.size)
    for (const [version, schema] of this.schemas) {
      sink.u32(version)
      sink.u32(schema.length)
      sink.raw(schema)
    }
  }

  static read(reader: ByteReader): Topic {
    const topic = new Topic(reader.text(), reader.f64())
    topic.revision = reader.f64()
    topic.compatibility = reader.u8() === 1 ? 'backward' : 'none'
    topic.retention = Object.freeze({ events: reader.f64(), bytes: reader.f64(), ageMs: reader.f64() })
    topic.offset = reader.f64()
    topic.lastSeq = reader.f64()
    topic.lostSeq = reader.f64()
    topic.schemaVersion = reader.u32()
    for (let n = reader.u32(); n > 0; n--) {
      const version = reader.u32()
      topic.schemas.set(version, Uint8Array.from(reader.raw(reader.u32())))
    }
    return topic
  }
}
