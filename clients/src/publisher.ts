// Publishing exactly once. Whatever waits to be answered is a queue, and an event's number is its place in it: the number
// of the head, and so many more. What is published leaves at the head; what is refused for good is taken out, and those
// behind it move up. On each new connection all of the queue is sent again under the same numbers, and the group knows
// those that it has. (PROTOCOL.md, Publishing)

import { LockstepError } from './errors.ts'
import type { Limits, PublishedRange, Refused } from './messages.ts'
import { encodePublishes, type OutgoingPublish, publishHeadBytes } from './wire.ts'

export interface Published {
  readonly history: string
  /** Null: the event is in the order, and nobody remembers where. */
  readonly seq: number | null
  readonly offset: number | null
}

/** A connection, as far as publishing needs it. */
export interface PublisherLink {
  say(message: object): void
  send(message: Uint8Array<ArrayBuffer>): void
}

class Item {
  readonly topic: string
  readonly record: Uint8Array
  /** It has left on a connection that ended before it was answered: it may be in the order. */
  wasSent = false
  /** It was refused together with others: it goes alone, to find out who was meant. */
  alone = false
  /** Refused at another replica than the one that may still have it under way. */
  doubts = 0
  /** Called once when it is settled. */
  unheed: (() => void) | undefined
  private readonly resolve: (published: Published) => void
  private readonly reject: (error: Error) => void

  constructor(
    topic: string,
    record: Uint8Array,
    resolve: (published: Published) => void,
    reject: (error: Error) => void,
  ) {
    this.topic = topic
    this.record = record
    this.resolve = resolve
    this.reject = reject
  }

  /** What is settled already stays as it is. */
  succeed(published: Published): void {
    this.unheed?.()
    this.resolve(published)
  }

  fail(error: LockstepError): void {
    this.unheed?.()
    this.reject(error)
  }
}

interface Message {
  /** Of its publishes. */
  unanswered: number
}

/** A publish that is under way: events of one topic. */
interface Frame {
  readonly count: number
  readonly message: Message
}

const encoder = new TextEncoder()
const TOPIC_BYTES_MAX = 255

/** Of one message, which the group carries as one slot. Larger: fewer messages; smaller: less waits behind one. */
const MESSAGE_BYTES = 48 * 1024
/** Under way at a time; enough for the group to fill its slots, and less than a replica allows. */
const UNDER_WAY_BYTES = 1024 * 1024
/** The same, for small events: each leaves at once until so many messages are not answered, then they gather in the next. */
const UNDER_WAY_MESSAGES = 64
/** The same, for events of many topics: a replica has room for those of two hundred such clients. */
const UNDER_WAY_PUBLISHES = 500
/** `ready` waits until no more than this waits to be answered. Larger: latency, and garbage that grows old; smaller: it may run dry. */
const READY_BYTES = 4 * UNDER_WAY_BYTES
/** A refusal that passes by itself is borne so often before another replica is tried. */
const PATIENCE = 2
const DOUBTS_MAX = 3
const DOUBT_MS = 1000

/** What an event that waits takes besides its bytes, about: with many small ones that is nearly all of it. */
const ITEM_BYTES = 500

const PASSING: ReadonlySet<string> = new Set(['NOT_PRIMARY', 'OVERLOADED', 'LIMIT'])

export interface PublisherOptions {
  readonly id: string
  /** Makes another id when the numbers of this one are not to be trusted any more; undefined: it must stay. */
  readonly mintId: (() => string) | undefined
  /** Beyond that `publish` rejects. */
  readonly bytesMax: number
  /** With an event that is refused for good all behind it are given up: what is in has no holes. */
  readonly stopAtRefusal: boolean
}

export interface PublisherHost {
  /** Refused again and again: another replica may do better. */
  unhappy(): void
  random(): number
  /** Calls after so many milliseconds, until the function that it returns is called. */
  after(ms: number, call: () => void): () => void
}

export class Publisher {
  private readonly host: PublisherHost
  private readonly options: PublisherOptions
  private id: string
  private stopped = false
  private queue: Item[] = []
  /** Number of the queue's head. */
  private head = 1
  /** How many of the queue have left on this connection. */
  private sent = 0
  private bytes = 0
  private connection: PublisherLink | undefined
  private limits: Limits | undefined
  private phase: 'detached' | 'attached' | 'greeting' | 'open' = 'detached'
  /** By the number of its first event. */
  private readonly frames = new Map<number, Frame>()
  /** Messages that are not answered whole. */
  private messages = 0
  private underWay = 0
  /** Frames do not reach across these numbers: the group has what is below, and not what is above. */
  private readonly splits = new Set<number>()
  /**
   * The group has heard of this publisher. Until then its first number may be any, so that with a first message refused
   * a second one would begin: only one is under way.
   */
  private known = false
  /** Answered before what is numbered before it: a copy that was sent on another connection, and cut otherwise, may be. */
  private later: PublishedRange[] = []
  private refusals: Refused[] = []
  private borne = 0
  private history = ''
  private stopWaiting: (() => void) | undefined
  private due = false
  private waiting: (() => void)[] = []

