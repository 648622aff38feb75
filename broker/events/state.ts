// What every replica holds alike: topics, their events, and what is known of publishers. A machine with one input,
// commands in the order of the group, and no clock, chance or outside world: equal commands make equal states, and the
// digest says so. Reading changes nothing that is replicated.
//
// Time here is the ordered time: the latest clock reading that any command brought. It never goes back, it is the same
// at every replica at the same place, and it stands still when no command comes.

import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { asBuffer, ByteReader, type ByteSink, encodePieces } from './bytes.ts'
import { type CommandKind, type DecodedCommand, decodeCommand, encodeCommand, sequencesOf } from './command.ts'
import { EventLog, Segment, type SegmentQueue } from './event-log.ts'
import { ExpiryHeap } from './expiry.ts'
import { type Gap, Losses } from './losses.ts'
import { isSystemTopic, type TopicFilter, topicNameFault } from './patterns.ts'
import { Publishers } from './publishers.ts'
import { PackedRecords, packEvents } from './record.ts'
import { SegmentReader, type StoredBlock, type StoredEvent } from './stored-event.ts'
import { Topic, type TopicInfo } from './topic.ts'

export type { Gap, StoredEvent, TopicInfo }

/** Constants: all replicas must have the same. */
export interface StateLimits {
  /** Without the system's own. */
  readonly topicsMax: number
  /** More are remembered by forgetting those that were used longest ago. */
  readonly publishersMax: number
  /** Requests of each publisher whose first position is remembered. */
  readonly repliesPerPublisher: number
  /**
   * Bytes of events of all topics together, each publish counting a kilobyte besides, since it costs that. Beyond it the
   * oldest of all go, whatever their topics' retention says.
   */
  readonly retainedBytesMax: number
}

export type RefusalCode =
  | 'no-such-topic'
  | 'bad-topic-name'
  | 'reserved-topic' // the system's own
  | 'stale-schema' // the events were validated against another version than the current one
  | 'stale-topic' // the settings were checked against others than the current ones
  | 'sequence' // not the publisher's next number; `expectedSequence` is
  | 'too-many-topics'

/** What became of a command. Only an applied one has changed anything that can be seen. */
export interface Applied {
  readonly kind: CommandKind
  readonly verdict: 'applied' | 'duplicate' | 'refused'
  /** Of a refusal. */
  readonly code?: RefusalCode
  readonly topic: string
  /** Its place, or that of the first event; of a duplicate the first time. 0: it has none, or it is not known any more. */
  readonly seq: number
  /** Of the first event. 0: there is none. */
  readonly offset: number
  /** Sequence numbers of the publisher that the command is about: events, or 1. */
  readonly count: number
  /** False for a duplicate whose first place is not remembered any more, and for a refusal. */
  readonly positionKnown: boolean
  readonly expectedSequence?: number
  readonly publisher: string
  readonly sequence: number
}

export interface ViewRecord {
  readonly number: number
  readonly members: readonly {
    readonly name: string
    readonly incarnation: string
    readonly url: string
    readonly rank: number
  }[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly failed: readonly string[]
}

interface EventItem {
  readonly type: 'event'
  readonly event: StoredEvent
}

export interface BlockItem {
  readonly type: 'block'
  readonly block: StoredBlock
  /** For who must look into it after all. */
  readonly events: () => StoredEvent[]
}

export type Item = EventItem | Gap

export interface ReadResult<T> {
  readonly items: (T | Gap)[]
  /** All that matches up to here has been given: what to read on after. */
  readonly through: number
}

export const VIEWS_TOPIC = '$sys.views'

const VIEWS_KEPT = 1000

/** A call of `read` looks at no more than so many segments, then it lets others have a turn. */
const SEGMENTS_PER_READ = 1024

/** A reader of so few names reads from their own queues; of more, from the whole log. */
const NAMES_READ_APART = 16

/** The first bytes of a snapshot: "LSS" and the version of its layout. */
const SNAPSHOT_FORMAT = 0x0153534c

export class State {
  private readonly limits: StateLimits
  private readonly topicsByName = new Map<string, Topic>()
  private readonly log = new EventLog()
  private readonly publishers: Publishers
  private readonly losses = new Losses()
  private readonly expiries = new ExpiryHeap<Topic>()
  /** 32 bits that everything so far comes to. Equal at equal positions: if not, the replicas have diverged. */
  checksum = 0
  private lastSeq = 0
  private orderedTime = 0
  private historyText = ''
  /** Only for `mark`, so that nothing is allocated there. */
  private readonly results = new Float64Array(6)
  private readonly resultBytes = new Uint8Array(this.results.buffer)

