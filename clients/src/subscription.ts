// One subscription, across any number of connections: what has come is kept until the program takes it, and on each new
// connection it goes on after the last place that has come. The program gets everything once and in order; a gap is an
// item like an event, so that nobody can overlook it.

import type { Connection } from './connection.ts'
import { LockstepError } from './errors.ts'
import type { GapReason, Member, SubscriptionMessage } from './messages.ts'
import { decodeEvents, type IncomingEvent } from './wire.ts'

/** `seq` and `offset` are the same at every replica. */
export interface Event<Data> extends Omit<IncomingEvent, 'data'> {
  readonly kind: 'event'
  readonly data: Data
  /** To go on after it, in another program or at another time. */
  readonly token: string
}

/** Events that match may be gone between these places: what was derived from them is to be fetched anew. */
export interface Gap {
  readonly kind: 'gap'
  readonly from: number
  readonly to: number
  readonly reason: GapReason
}

export interface View {
  readonly kind: 'view'
  readonly seq: number
  readonly number: number
  readonly members: readonly Member[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly failed: readonly string[]
}

export type Item<Data> = Event<Data> | Gap | View

export interface SubscribeOptions {
  /** `now` (default), `start`, a seq, a time, or the token of the last event that was dealt with. */
  readonly from?: 'now' | 'start' | number | Date | string | undefined
  /** It ends by itself when everything up to this seq has come. `client.cluster.seq`: what there is now, and no more. */
  readonly until?: number | undefined
  /** Also tell of the group's views, at their places. */
  readonly views?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that may wait here for the program; 1 MiB by default. What is beyond waits at the replica, at no cost. */
  readonly bufferBytes?: number | undefined
}

interface Waiting<Data> {
  readonly item: Item<Data>
  /** Bytes that its message had, given back with its last item. */
  readonly bytes: number
}

interface Taker<Data> {
  resolve(result: IteratorResult<Item<Data>, undefined>): void
  reject(error: Error): void
}

const BUFFER_BYTES = 1024 * 1024
/** Refusals that pass: the subscription is asked for again, at another replica. */
const PASSING: ReadonlySet<string> = new Set(['NOT_PRIMARY', 'OVERLOADED', 'LIMIT', 'INTERNAL'])

export interface SubscriptionHost {
  unhappy(): void
  closed(subscription: Subscription<unknown>): void
}

const decoder = new TextDecoder()

export class Subscription<Data> implements AsyncIterableIterator<Item<Data>, undefined> {
  readonly sub: number
  private readonly topics: readonly string[]
  private readonly from: string
  private readonly until: number
  private readonly views: boolean
  private readonly bufferBytes: number
  private readonly host: SubscriptionHost
  private readonly stop: () => void
  private readonly signal: AbortSignal | undefined
  private connection: Connection | undefined
  private history = ''
  /** The last place up to which everything has come; undefined: it has not begun. */
  private place: number | undefined
  private waiting: Waiting<Data>[] = []
  private takers: Taker<Data>[] = []
  /** Bytes of what waits, and of what was taken and not given back as credit. */
  private waitingBytes = 0
  private owedBytes = 0
  private failure: Error | undefined
  private over = false

  constructor(sub: number, topics: readonly string[], options: SubscribeOptions, host: SubscriptionHost) {
    const { from = 'now', until = Number.POSITIVE_INFINITY, views = false, signal } = options
    const { bufferBytes = BUFFER_BYTES } = options
    this.sub = sub
    this.topics = topics
    this.from = from instanceof Date ? from.toISOString() : String(from)
    this.until = until
    this.views = views
    this.bufferBytes = bufferBytes
    this.host = host
    this.signal = signal
    this.stop = () => this.close()
    if (signal?.aborted) this.over = true
    else signal?.addEventListener('abort', this.stop, { once: true })
  }