  constructor(options: PublisherOptions, host: PublisherHost) {
    this.options = options
    this.id = options.id
    this.host = host
  }

  /** Nothing waits to be answered. */
  get idle(): boolean {
    return this.queue.length === 0
  }

  publish(topic: string, record: Uint8Array, signal: AbortSignal | undefined): Promise<Published> {
    if (this.stopped) return Promise.reject(behindRefused())
    if (isTooLong(topic)) {
      const message = `A topic name has ${TOPIC_BYTES_MAX} bytes at most.`
      return Promise.reject(new LockstepError('MALFORMED', message, { outcome: 'not-published' }))
    }
    if (this.bytes > this.options.bytesMax) {
      const message = `${this.bytes} bytes wait to be published; await ready() before publishing more.`
      return Promise.reject(new LockstepError('FULL', message, { outcome: 'not-published' }))
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted('not-published'))
      const item = new Item(topic, record, resolve, reject)
      if (signal) {
        const abort = (): void => this.abort(item)
        item.unheed = () => signal.removeEventListener('abort', abort)
        signal.addEventListener('abort', abort, { once: true })
      }
      this.queue.push(item)
      this.bytes += room(record)
      this.pumpSoon()
    })
  }

  /** Resolves when there is room for more. */
  ready(): Promise<void> {
    return this.whenever(() => this.bytes <= Math.min(this.options.bytesMax / 2, READY_BYTES))
  }

  /** Resolves when everything is answered. */
  flushed(): Promise<void> {
    return this.whenever(() => this.idle)
  }

  // ---- the connection

  attach(connection: PublisherLink, limits: Limits, history: string): void {
    this.detach()
    if (this.history !== '' && history !== this.history) this.forgetHistory()
    this.history = history
    this.connection = connection
    this.limits = limits
    this.phase = 'attached'
    this.pump()
  }

  detach(): void {
    for (const item of this.queue.slice(0, this.sent)) item.wasSent = true
    this.stopWaiting?.()
    this.connection = undefined
    this.phase = 'detached'
    this.restart()
  }

  /** `next`: the number that the group expects. */
  greeted(id: string, next: number | null): void {
    if (id !== this.id) return
    this.known = next !== null
    if (next !== null) this.splits.add(next)
    this.phase = 'open'
    this.pump()
  }

  published(history: string, ranges: readonly PublishedRange[]): void {
    this.history = history
    this.borne = 0
    this.known = true
    for (const [sequence, count] of ranges) this.closeFrames(sequence, count)
    let taken = 0
    for (const range of [...this.later.splice(0), ...ranges].sort(([one], [other]) => one - other)) {
      const [sequence, count, seq, offset] = range
      // What is below the head is the answer to an older copy.
      const first = this.head + taken - sequence
      if (first < 0) this.later.push(range)
      for (let i = first; first >= 0 && i < count; i++)
        this.queue[taken++]?.succeed({
          history,
          seq: seq === null ? null : seq + i,
          offset: offset === null ? null : offset + i,
        })
    }
    this.takeHeads(taken)
    this.answered()
  }

  refused(refused: Refused): void {
    this.closeFrames(refused.sequence, refused.count)
    this.refusals.push(refused)
    this.answered()
  }

  /** Gives up whatever is not answered. */
  close(): void {
    this.detach()
    for (const item of this.queue.splice(0)) item.fail(aborted(item.wasSent ? 'unknown' : 'not-published'))
    this.bytes = 0
    this.wake()
  }

  // ---- sending

  private pumpSoon(): void {
    if (this.due) return
    this.due = true
    // What a program publishes in one go leaves together.
    queueMicrotask(() => {
      this.due = false
      this.pump()
    })
  }

  private pump(): void {
    const { connection, limits } = this
    if (!connection || !limits || this.idle) return
    if (this.phase === 'attached') {
      this.phase = 'greeting'
      connection.say({ op: 'publisher', id: this.id })
    }
    if (this.phase !== 'open') return
    // After a refusal all that is under way is answered first: else an old answer could be taken for that of a new copy.
    if (this.refusals.length > 0 || this.stopWaiting) return
    while (
      this.sent < this.queue.length &&
      this.underWay < UNDER_WAY_BYTES &&
      this.messages < UNDER_WAY_MESSAGES &&
      this.frames.size < (this.known ? UNDER_WAY_PUBLISHES : 1)
    ) {
      const sequence = this.head + this.sent
      const message = { unanswered: 0 }
      const publishes = this.nextPublishes(limits)
      connection.send(encodePublishes(sequence, publishes))
      this.messages++
      for (const { records } of publishes) {
        this.frames.set(this.head + this.sent, { count: records.length, message })
        message.unanswered++
        this.sent += records.length
        for (const { length } of records) this.underWay += length
      }
    }
  }

  /** What goes in the next message. */
  private nextPublishes(limits: Limits): OutgoingPublish[] {
    const most = this.known ? Math.min(limits.publishesMax ?? 1, UNDER_WAY_PUBLISHES - this.frames.size) : 1
    const publishes: OutgoingPublish[] = []
    let room = MESSAGE_BYTES
    for (let at = this.sent; at < this.queue.length && publishes.length < most; ) {
      const { topic, records, bytes } = this.nextPublish(at, room, limits)
      if (bytes > room && publishes.length > 0) break
      publishes.push({ topic, records })
      room -= bytes
      at += records.length
      // What was full is not followed by the one or two of the same topic for which there would just be room.
      if (this.queue[at]?.topic === this.queue[at - 1]?.topic) break
    }
    return publishes
  }

  /** The events from this place of the queue on that go in one publish: at least one. */
  private nextPublish(at: number, room: number, limits: Limits): OutgoingPublish & { readonly bytes: number } {
    const first = this.queue[at] as Item
    const topic = encoder.encode(first.topic)
    const bytesMax = Math.min(room, limits.publishBytesMax)
    const records = [first.record]
    let bytes = publishHeadBytes(topic) + first.record.length + 4
    for (let i = at + 1; i < this.queue.length && !first.alone; i++) {
      const { record, alone, topic } = this.queue[i] as Item
      const more = bytes + record.length + 4
      if (topic !== first.topic || alone || more > bytesMax) break
      if (records.length >= limits.publishEventsMax || this.splits.has(this.head + i)) break
      records.push(record)
      bytes = more
    }
    return { topic, records, bytes }
  }

  /** The publishes of these numbers are answered. */
  private closeFrames(sequence: number, count: number): void {
    for (let at = sequence; at < sequence + count; ) {
      const frame = this.frames.get(at)
      if (frame && --frame.message.unanswered === 0) this.messages--
      this.frames.delete(at)
      at += frame?.count ?? 1
    }
  }

  private answered(): void {
    if (this.refusals.length > 0 && this.frames.size === 0) this.settleRefusals()
    this.wake()
    this.pump()
  }

  /** Everything that was under way is answered, and some of it was refused. */
  private settleRefusals(): void {
    const refusals = this.refusals.splice(0).sort((one, other) => one.sequence - other.sequence)
    let waitMs = 0
    const failed = new Map<Item, LockstepError>()
    for (const refused of refusals) {
      const { sequence, count, code, outcome, expected } = refused
      const from = sequence - this.head
      const items = this.queue.slice(Math.max(0, from), from + count)
      if (code === 'CONFLICT') {
        if (expected !== undefined) this.splits.add(expected)
      } else if (outcome === 'unknown' || PASSING.has(code)) waitMs = Math.max(waitMs, this.bear(refused))
      else for (const [item, error] of blame(items, refused)) failed.set(item, error)
    }
    const nothingElse = refusals.every(({ code }) => code === 'CONFLICT')
    if (nothingElse && !refusals.some(({ expected = 0 }) => expected >= this.head)) return this.retire()
    for (const item of failed.keys()) {
      // Where it was sent before it may still come in, and this replica not know of it yet.
      if (item.wasSent && ++item.doubts <= DOUBTS_MAX) {
        failed.delete(item)
        waitMs = Math.max(waitMs, DOUBT_MS)
      }
    }
    if (failed.size > 0 && this.options.stopAtRefusal) {
      this.stopped = true
      const first = this.queue.findIndex((item) => failed.has(item))
      for (const item of this.queue.slice(first)) if (!failed.has(item)) failed.set(item, behindRefused())
    }
    const doubtful = [...failed].some(([item]) => item.wasSent)
    this.giveUp(failed)
    if (doubtful) return this.retire()
    this.restart()
    if (waitMs > 0)
      this.stopWaiting = this.host.after(waitMs, () => {
        this.stopWaiting = undefined
        this.pump()
      })
  }

  private bear({ retryAfterMs = 100 }: Refused): number {
    if (++this.borne > PATIENCE) {
      this.borne = 0
      this.host.unhappy()
    }
    return retryAfterMs * (0.5 + this.host.random() / 2)
  }

  /** The numbers of this id are not to be trusted any more: what may be in the order is given up, the rest gets a new id. */
  private retire(): void {
    const { mintId } = this.options
    const lost = this.queue.filter((item, i) => mintId === undefined || item.wasSent || i < this.sent)
    if (mintId) {
      this.id = mintId()
      this.head = 1
    }
    this.known = false
    this.splits.clear()
    const message = 'It cannot be found out whether this was published.'
    this.giveUp(new Map(lost.map((item) => [item, new LockstepError('CONFLICT', message, { outcome: 'unknown' })])))
    this.restart()
    // A stream has one publisher: the new one needs a new stream.
    this.phase = 'detached'
    this.host.unhappy()
  }

  /** Another group answers: what may be in the order of the former one is not sent to this one. */
  private forgetHistory(): void {
    const lost = this.queue.filter(({ wasSent }) => wasSent)
    const message = 'The group that this was sent to is gone; another one answers in its place.'
    this.splits.clear()
    this.giveUp(
      new Map(lost.map((item) => [item, new LockstepError('HISTORY_CHANGED', message, { outcome: 'unknown' })])),
    )
  }

  /** Takes these out of the queue, and tells whoever waits for them why. */
  private giveUp(lost: ReadonlyMap<Item, LockstepError>): void {
    this.queue = this.queue.filter((item) => !lost.has(item))
    for (const [item, error] of lost) {
      this.bytes -= room(item.record)
      item.fail(error)
    }
  }

  private restart(): void {
    this.stopWaiting = undefined
    this.frames.clear()
    this.messages = 0
    this.later = []
    this.refusals = []
    this.sent = 0
    this.underWay = 0
  }

  private takeHeads(count: number): void {
    for (const { record } of this.queue.splice(0, count)) {
      if (this.splits.size > 0) this.splits.delete(this.head)
      this.head += 1
      this.bytes -= room(record)
      if (this.sent === 0) continue
      this.sent -= 1
      this.underWay -= record.length
    }
  }

  private abort(item: Item): void {
    const at = this.queue.indexOf(item)
    const mayBeIn = item.wasSent || at < this.sent
    item.fail(aborted(mayBeIn ? 'unknown' : 'not-published'))
    // What may be in keeps its number; what has never left goes, and those behind it move up: they have not left either.
    if (!mayBeIn) {
      this.queue.splice(at, 1)
      this.bytes -= room(item.record)
    }
    this.wake()
  }

  private whenever(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) resolve()
        else this.waiting.push(look)
      }
      this.waiting.push(look)
    })
  }

  private wake(): void {
    for (const look of this.waiting.splice(0)) look()
  }
}