  constructor(limits: StateLimits) {
    this.limits = limits
    this.publishers = new Publishers(limits.publishersMax, limits.repliesPerPublisher)
    const views = new Topic(VIEWS_TOPIC, 0)
    views.put({ retention: { events: VIEWS_KEPT } }, 0)
    this.topicsByName.set(VIEWS_TOPIC, views)
  }

  /** Hexadecimal; '': not begun. */
  get history(): string {
    return this.historyText
  }

  /** Of the newest change. Equal positions of one history mean equal states. */
  get seq(): number {
    return this.lastSeq
  }

  /** The ordered time, in milliseconds since 1970. */
  get now(): number {
    return this.orderedTime
  }

  /** The checksum as text. */
  get digest(): string {
    return this.checksum.toString(16).padStart(8, '0')
  }

  /** Of the oldest retained event; of the next one, if there is none. */
  get oldestSeq(): number {
    return this.log.segments.first?.firstSeq ?? this.lastSeq + 1
  }

  get eventsRetained(): number {
    return this.log.events
  }

  get bytesRetained(): number {
    return this.log.bytes
  }

  /** What is held against `retainedBytesMax`. */
  get costRetained(): number {
    return this.log.cost
  }

  /** Without the system's own. */
  get topicCount(): number {
    return this.topicsByName.size - 1
  }

  get publishersRemembered(): number {
    return this.publishers.count
  }

  /** To be called at the first view, before anything is applied. */
  begin(history: string): void {
    assert(/^[0-9a-f]+$/.test(history), 'a history is a hexadecimal number')
    assert(this.historyText === '' || this.historyText === history, 'a state belongs to one history')
    if (this.historyText === history) return
    this.historyText = history
    this.checksum = crc32(history)
  }

  /** The bytes must not be changed afterwards: they may be kept. */
  apply(bytes: Uint8Array): Applied {
    assert(this.historyText !== '', 'a command before the history has begun')
    const command = decodeCommand(bytes)
    const { kind, publisher, sequence } = command
    const count = sequencesOf(command)
    const about = { kind, topic: command.kind === 'clock' ? '' : command.topic, count, publisher, sequence }
    const nowhere = { seq: 0, offset: 0, positionKnown: false }

    // Asked first: what has happened has happened, even if its topic is gone by now.
    if (publisher !== '') {
      const gapsAllowed = command.kind !== 'publish' || command.gapsAllowed
      const claim = this.publishers.claim(publisher, sequence, count, gapsAllowed)
      if (claim.verdict === 'duplicate') return { ...about, ...claim }
      if (claim.verdict === 'refused') {
        return { ...about, ...nowhere, verdict: 'refused', code: 'sequence', expectedSequence: claim.expected }
      }
    }
    const code = this.refusal(command)
    if (code !== undefined) return { ...about, ...nowhere, verdict: 'refused', code }

    // Time passes only here: a refusal that let it pass would make events expire at no place in the order.
    this.orderedTime = Math.max(this.orderedTime, command.time)
    const seq = this.lastSeq + 1
    let offset = 0
    switch (command.kind) {
      case 'publish': {
        const topic = this.topicsByName.get(command.topic) ?? this.create(command.topic, seq)
        offset = topic.offset + 1
        this.store(topic, bytes, command.records.byteOffset - bytes.byteOffset)
        break
      }
      case 'putTopic': {
        const topic = this.topicsByName.get(command.topic) ?? this.create(command.topic, seq)
        topic.put(command.settings, seq)
        this.lastSeq = seq
        this.trim(topic)
        this.expireFrom(topic)
        break
      }
      case 'deleteTopic':
        this.lastSeq = seq
        this.delete(this.topicsByName.get(command.topic)!)
        break
      case 'clock':
        this.lastSeq = seq
    }
    this.expire()
    this.trimAll()
    if (publisher !== '') this.publishers.take(publisher, sequence, count, seq, offset)
    this.mark(bytes, seq, offset)
    return { ...about, verdict: 'applied', seq, offset, positionKnown: true }
  }

