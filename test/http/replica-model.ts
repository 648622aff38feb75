// A replica as the HTTP side sees it, in memory and alone: what is published is safe at once. Small enough to be seen
// to be right; with levers for what a group does to a replica.

import assert from 'node:assert/strict'
import { BrokerError } from '../../broker/errors.ts'
import { PackedRecords, packEvents } from '../../broker/events/record.ts'
import type {
  BlockNotification,
  ClusterChange,
  ClusterHappening,
  ClusterStatus,
  Cursor,
  EventBlock,
  From,
  GapNotification,
  GapReason,
  Limits,
  MetricsFormat,
  MetricsText,
  Notification,
  Operations,
  Published,
  PublishRequest,
  ReadEvent,
  Retention,
  SchemaDocument,
  SubscribeOptions,
  TopicDescription,
  ViewNotice,
} from '../../broker/http/operations.ts'
import { SchemaRegistry } from '../../broker/http/schema-registry.ts'

const LIMITS: Limits = {
  eventBytesMax: 256 * 1024,
  requestBytesMax: 512 * 1024,
  requestEventsMax: 10_000,
  schemaBytesMax: 768 * 1024,
  topicsMax: 100_000,
  topicNameBytesMax: 255,
  connectionsMax: 1000,
  bodiesBytesMax: 256 * 1024 * 1024,
}

interface Topic {
  readonly name: string
  schemas: Uint8Array[]
  retention: Retention
  offset: number
}

type Entry = Extract<Notification, { type: 'event' | 'view' }>

