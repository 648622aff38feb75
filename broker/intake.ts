// Where requests of clients are checked against the limits and the present state, and made into commands. A check is
// only as good as the state that it was made against: each command carries which (the version of a schema, the revision
// of a topic), the state refuses it when that has changed meanwhile, and then it is checked and made again.

import { BrokerError, type Fault } from './errors.ts'
import { decodeCommand, encodeCommand, type TopicSettings } from './events/command.ts'
import { incompatibilities } from './events/compatibility.ts'
import { topicNameFault } from './events/patterns.ts'
import { decodeRecord, PackedRecords, packEvents } from './events/record.ts'
import type { State, TopicInfo } from './events/state.ts'
import type { Compatibility, Limits, NewEvent, PublishRequest, Retention, SchemaDocument } from './http/operations.ts'
import type { NewRequest } from './pending.ts'
import { noSuchTopic, shown } from './refusals.ts'

/** What is known of schemas; `SchemaRegistry` is one, a simulation may find everything right. */
export interface Schemas {
  /** Is this a schema that events can be validated by? If so, `text` is what to store. */
  check(
    document: unknown,
  ): { readonly ok: true; readonly text: Uint8Array } | { readonly ok: false; readonly faults: readonly Fault[] }
  /** The faults of all the events of a request; none: all are valid. */
  validate(
    topic: string,
    version: number,
    schemaText: Uint8Array,
    candidates: readonly (Pick<NewEvent, 'dataBytes' | 'path'> & { readonly value: unknown })[],
  ): readonly Fault[]
}

export interface PutTopicSettings {
  readonly schema?: SchemaDocument
  readonly retention?: Partial<Retention>
  readonly compatibility?: Compatibility
}

export interface IntakeParts {
  readonly limits: Limits
  readonly autoTopics: boolean
  /** What the fabric carries in one piece, now. */
  readonly datagramBytesMax: () => number
  /** Milliseconds since 1970, put into commands. */
  readonly wallClock: () => number
  readonly schemas: Schemas
  /** The present state; another object after a restore. */
  readonly state: () => State
  readonly onSchemaRejection: (topic: string) => void
}

/** Ids of publishers that begin so are given by replicas. */
export const OWN_ID_MARK = '~'
/** What a datagram holds besides events: the header of the largest view, and names and numbers of the command. */
const DATAGRAM_ROOM_BYTES = 2048
const PUBLISHER_ID_BYTES_MAX = 255

export class Intake {
  private readonly parts: IntakeParts

  constructor(parts: IntakeParts) {
    this.parts = parts
  }

  /** What is taken now: what was configured, or less where the fabric carries less. */
  get limits(): Limits {
    const { limits } = this.parts
    const room = this.parts.datagramBytesMax() - DATAGRAM_ROOM_BYTES
    if (room >= Math.max(limits.eventBytesMax, limits.requestBytesMax, limits.schemaBytesMax)) return limits
    return {
      ...limits,
      eventBytesMax: Math.min(limits.eventBytesMax, room),
      requestBytesMax: Math.min(limits.requestBytesMax, room),
      schemaBytesMax: Math.min(limits.schemaBytesMax, room),
    }
  }

  /** Whatever can be said without the state. Gives the bytes of the events. */
  checkPublish({ topic, events, publisher }: PublishRequest): number {
    const { limits } = this
    this.checkTopicName(topic)
    if (events.length === 0) throw new BrokerError('MALFORMED', 'A publish needs at least one event.')
    if (events.length > limits.requestEventsMax) {
      const most = `requestEventsMax = ${limits.requestEventsMax}`
      throw new BrokerError(
        'TOO_LARGE',
        `The request has ${events.length} events; the limit is ${most}: send several.`,
        {
          outcome: 'not-published',
        },
      )
    }
    if (publisher !== undefined) checkPublisher(publisher, events.length)
    let bytes = 0
    for (const event of events) {
      const size = eventBytes(event)
      if (size > limits.eventBytesMax) throw this.tooLarge('An event', size, 'eventBytesMax')
      bytes += size
    }
    if (bytes > limits.requestBytesMax) throw this.tooLarge('The request', bytes, 'requestBytesMax')
    return bytes
  }

