// What replicas agree on, one by one: a command is one request of the group, opaque bytes to it. The replica where a
// request enters checks it and encodes it once; after that nobody touches the bytes. A command carries everything that
// its effect depends on, the sender's clock included, because the state has nothing else to ask.
//
//   u8 kind · u8 flags · f64 time · f64 sequence · text publisher · text topic · what the kind adds
//   publish      f64 topic life · u32 schema version · packed records (record.ts)
//   putTopic     f64 expected version · f64 events, bytes, age of the retention · schema
//   deleteTopic  nothing
//   clock        nothing; its topic is empty

import assert from 'node:assert'
import { asBuffer, ByteReader, encode } from './bytes.ts'
import { PackedRecords, packRecords } from './record.ts'

/** How many of a topic's newest events are kept. 0: no limit of this kind. */
export interface Retention {
  readonly events: number
  readonly bytes: number
  /** In milliseconds of the ordered time. */
  readonly ageMs: number
}

export type Compatibility = 'backward' | 'none'

export interface CommandHeader {
  /** The sender's wall clock, in milliseconds since 1970. */
  readonly time: number
  /** Whose request this is; '': nobody's, so it cannot be known again when it comes twice. */
  readonly publisher: string
  /** The publisher's number of this request (of the first event, in a publish). */
  readonly sequence: number
}

export interface PublishCommand extends CommandHeader {
  readonly kind: 'publish'
  readonly topic: string
  /** The version that the events were validated against, where they entered. 0: the topic is untyped. */
  readonly schemaVersion: number
  /**
   * The life of the topic (`TopicInfo.life`) that `schemaVersion` belongs to: a topic that is deleted and created again
   * counts its versions from 1 again. Left out or 0: whichever life the topic is in.
   */
  readonly topicLife?: number
  /** An unknown topic is created, untyped. */
  readonly autoCreate: boolean
  /**
   * The publisher's id was given by a replica, not by a client: its numbers grow but may skip, and one at or below the
   * highest seen is a duplicate.
   */
  readonly gapsAllowed: boolean
  /** Each made by `encodeRecord`, or all of them packed (`packEvents`, or those of a decoded command). At least one. */
  readonly records: readonly Uint8Array[] | Uint8Array
}

export interface TopicSettings {
  /** The schema as JSON text. Other bytes than the current version's make a new version. */
  readonly schema?: Uint8Array
  readonly retention?: Partial<Retention>
  readonly compatibility?: Compatibility
}

/** What `settings` leaves out stays as it is, or gets its default in a new topic. */
export interface PutTopicCommand extends CommandHeader {
  readonly kind: 'putTopic'
  readonly topic: string
  readonly settings: TopicSettings
  /** The `revision` of the topic that the settings were checked against. 0: there was no such topic. */
  readonly expectedVersion: number
}

export interface DeleteTopicCommand extends CommandHeader {
  readonly kind: 'deleteTopic'
  readonly topic: string
}

/** Carries only time, so that ages pass in an idle group. */
export interface ClockCommand extends CommandHeader {
  readonly kind: 'clock'
}

/** All kinds but `publish` come under ids that replicas gave: gaps are allowed in their numbers. */
export type Command = PublishCommand | PutTopicCommand | DeleteTopicCommand | ClockCommand

export type CommandKind = Command['kind']

/** A decoded publish has its records packed, as a view into the bytes given, and its `topicLife`. */
export type DecodedCommand =
  | (PublishCommand & { readonly records: Uint8Array; readonly topicLife: number })
  | PutTopicCommand
  | DeleteTopicCommand
  | ClockCommand

const KINDS: readonly CommandKind[] = ['publish', 'putTopic', 'deleteTopic', 'clock']

const AUTO_CREATE = 1
const GAPS_ALLOWED = 2
const HAS_SCHEMA = 4
const COMPATIBILITIES: readonly (Compatibility | undefined)[] = [undefined, 'backward', 'none']
const COMPATIBILITY_SHIFT = 3

/** A limit of a retention that is left out. */
const LEFT_OUT = -1