export class ReplicaModel implements Operations {
  readonly limits: Limits
  readonly requests: PublishRequest[] = []
  history = 'cafe01'
  primary = true
  reason: string | undefined
  /** Thrown by the next calls. */
  failure: unknown
  /** What a publish waits for. */
  gate: Promise<void> = Promise.resolve()
  readonly cursors: Set<ModelCursor> = new Set()
  readonly watchers: Set<(change: ClusterChange) => void> = new Set()
  private readonly registry: SchemaRegistry
  private readonly topics = new Map<string, Topic>()
  private readonly publishers = new Map<string, { next: number; replies: Map<number, Published> }>()
  log: Entry[] = []
  incarnation = 'f00'
  seq = 0
  lostThrough = 0

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...LIMITS, ...limits }
    this.registry = new SchemaRegistry({ schemaBytesMax: this.limits.schemaBytesMax })
  }

  async publish(request: PublishRequest): Promise<Published> {
    this.mayFail()
    const topic = this.find(request.topic)
    const version = topic.schemas.length
    const text = topic.schemas.at(-1)
    if (text !== undefined) {
      const candidates = request.events.map(({ value, path = '' }) => ({ value, path }))
      const errors = this.registry.validate(topic.name, version, text, candidates)
      if (errors.length > 0) throw new BrokerError('INVALID_EVENT', 'The event does not fit.', { errors })
    }
    await this.gate
    const { publisher } = request
    const known = publisher && this.publishers.get(publisher.id)
    if (publisher && known && publisher.sequence < known.next) {
      const reply = known.replies.get(publisher.sequence)
      const count = request.events.length
      const unknown = { history: this.history, seq: 0, offset: 0, count, positionKnown: false }
      return { ...(reply ?? unknown), duplicate: true }
    }
    if (publisher && known && publisher.sequence > known.next) {
      throw new BrokerError('CONFLICT', 'Not the next one.', {
        expectedSequence: known.next,
        outcome: 'not-published',
      })
    }
    this.requests.push(request)
    const published: Published = {
      history: this.history,
      seq: this.seq + 1,
      offset: topic.offset + 1,
      count: request.events.length,
      duplicate: false,
      positionKnown: true,
    }
    for (const event of request.events) {
      // Kept are the bytes, not the values.
      const seq = ++this.seq
      const stored: ReadEvent = {
        seq,
        offset: ++topic.offset,
        topic: topic.name,
        id: event.id ?? `${this.history}-${seq}`,
        type: event.type ?? topic.name,
        source: event.source ?? `/topics/${topic.name}`,
        time: event.time ?? '2026-01-31T12:00:00.000Z',
        key: event.key,
        schemaVersion: version,
        publisher: publisher?.id,
        numbered: { by: publisher?.id ?? '~a', number: publisher ? publisher.sequence + seq - published.seq : seq },
        extensions: event.extensions,
        data: Uint8Array.from(event.data),
      }
      this.log.push({ type: 'event', event: stored })
    }
    if (publisher) {
      const { next, replies } = known ?? { next: publisher.sequence, replies: new Map<number, Published>() }
      replies.set(next, published)
      this.publishers.set(publisher.id, { next: next + request.events.length, replies })
    }
    this.wake()
    return published
  }

  async putTopic(
    name: string,
    settings: { schema?: SchemaDocument; retention?: Partial<Retention> },
  ): Promise<{ created: boolean; description: TopicDescription }> {
    this.mayFail()
    const known = this.topics.get(name)
    const topic = known ?? { name, schemas: [], retention: { events: 0, bytes: 0, ageMs: 0 }, offset: 0 }
    if (settings.schema !== undefined) {
      const checked = this.registry.check(settings.schema)
      if (!checked.ok) throw new BrokerError('MALFORMED', 'No schema.', { errors: checked.faults })
      const current = topic.schemas.at(-1)
      if (current !== undefined && requires(checked.text) > requires(current)) {
        const errors = [{ path: '/schema/required', message: 'requires more' }]
        throw new BrokerError('CONFLICT', 'Incompatible.', { errors })
      }
      topic.schemas.push(checked.text)
    }
    topic.retention = { ...topic.retention, ...settings.retention }
    this.topics.set(name, topic)
    return { created: known === undefined, description: this.describeTopic(name) }
  }

  async deleteTopic(name: string): Promise<void> {
    this.mayFail()
    this.find(name)
    this.topics.delete(name)
  }

  describeTopic(name: string): TopicDescription {
    this.mayFail()
    const { schemas, retention, offset } = this.find(name)
    return {
      topic: name,
      schemaVersion: schemas.length,
      compatibility: 'backward',
      retention,
      offset,
      oldestOffset: 1,
      events: offset,
      bytes: 0,
    }
  }

  listTopics(): TopicDescription[] {
    return [...this.topics.keys()].map((name) => this.describeTopic(name))
  }

  schema(name: string, version: number | 'latest'): { version: number; schema: SchemaDocument } {
    const { schemas } = this.find(name)
    const number = version === 'latest' ? schemas.length : version
    const text = schemas[number - 1]
    if (text === undefined) throw new BrokerError('NOT_FOUND', `Topic ${name} has no schema version ${version}.`)
    return { version: number, schema: JSON.parse(Buffer.from(text).toString()) }
  }

  subscribe(patterns: readonly string[], from: From, options: SubscribeOptions): ModelCursor {
    this.mayFail()
    const cursor = new ModelCursor(this, patterns, from, options.views)
    this.cursors.add(cursor)
    return cursor
  }

  cluster(): ClusterStatus {
    const { history, primary, reason, seq, incarnation } = this
    const view = { number: 1, members: [{ name: 'a', incarnation, url: 'http://a.test', rank: 0 }] }
    const state = primary ? ('member' as const) : ('observer' as const)
    const clients = this.cursors.size
    const place = { seq, digest: '00c0ffee', position: seq, head: seq }
    const status = {
      history,
      view,
      self: 'a',
      incarnation,
      primary,
      state,
      clients,
      suspected: [],
      wedged: false,
      ...place,
    }
    return reason === undefined ? status : { ...status, reason }
  }

  unready(): string | undefined {
    return this.primary ? undefined : (this.reason ?? 'its state is observer')
  }

  watchCluster(tell: (change: ClusterChange) => void): () => void {
    this.watchers.add(tell)
    return () => this.watchers.delete(tell)
  }

  /** Something has happened to it. */
  happen(happening: ClusterHappening): void {
    const change = { at: '2026-01-31T12:00:00.000Z', seq: this.seq, ...happening }
    for (const tell of this.watchers) tell(change)
  }

  async metrics(format: MetricsFormat): Promise<MetricsText> {
    this.mayFail()
    const contentType = {
      prometheus: 'text/plain; version=0.0.4; charset=utf-8',
      openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    }[format]
    return { contentType, text: `# HELP lockstep_view_number n\n${format === 'openmetrics' ? '# EOF\n' : ''}` }
  }

  installView(view: ViewNotice): void {
    this.log.push({ type: 'view', seq: ++this.seq, view })
    this.wake()
  }

  /** Retention takes all events of a topic up to a place. */
  lose(topic: string, through: number): void {
    this.log = this.log.filter((entry) => !(topicOf(entry) === topic && seqOf(entry) <= through))
    this.lostThrough = Math.max(this.lostThrough, through)
    this.wake()
  }

  private wake(): void {
    for (const cursor of this.cursors) cursor.wake()
  }

  private find(name: string): Topic {
    const topic = this.topics.get(name)
    if (topic === undefined) throw new BrokerError('NOT_FOUND', `There is no topic ${name}.`)
    return topic
  }

  nextSequence(publisher: string): number | undefined {
    return this.publishers.get(publisher)?.next
  }

  private mayFail(): void {
    if (this.failure !== undefined) throw this.failure
  }
}