  /** Where to go on if the program ended now, had it dealt with all that it took; undefined: it has not begun. */
  get token(): string | undefined {
    const next = this.waiting.find(({ item }) => item.kind !== 'gap')?.item
    const place = next && next.kind !== 'gap' ? next.seq - 1 : this.place
    return place === undefined ? undefined : `${this.history}:${place}`
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next item, when there is one. Done when the subscription is closed. */
  next(): Promise<IteratorResult<Item<Data>, undefined>> {
    const { waiting } = this
    const first = waiting.shift()
    if (first) {
      this.giveBack(first.bytes)
      return Promise.resolve({ done: false, value: first.item })
    }
    if (this.failure) return Promise.reject(this.failure)
    if (this.over) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.takers.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<Item<Data>, undefined>> {
    this.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  close(): void {
    this.waiting = []
    this.end()
  }

  /** Nothing more is to come; what waits is still given. */
  private end(): void {
    if (this.over) return
    this.over = true
    this.signal?.removeEventListener('abort', this.stop)
    this.connection?.say({ op: 'unsubscribe', sub: this.sub })
    this.connection = undefined
    for (const { resolve } of this.takers.splice(0)) resolve({ done: true, value: undefined })
    this.host.closed(this as Subscription<unknown>)
  }

  // ---- the connection

  attach(connection: Connection): void {
    if (this.over) return
    this.connection = connection
    this.owedBytes = 0
    connection.say({
      op: 'subscribe',
      sub: this.sub,
      topics: this.topics,
      from: this.place === undefined ? this.from : `${this.history}:${this.place}`,
      views: this.views,
      credit: Math.max(0, this.bufferBytes - this.waitingBytes),
    })
  }

  detach(): void {
    this.connection = undefined
  }

  events(bytes: Uint8Array): void {
    if (this.over) return
    const { events: all, through } = decodeEvents(bytes, this.history)
    const events = all.filter(({ seq }) => seq <= this.until)
    this.waitingBytes += bytes.length
    for (const [i, event] of events.entries()) {
      this.give(this.eventOf(event), i === events.length - 1 ? bytes.length : 0)
    }
    this.reached(through)
  }

  message(message: SubscriptionMessage): void {
    if (this.over) return
    switch (message.op) {
      case 'subscribed':
        if (this.history === '') this.history = message.history
        if (this.place === undefined) this.reached(message.seq)
        return
      case 'view': {
        const { seq, number, members, joined, left, failed } = message
        if (seq <= this.until) this.give({ kind: 'view', seq, number, members, joined, left, failed }, 0)
        return this.reached(seq)
      }
      case 'gap': {
        const { from, to, reason, history } = message
        const another = history !== this.history
        this.history = history
        if (reason === 'history-changed') this.place = 0
        this.give({ kind: 'gap', from, to, reason }, 0)
        // The place that it was to go on until is one of the history that it began in, and will never come.
        if (another && this.until !== Number.POSITIVE_INFINITY) this.end()
        return
      }
      case 'ended':
        return this.ended(message.code, message.detail)
      default:
        message satisfies never
    }
  }

  progress(history: string, seq: number): void {
    if (history === this.history) this.reached(Math.max(this.place ?? 0, seq))
  }

  private reached(seq: number): void {
    this.place = seq
    if (seq >= this.until) this.end()
  }

  /** Nothing more can come: the iterator throws this when it has given what is there. */
  fail(error: Error): void {
    if (this.over) return
    this.over = true
    this.failure = error
    this.connection = undefined
    for (const { reject } of this.takers.splice(0)) reject(error)
    this.host.closed(this as Subscription<unknown>)
  }

  private ended(code: LockstepError['code'] | undefined, detail = 'the replica ended the subscription'): void {
    this.connection = undefined
    if (code === undefined) return
    if (PASSING.has(code)) this.host.unhappy()
    else this.fail(new LockstepError(code, detail))
  }

  private eventOf({ data, ...rest }: IncomingEvent): Event<Data> {
    const value = JSON.parse(decoder.decode(data)) as Data
    return { kind: 'event', data: value, token: `${this.history}:${rest.seq}`, ...rest }
  }

  private give(item: Item<Data>, bytes: number): void {
    const taker = this.takers.shift()
    if (!taker) {
      this.waiting.push({ item, bytes })
      return
    }
    this.giveBack(bytes)
    taker.resolve({ done: false, value: item })
  }

  /** In portions, so that a credit message pays for many events. */
  private giveBack(bytes: number): void {
    this.waitingBytes -= bytes
    this.owedBytes += bytes
    if (this.owedBytes < this.bufferBytes / 4 || !this.connection) return
    this.connection.say({ op: 'credit', sub: this.sub, bytes: this.owedBytes })
    this.owedBytes = 0
  }
}