  /** A view takes its place in the order as an event of `$sys.views`. Gives that place. */
  applyView(view: ViewRecord): number {
    assert(this.historyText !== '', 'a view before the history has begun')
    const { number, joined, left, failed } = view
    const members = view.members.map(({ name, incarnation, url, rank }) => ({ name, incarnation, url, rank }))
    const data = Buffer.from(JSON.stringify({ number, members, joined, left, failed }))
    const bytes = encodeCommand({
      kind: 'publish',
      time: this.orderedTime,
      publisher: '',
      sequence: 0,
      topic: VIEWS_TOPIC,
      schemaVersion: 0,
      autoCreate: false,
      gapsAllowed: false,
      records: packEvents([{ data }]),
    })
    const command = decodeCommand(bytes)
    assert(command.kind === 'publish')
    const topic = this.topicsByName.get(VIEWS_TOPIC)!
    const seq = this.lastSeq + 1
    const offset = topic.offset + 1
    this.store(topic, bytes, command.records.byteOffset - bytes.byteOffset)
    this.trimAll()
    this.mark(bytes, seq, offset)
    return seq
  }

  topic(name: string): TopicInfo | undefined {
    return this.topicsByName.get(name)?.info()
  }

  /** All of them, the system's too, in the order in which they were created. */
  topics(): TopicInfo[] {
    return [...this.topicsByName.values()].map((topic) => topic.info())
  }

  /** JSON text. Undefined: there is no such version, or it is forgotten. */
  schema(name: string, version: number): Uint8Array | undefined {
    return this.topicsByName.get(name)?.schema(version)
  }

  /** The publisher's next number; undefined: it is not known, and may begin anywhere. */
  publisherExpects(id: string): number | undefined {
    return this.publishers.expects(id)
  }

  /**
   * What follows `after` and matches, at most `most` items and, but for the first event, about `bytes` bytes of data. A
   * gap comes before the events; those that are left in its range follow it. No items does not mean the end: there may
   * be more as long as `through` is below `seq`.
   */
  read(after: number, filter: TopicFilter, most: number, bytes: number): ReadResult<EventItem> {
    let bytesLeft = bytes
    return this.readSegments<EventItem>(after, filter, most, (segment, items) => {
      const reader = new SegmentReader(segment)
      for (let seq = Math.max(segment.firstSeq, after + 1); seq <= segment.lastSeq; seq++) {
        const event = reader.event(this.historyText, seq)
        items.push({ type: 'event', event })
        bytesLeft -= event.data.length
        if (items.length >= most || bytesLeft <= 0) return seq
      }
      return undefined
    })
  }

  /** The same by blocks, with the events as they are stored; but for one event, at most so many bytes of records. */
  readBlocks(after: number, filter: TopicFilter, most: number, bytes: number): ReadResult<BlockItem> {
    let bytesLeft = bytes
    return this.readSegments<BlockItem>(after, filter, most, (segment, items) => {
      const reader = new SegmentReader(segment)
      const block = reader.block(Math.max(segment.firstSeq, after + 1), bytesLeft)
      if (block.bytes > bytesLeft && items.length > 0) return block.seq - 1
      const events = (): StoredEvent[] =>
        Array.from({ length: block.count }, (_, i) => reader.event(this.historyText, block.seq + i))
      items.push({ type: 'block', block, events })
      bytesLeft -= block.bytes
      const last = block.seq + block.count - 1
      return last < segment.lastSeq || bytesLeft <= 0 || items.length >= most ? last : undefined
    })
  }

  /** `take` adds what it takes of a segment, and answers through where, if that is to be the end. */
  private readSegments<T>(
    after: number,
    filter: TopicFilter,
    most: number,
    take: (segment: Segment, items: (T | Gap)[]) => number | undefined,
  ): ReadResult<T> {
    const gap = this.losses.tell(after, filter)
    const items: (T | Gap)[] = gap === undefined ? [] : [gap]
    if (items.length >= most) return { items, through: after }

    let through = after
    const walk = inOrder(this.queuesOf(filter), after)
    for (let looked = 0; looked < SEGMENTS_PER_READ; looked++) {
      const segment = walk()
      if (segment === undefined) return { items, through: this.lastSeq }
      const end = segment.left > 0 && filter.matches(segment.topic.name) ? take(segment, items) : undefined
      if (end !== undefined) return { items, through: end }
      through = segment.lastSeq
    }
    return { items, through }
  }