  /** The events themselves are let go when the command is made for the first time: from then on they are in it. */
  publish(request: PublishRequest, publisher: string, ownNumber: boolean): NewRequest['prepare'] {
    const { topic } = request
    let fresh: Pick<PublishRequest, 'events' | 'packed'> | undefined = request
    return (sequence, previous) => {
      const records = fresh === undefined ? recordsOf(previous!) : (fresh.packed ?? packEvents(fresh.events))
      const state = this.parts.state()
      const info = state.topic(topic)
      const count = new PackedRecords(bufferOf(records), 0).count
      // A retry of what is in the order already: its answer is there, whatever has become of its topic since.
      const known = !ownNumber && sequence + count <= (state.publisherExpects(publisher) ?? 0)
      if (!known) this.checkEvents(topic, info, () => fresh?.events ?? unpacked(records))
      const command = encodeCommand({
        kind: 'publish',
        time: this.parts.wallClock(),
        publisher,
        sequence,
        topic,
        schemaVersion: info?.schemaVersion ?? 0,
        topicLife: info?.life ?? 0,
        autoCreate: this.parts.autoTopics,
        gapsAllowed: ownNumber,
        records,
      })
      if (records.length > this.parts.datagramBytesMax() - DATAGRAM_ROOM_BYTES) {
        throw this.tooLarge('The request, encoded,', records.length, 'requestBytesMax')
      }
      fresh = undefined
      return command
    }
  }

  /** `exists` is told before each try whether there is such a topic. */
  putTopic(
    topic: string,
    publisher: string,
    settings: PutTopicSettings,
    exists: (known: boolean) => void,
  ): { bytes: number; prepare: NewRequest['prepare'] } {
    this.checkTopicName(topic)
    const checked = this.checkSettings(settings)
    const prepare = (sequence: number): Uint8Array => {
      const info = this.parts.state().topic(topic)
      exists(info !== undefined)
      if (info !== undefined) this.checkCompatible(info, checked)
      return encodeCommand({
        kind: 'putTopic',
        time: this.parts.wallClock(),
        publisher,
        sequence,
        topic,
        settings: checked,
        expectedVersion: info?.revision ?? 0,
      })
    }
    return { bytes: checked.schema?.length ?? 0, prepare }
  }

  deleteTopic(topic: string, publisher: string): NewRequest['prepare'] {
    this.checkTopicName(topic)
    return (sequence) =>
      encodeCommand({ kind: 'deleteTopic', time: this.parts.wallClock(), publisher, sequence, topic })
  }

  existing(topic: string): TopicInfo {
    const info = this.parts.state().topic(topic)
    if (info === undefined) throw noSuchTopic(topic)
    return info
  }

  private checkEvents(topic: string, info: TopicInfo | undefined, events: () => readonly NewEvent[]): void {
    // A topic that is not known here may have been created a moment ago at another replica: its turn in the order tells.
    if (info === undefined) return
    const version = info.schemaVersion
    if (version === 0) return
    const text = this.parts.state().schema(topic, version)!
    const all = events()
    const candidates = all.every(hasValue) ? all : all.map(withValue)
    const faults = this.parts.schemas.validate(topic, version, text, candidates)
    if (faults.length === 0) return
    this.parts.onSchemaRejection(topic)
    throw new BrokerError('INVALID_EVENT', `The event does not fit schema version ${version} of topic ${topic}.`, {
      errors: faults,
      outcome: 'not-published',
    })
  }

  private checkTopicName(topic: string): void {
    const most = this.parts.limits.topicNameBytesMax
    const long = topic.length > most ? `a topic name has at most topicNameBytesMax = ${most} bytes` : undefined
    const fault = long ?? topicNameFault(topic)
    if (fault !== undefined) throw new BrokerError('MALFORMED', `${shown(topic)}: ${fault}.`)
  }

  private checkSettings({ schema, retention, compatibility }: PutTopicSettings): TopicSettings {
    const errors: Fault[] = []
    for (const [kind, limit] of Object.entries(retention ?? {})) {
      if (Number.isSafeInteger(limit) && limit >= 0) continue
      errors.push({ path: `/retention/${kind}`, message: 'must be a whole number; 0 means no limit of this kind' })
    }
    if (errors.length > 0) throw new BrokerError('MALFORMED', 'The retention cannot be kept.', { errors })
    const rest = {
      ...(retention !== undefined && { retention }),
      ...(compatibility !== undefined && { compatibility }),
    }
    if (schema === undefined) return rest
    const checked = this.parts.schemas.check(schema)
    if (!checked.ok) {
      throw new BrokerError('MALFORMED', 'The schema is none to validate events by.', { errors: checked.faults })
    }
    const { length } = checked.text
    if (length > this.limits.schemaBytesMax) throw this.tooLarge('The schema', length, 'schemaBytesMax')
    return { ...rest, schema: checked.text }
  }