/** Each event as a block of its own, without the defaults that the model has filled in. */
function blockOf(read: ReadEvent): EventBlock {
  const { seq, offset, topic, publisher, numbered, schemaVersion, key, data, ...event } = read
  const id = event.id.endsWith(`-${seq}`) ? {} : { id: event.id }
  const packed = Buffer.from(packEvents([{ data, ...id, ...(key !== undefined && { key }) }]))
  const records = new PackedRecords(packed, 0)
  const [table, bytes] = [records.table(0, 1), records.between(0, 1)]
  const time = Date.parse(event.time)
  const common = { topic, publisher, numbered, schemaVersion, time, count: 1, base: 0, table, records: bytes }
  return { type: 'block', seq, offset, ...common }
}

export class ModelCursor implements Cursor {
  seq: number
  readonly current = false
  private readonly replica: ReplicaModel
  private readonly patterns: readonly RegExp[]
  private readonly views: boolean
  private toldThrough = 0
  private changed = false
  private wakeUp: (() => void) | undefined

  constructor(replica: ReplicaModel, patterns: readonly string[], from: From, views: boolean) {
    this.replica = replica
    this.views = views
    this.patterns = patterns.map(
      (pattern) =>
        new RegExp(
          `^${pattern.replaceAll('$', '\\$').replaceAll('.', '\\.').replaceAll('*', '[^.$]+').replace('>', '[^$].*')}$`,
        ),
    )
    this.seq = this.placeOf(from)
  }

  next(most: number, bytes: number): (Entry | GapNotification)[] {
    assert(most > 0 && bytes > 0)
    const { log, lostThrough, seq: head } = this.replica
    const given: (Entry | GapNotification)[] = []
    const gap = (from: number, to: number, reason: GapReason) => given.push({ type: 'gap', from, to, reason })
    if (this.changed) gap(0, lostThrough, 'history-changed')
    else if (lostThrough > Math.max(this.seq, this.toldThrough)) gap(this.seq + 1, lostThrough, 'retention')
    this.changed = false
    this.toldThrough = Math.max(this.toldThrough, lostThrough)
    let room = bytes
    for (const entry of log) {
      const seq = seqOf(entry)
      if (seq <= this.seq) continue
      const wanted =
        entry.type === 'view' ? this.views : this.patterns.some((pattern) => pattern.test(entry.event.topic))
      if (wanted) {
        if (given.length === most || room <= 0) return given
        given.push(entry)
        room -= entry.type === 'event' ? entry.event.data.length : 100
      }
      this.seq = seq
    }
    this.seq = Math.max(this.seq, head)
    return given
  }

  nextBlocks(bytes: number): BlockNotification[] {
    return this.next(100, bytes).map((one) => (one.type === 'event' ? blockOf(one.event) : one))
  }

  onMore(wake: () => void): void {
    this.wakeUp = wake
    if (this.seq < this.replica.seq) setImmediate(() => this.wake())
  }

  wake(): void {
    const { wakeUp } = this
    this.wakeUp = undefined
    wakeUp?.()
  }

  close(): void {
    this.replica.cursors.delete(this)
    this.wakeUp = undefined
  }

  private placeOf(from: From): number {
    switch (from.at) {
      case 'now':
        return this.replica.seq
      case 'start':
        this.toldThrough = this.replica.lostThrough
        return 0
      case 'seq':
        return from.seq - 1
      case 'time':
        return this.replica.log.map(eventTime).findLast(([, ms]) => ms < from.ms)?.[0] ?? 0
      case 'token':
        this.changed = from.history !== this.replica.history
        return this.changed ? 0 : from.seq
      default:
        return from satisfies never
    }
  }
}

function seqOf(entry: Entry): number {
  return entry.type === 'view' ? entry.seq : entry.event.seq
}

function topicOf(entry: Entry): string {
  return entry.type === 'view' ? '$sys.views' : entry.event.topic
}

function eventTime(entry: Entry): [number, number] {
  return [seqOf(entry), entry.type === 'view' ? 0 : Date.parse(entry.event.time)]
}

function requires(schemaText: Uint8Array): number {
  const { required = [] } = JSON.parse(Buffer.from(schemaText).toString()) as { required?: string[] }
  return required.length
}