  /** For a reader that begins with whatever is retained: what is gone is no gap to it. Gives the place to read after. */
  readFromOldest(filter: TopicFilter): number {
    this.losses.forgive(filter)
    return this.oldestSeq - 1
  }

  /** The place of the first event stored at this ordered time or later; of the next event, if there is none. */
  seqAtTime(ms: number): number {
    const { segments } = this.log
    let i = segments.search((segment) => segment.storedAt >= ms)
    while (segments.at(i)?.left === 0) i++
    return segments.at(i)?.firstSeq ?? this.lastSeq + 1
  }

  /** In pieces, since it may be large; put together, equal bytes for equal states. */
  snapshot(): Buffer[] {
    this.log.lend()
    return encodePieces((sink) => this.write(sink))
  }

  static restore(bytes: Uint8Array, limits: StateLimits): State {
    const state = new State(limits)
    state.readSnapshot(new ByteReader(bytes))
    return state
  }

  private refusal(command: DecodedCommand): RefusalCode | undefined {
    if (command.kind === 'clock') return undefined
    if (isSystemTopic(command.topic)) return 'reserved-topic'
    const topic = this.topicsByName.get(command.topic)
    const creates = command.kind === 'putTopic' || (command.kind === 'publish' && command.autoCreate)
    if (topic === undefined && !creates) return 'no-such-topic'
    if (command.kind === 'putTopic' && command.expectedVersion !== (topic?.revision ?? 0)) return 'stale-topic'
    if (command.kind === 'publish') {
      if (command.schemaVersion !== (topic?.schemaVersion ?? 0)) return 'stale-schema'
      if (topic !== undefined && command.topicLife !== 0 && command.topicLife !== topic.life) return 'stale-schema'
    }
    if (topic !== undefined) return undefined
    if (topicNameFault(command.topic) !== undefined) return 'bad-topic-name'
    // One of them is the system's.
    return this.topicsByName.size > this.limits.topicsMax ? 'too-many-topics' : undefined
  }

  private create(name: string, seq: number): Topic {
    const topic = new Topic(name, seq)
    this.topicsByName.set(name, topic)
    return topic
  }

  private store(topic: Topic, bytes: Uint8Array, recordsAt: number): void {
    const place = { seq: this.lastSeq + 1, offset: topic.offset + 1, storedAt: this.orderedTime, gone: 0 }
    const { count } = new PackedRecords(asBuffer(bytes), recordsAt)
    const segment = new Segment(topic, place, { count, recordsAt })
    this.lastSeq = segment.lastSeq
    this.log.push(segment, bytes)
    topic.push(segment)
    this.trim(topic)
    if (topic.expiryPlace < 0) this.expireFrom(topic)
  }

  private trim(topic: Topic): void {
    for (let n = topic.overLimits(); n > 0; n = topic.overLimits()) this.lose(topic, topic.segments.first!, n)
  }

  /** The oldest segment of all is the oldest of its topic. */
  private trimAll(): void {
    for (let over = this.overAll(); over > 0; over = this.overAll()) {
      const segment = this.log.segments.first!
      this.lose(segment.topic, segment, segment.eventsWith(over))
      this.expireFrom(segment.topic)
    }
    this.log.tidy()
  }

  private overAll(): number {
    return this.log.cost - this.limits.retainedBytesMax
  }

  /** Its first segment is what expires next. */
  private expireFrom(topic: Topic): void {
    const first = topic.segments.first
    const { ageMs } = topic.retention
    if (ageMs === 0 || first === undefined) this.expiries.remove(topic)
    else this.expiries.set(topic, first.storedAt + ageMs)
  }

  private expire(): void {
    for (;;) {
      const topic = this.expiries.first
      if (topic === undefined || topic.expiresAfter >= this.orderedTime) return
      const { ageMs } = topic.retention
      for (let first = topic.segments.first; first !== undefined; first = topic.segments.first) {
        if (first.storedAt + ageMs >= this.orderedTime) break
        this.lose(topic, first, first.left)
      }
      this.expireFrom(topic)
    }
  }