  private checkCompatible(info: TopicInfo, { schema, compatibility }: TopicSettings): void {
    if (schema === undefined || info.schemaVersion === 0) return
    if ((compatibility ?? info.compatibility) === 'none') return
    const current = this.parts.state().schema(info.topic, info.schemaVersion)!
    const found = incompatibilities(parseJson(current), parseJson(schema))
    if (found.length === 0) return
    throw new BrokerError(
      'CONFLICT',
      `Not every event that is valid under schema version ${info.schemaVersion} of topic ${info.topic} would be valid ` +
        'under this one, and subscribers rely on that. Mend it, use a new topic, or set "compatibility": "none".',
      { errors: found.map(({ path, reason }) => ({ path: `/schema${path}`, message: reason })) },
    )
  }

  private tooLarge(what: string, bytes: number, limit: keyof Limits): BrokerError {
    const most = this.limits[limit]
    // Encoding adds to the events, so what fits the limit may still not fit the fabric.
    const byFabric = most < this.parts.limits[limit] || bytes <= most
    const fabric = `; the fabric carries at most ${this.parts.datagramBytesMax()} bytes in one piece, which lowers it`
    const message = `${what} has ${bytes} bytes; the limit is ${limit} = ${most}${byFabric ? fabric : ''}.`
    return new BrokerError('TOO_LARGE', message, { outcome: 'not-published' })
  }
}

function checkPublisher({ id, sequence }: { id: string; sequence: number }, events: number): void {
  const errors: Fault[] = []
  const bytes = Buffer.byteLength(id)
  if (bytes === 0 || bytes > PUBLISHER_ID_BYTES_MAX) {
    errors.push({ path: 'Lockstep-Publisher', message: `must have 1 to ${PUBLISHER_ID_BYTES_MAX} bytes` })
  }
  if (id.startsWith(OWN_ID_MARK)) {
    errors.push({ path: 'Lockstep-Publisher', message: `must not begin with ${OWN_ID_MARK}: replicas give such ids` })
  }
  if (!(Number.isSafeInteger(sequence + events) && sequence >= 0 && Number.isSafeInteger(sequence))) {
    errors.push({ path: 'Lockstep-Sequence', message: 'must be a whole number from 0 on, below 2^53' })
  }
  if (errors.length > 0) throw new BrokerError('MALFORMED', 'The publisher cannot be known again.', { errors })
}

function eventBytes(event: NewEvent): number {
  const { dataBytes = event.data.length, key, id, type, source, time, extensions } = event
  const texts = textBytes(key) + textBytes(id) + textBytes(type) + textBytes(source) + textBytes(time)
  return dataBytes + texts + (extensions === undefined ? 0 : Buffer.byteLength(JSON.stringify(extensions)))
}

function textBytes(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text)
}

function hasValue(event: NewEvent): event is NewEvent & { readonly value: unknown } {
  return 'value' in event
}

function withValue(event: NewEvent): NewEvent & { readonly value: unknown } {
  return hasValue(event) ? event : { ...event, value: parseJson(event.data) }
}

function recordsOf(command: Uint8Array): Uint8Array {
  const decoded = decodeCommand(command)
  if (decoded.kind !== 'publish') throw new Error('not the command of a publish')
  return decoded.records
}

function unpacked(records: Uint8Array): NewEvent[] {
  const packed = new PackedRecords(bufferOf(records), 0)
  const path = (i: number): string => (packed.count === 1 ? '' : `/${i}`)
  return Array.from({ length: packed.count }, (_, i) => ({ ...decodeRecord(packed.record(i)), path: path(i) }))
}

/** JSON text as bytes, which came from a client and was found to be JSON, or from here. */
export function parseJson(text: Uint8Array): unknown {
  return JSON.parse(bufferOf(text).toString())
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