/** A message has no place for the length of such a name. */
function isTooLong(topic: string): boolean {
  return 3 * topic.length > TOPIC_BYTES_MAX && encoder.encode(topic).length > TOPIC_BYTES_MAX
}

function room(record: Uint8Array): number {
  return record.length + ITEM_BYTES
}

/** Who of a refused message was meant; those that it does not say it of are tried alone. */
function blame(items: readonly Item[], { code, detail, errors = [] }: Refused): [Item, LockstepError][] {
  const blamed = new Map<Item, { path: string; message: string }[]>()
  for (const { path, message } of errors) {
    const [, index, rest = ''] = /^\/(\d+)(\/.*)?$/.exec(path) ?? []
    const item = index === undefined ? undefined : items[Number(index)]
    if (item) blamed.set(item, [...(blamed.get(item) ?? []), { path: rest, message }])
  }
  const outcome = 'not-published'
  if (blamed.size > 0)
    return [...blamed].map(([item, faults]) => [item, new LockstepError(code, detail, { outcome, errors: faults })])
  if (items.length === 1) return [[items[0] as Item, new LockstepError(code, detail, { outcome, errors })]]
  for (const item of items) item.alone = true
  return []
}

function behindRefused(): LockstepError {
  return new LockstepError('ABORTED', 'An event before it was refused.', { outcome: 'not-published' })
}

function aborted(outcome: 'not-published' | 'unknown'): LockstepError {
  const fate = outcome === 'unknown' ? 'It may be published all the same.' : 'It is not published.'
  return new LockstepError('ABORTED', `The publish was given up. ${fate}`, { outcome })
}