  private lose(topic: Topic, segment: Segment, n: number): void {
    topic.drop(segment, n)
    this.log.drop(segment, n)
    this.losses.lost(topic)
  }

  private delete(topic: Topic): void {
    for (let first = topic.segments.first; first !== undefined; first = topic.segments.first) {
      const n = first.left
      topic.drop(first, n)
      this.log.drop(first, n)
    }
    this.topicsByName.delete(topic.name)
    this.expiries.remove(topic)
    this.losses.deleted(topic)
  }

  /** Whatever has advanced the order is taken into the digest, with what it led to. */
  private mark(bytes: Uint8Array, seq: number, offset: number): void {
    this.results.set([seq, offset, this.lastSeq, this.orderedTime, this.log.events, this.log.bytes])
    this.checksum = crc32(this.resultBytes, crc32(bytes, this.checksum))
  }

  private queuesOf(filter: TopicFilter): SegmentQueue[] {
    const { names } = filter
    if (names === undefined || names.length > NAMES_READ_APART) return [this.log.segments]
    return names.map((name) => this.topicsByName.get(name)?.segments).filter((queue) => queue !== undefined)
  }

  private write(sink: ByteSink): void {
    sink.u32(SNAPSHOT_FORMAT)
    sink.text(this.historyText)
    sink.f64(this.lastSeq)
    sink.f64(this.orderedTime)
    sink.u32(this.checksum)
    sink.u32(this.topicsByName.size)
    const places = new Map<Topic, number>()
    for (const topic of this.topicsByName.values()) {
      places.set(topic, places.size)
      topic.write(sink)
    }
    this.losses.write(sink)
    this.publishers.write(sink)
    const { segments } = this.log
    for (let i = 0; i < segments.length; i++) {
      const segment = segments.at(i)!
      if (segment.left === 0) continue
      sink.u32(places.get(segment.topic)! + 1)
      sink.f64(segment.seq)
      sink.f64(segment.offset)
      sink.f64(segment.storedAt)
      sink.u32(segment.gone)
      sink.u32(segment.recordsAt)
      sink.u32(segment.length)
      sink.raw(segment.command)
    }
    sink.u32(0)
  }

  private readSnapshot(reader: ByteReader): void {
    assert(reader.u32() === SNAPSHOT_FORMAT, 'not a snapshot, or one of another version')
    this.historyText = reader.text()
    this.lastSeq = reader.f64()
    this.orderedTime = reader.f64()
    this.checksum = reader.u32()
    this.topicsByName.clear()
    const topics: Topic[] = []
    for (let n = reader.u32(); n > 0; n--) {
      const topic = Topic.read(reader)
      topics.push(topic)
      this.topicsByName.set(topic.name, topic)
      if (topic.lostSeq > 0) this.losses.lost(topic)
    }
    this.losses.read(reader)
    this.publishers.read(reader)
    for (let place = reader.u32(); place > 0; place = reader.u32()) {
      const topic = topics[place - 1]!
      const at = { seq: reader.f64(), offset: reader.f64(), storedAt: reader.f64(), gone: reader.u32() }
      const recordsAt = reader.u32()
      const command = reader.raw(reader.u32())
      const { count } = new PackedRecords(command, recordsAt)
      const segment = new Segment(topic, at, { count, recordsAt })
      this.log.push(segment, command)
      topic.push(segment)
    }
    reader.finish()
    for (const topic of topics) this.expireFrom(topic)
  }
}

/** Gives the segments of all queues, from the first that ends past `after`, in the order of the group. */
function inOrder(queues: readonly SegmentQueue[], after: number): () => Segment | undefined {
  const next = queues.map((queue) => queue.search((segment) => segment.lastSeq > after))
  return () => {
    let least: Segment | undefined
    let from = 0
    for (let i = 0; i < queues.length; i++) {
      const segment = queues[i]!.at(next[i]!)
      if (segment !== undefined && (least === undefined || segment.seq < least.seq)) {
        least = segment
        from = i
      }
    }
    if (least !== undefined) next[from]!++
    return least
  }
}