/** The last millisecond that can be written as a date. */
const TIME_MAX = 8.64e15

export function encodeCommand(command: Command): Uint8Array {
  const { kind, time, publisher, sequence } = command
  assert(time >= 0 && time <= TIME_MAX, 'the time of a command is in milliseconds since 1970')
  const records = kind === 'publish' ? packed(command.records) : undefined
  const count = records?.count ?? 1
  assert(sequence >= 0 && Number.isSafeInteger(sequence + count), 'a sequence number is a whole number below 2^53')
  return encode((sink) => {
    sink.u8(KINDS.indexOf(kind) + 1)
    sink.u8(flagsOf(command))
    sink.f64(time)
    sink.f64(sequence)
    sink.text(publisher)
    sink.text(kind === 'clock' ? '' : command.topic)
    if (kind === 'publish') {
      sink.f64(command.topicLife ?? 0)
      sink.u32(command.schemaVersion)
      sink.raw(records!.bytes)
    } else if (kind === 'putTopic') {
      const { retention, schema } = command.settings
      sink.f64(command.expectedVersion)
      for (const limit of [retention?.events, retention?.bytes, retention?.ageMs]) sink.f64(limit ?? LEFT_OUT)
      if (schema !== undefined) sink.raw(schema)
    }
  })
}

/** Bytes that are no command are a bug of the replica that made them, and throw. */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const reader = new ByteReader(bytes)
  const kind = KINDS[reader.u8() - 1]
  assert(kind !== undefined, 'a command of a kind that this version does not know')
  const flags = reader.u8()
  const time = reader.f64()
  const sequence = reader.f64()
  assert(time >= 0 && time <= TIME_MAX, 'a command whose time is no time')
  const publisher = reader.text()
  const topic = reader.text()
  switch (kind) {
    case 'publish': {
      const topicLife = reader.f64()
      const schemaVersion = reader.u32()
      const records = packed(reader.rest()).bytes
      const autoCreate = (flags & AUTO_CREATE) !== 0
      const gapsAllowed = (flags & GAPS_ALLOWED) !== 0
      return { kind, time, publisher, sequence, topic, schemaVersion, topicLife, autoCreate, gapsAllowed, records }
    }
    case 'putTopic': {
      const expectedVersion = reader.f64()
      const [events, bytes, ageMs] = [reader.f64(), reader.f64(), reader.f64()]
      const schema = reader.rest()
      const compatibility = COMPATIBILITIES[flags >> COMPATIBILITY_SHIFT]
      const settings = {
        retention: {
          ...(events !== LEFT_OUT && { events }),
          ...(bytes !== LEFT_OUT && { bytes }),
          ...(ageMs !== LEFT_OUT && { ageMs }),
        },
        ...((flags & HAS_SCHEMA) !== 0 && { schema }),
        ...(compatibility !== undefined && { compatibility }),
      }
      return { kind, time, publisher, sequence, topic, settings, expectedVersion }
    }
    case 'deleteTopic':
      reader.finish()
      return { kind, time, publisher, sequence, topic }
    case 'clock':
      reader.finish()
      return { kind, time, publisher, sequence }
  }
}

/** How many sequence numbers of its publisher a command takes. */
export function sequencesOf(command: DecodedCommand): number {
  return command.kind === 'publish' ? packed(command.records).count : 1
}

function packed(records: readonly Uint8Array[] | Uint8Array): PackedRecords {
  const all = new PackedRecords(asBuffer(records instanceof Uint8Array ? records : packRecords(records)), 0)
  assert(all.whole, 'records whose table does not fit them, or no record at all')
  return all
}

function flagsOf(command: Command): number {
  if (command.kind === 'publish') {
    return (command.autoCreate ? AUTO_CREATE : 0) | (command.gapsAllowed ? GAPS_ALLOWED : 0)
  }
  if (command.kind !== 'putTopic') return 0
  const { schema, compatibility } = command.settings
  const compatibilityFlag = COMPATIBILITIES.indexOf(compatibility) << COMPATIBILITY_SHIFT
  return (schema === undefined ? 0 : HAS_SCHEMA) | compatibilityFlag
}
