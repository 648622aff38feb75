// One subscription, across any number of connections: what has come is kept until the program takes it, and on each new
// connection it goes on after the last place that has come. The program gets everything once and in order; a gap is an
// item like an event, so that nobody can overlook it.

import type { Connection } from './connection.ts'
import { Early } from './early.ts'
import { LockstepError } from './errors.ts'
import type { EarlyEvent, EarlyItem, EarlyOrder, Event, Item } from './items.ts'
import type { SubscriptionMessage } from './messages.ts'
import { decodeEvents, refOf } from './wire.ts'

export interface SubscribeOptions {
  /** `now` (default), `start`, a seq, a time, or the token of the last event that was dealt with. */
  readonly from?: 'now' | 'start' | number | Date | string | undefined
  /** `safe` (default): what all members of the view hold, which is never taken back. Below it events come sooner. */
  readonly order?: 'safe' | EarlyOrder | undefined
  /** It ends by itself when everything up to this seq has come; for `safe` alone. `client.cluster.seq`: what there is now, and no more. */
  readonly until?: number | undefined
  /** Also tell of the group's views, at their places. */
  readonly views?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes that may wait here for the program; 1 MiB by default. What is beyond waits at the replica, at no cost. */
  readonly bufferBytes?: number | undefined
}

/** What came in one message. */
interface Portion<I> {
  readonly items: readonly I[]
  /** How many of them the program has. */
  taken: number
  /** Of the message: given back when the last of them is taken. */
  readonly bytes: number
  /** That its place belongs to. */
  readonly history: string
  /** Where to go on to be given them, if they have no place that would tell. */
  readonly before: string | undefined
}

interface Taker<I> {
  resolve(result: IteratorResult<I, undefined>): void
  reject(error: Error): void
}

const BUFFER_BYTES = 1024 * 1024
/** Refusals that pass: the subscription is asked for again, at another replica. (Subscriptions have one limit at all.) */
const PASSING: ReadonlySet<string> = new Set(['NOT_PRIMARY', 'OVERLOADED', 'INTERNAL'])

export interface SubscriptionHost {
  unhappy(): void
  closed(subscription: Subscription<unknown>): void
}

type Told = Item<unknown> | EarlyItem<unknown>

export class Subscription<Data, I = Item<Data>> implements AsyncIterableIterator<I, undefined> {
  readonly sub: number
  private readonly topics: readonly string[]
  private readonly from: string
  private readonly until: number
  private readonly order: 'safe' | EarlyOrder
  private readonly early: Early | undefined
  private readonly views: boolean
  private readonly bufferBytes: number
  private readonly host: SubscriptionHost
  private readonly stop: () => void
  private readonly signal: AbortSignal | undefined
  private connection: Connection | undefined
  private history = ''
  /** The last place up to which everything has come; undefined: it has not begun. */
  private place: number | undefined
  private waiting: Portion<Told>[] = []
  private takers: Taker<I>[] = []
  /** Bytes of what waits, and of what was taken and not given back as credit. */
  private waitingBytes = 0
  private owedBytes = 0
  private failure: Error | undefined
  private over = false

  constructor(sub: number, topics: readonly string[], options: SubscribeOptions, host: SubscriptionHost) {
    const { from = 'now', until = Number.POSITIVE_INFINITY, views = false, signal } = options
    const { bufferBytes = BUFFER_BYTES, order = 'safe' } = options
    if (order !== 'safe' && until !== Number.POSITIVE_INFINITY) throw new TypeError('only order safe ends at a place')
    this.sub = sub
    this.topics = topics
    this.from = from instanceof Date ? from.toISOString() : String(from)
    this.until = until
    this.order = order
    this.early = order === 'safe' ? undefined : new Early(order === 'agreed')
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
    for (const { items, taken, history, before } of this.waiting) {
      if (before !== undefined) return before
      for (let i = taken; i < items.length; i++) {
        const item = items[i] as Told
        if ('seq' in item && item.seq !== undefined) return `${history}:${item.seq - 1}`
      }
    }
    return this.reachedToken
  }

  private get reachedToken(): string | undefined {
    return this.place === undefined ? undefined : this.tokenOf(this.place)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next item, when there is one. Done when the subscription is closed. */
  next(): Promise<IteratorResult<I, undefined>> {
    const [portion] = this.waiting
    if (portion) {
      const item = portion.items[portion.taken++]
      if (portion.taken === portion.items.length) {
        this.waiting.shift()
        this.giveBack(portion.bytes)
      }
      return Promise.resolve({ done: false, value: item as I })
    }
    if (this.failure) return Promise.reject(this.failure)
    if (this.over) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.takers.push({ resolve, reject }))
  }

  /**
   * The same by callback: it is called with everything that has come, in order, and again when what it returned has settled
   * and there is more. Resolves when the subscription is over; rejects with why it ended, or with what the callback threw,
   * which closes it.
   */
  async each(call: (items: readonly I[]) => void | PromiseLike<void>): Promise<void> {
    for await (const first of this) {
      const items = [first]
      this.takeAll(items)
      await call(items)
    }
  }

  private takeAll(into: I[]): void {
    const all = this.waiting
    this.waiting = []
    for (const { items, taken, bytes } of all) {
      for (let i = taken; i < items.length; i++) into.push(items[i] as I)
      this.giveBack(bytes)
    }
  }

  return(): Promise<IteratorResult<I, undefined>> {
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
    this.early?.moved()
    connection.say({
      op: 'subscribe',
      sub: this.sub,
      topics: this.topics,
      from: this.place === undefined ? this.from : `${this.history}:${this.place}`,
      order: this.order,
      views: this.views,
      credit: Math.max(0, this.bufferBytes - this.waitingBytes),
    })
  }

  detach(): void {
    this.connection = undefined
  }

  /** Takes the message over: what it holds is changed. */
  events(bytes: Uint8Array): void {
    if (this.over) return
    const { events, through } = decodeEvents(bytes, this.history)
    const { early, until } = this
    const told = early ? events.flatMap((event) => this.met(event as EarlyEvent<unknown>, early)) : events
    this.give(until >= through ? told : told.filter((item) => (item as Event<unknown>).seq <= until), bytes.length)
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
        if (seq <= this.until) this.give([{ kind: 'view', seq, number, members, joined, left, failed }])
        return this.reached(seq)
      }
      case 'gap': {
        const { from, to, reason, history } = message
        const another = history !== this.history
        const before = this.reachedToken
        this.history = history
        if (reason === 'history-changed') {
          this.place = 0
          this.retract(this.early?.over())
        }
        this.give([{ kind: 'gap', from, to, reason }], 0, before)
        // The place that it was to go on until is one of the history that it began in, and will never come.
        if (another && this.until !== Number.POSITIVE_INFINITY) this.end()
        return
      }
      case 'kept':
        for (const [by, number, count, seq, offset] of message.ranges)
          for (let i = 0; i < count; i++) this.onKept(refOf(by, number + i), seq + i, offset + i)
        return
      case 'retract':
        for (const [by, number, count] of message.ranges)
          for (let i = 0; i < count; i++) {
            const ref = refOf(by, number + i)
            if (this.early?.settled(ref)) this.retract([ref])
          }
        return
      case 'current':
        return this.retract(this.early?.current())
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
    this.signal?.removeEventListener('abort', this.stop)
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

  /** What to tell of an event that is shown, or given with its place. */
  private met(event: EarlyEvent<unknown>, early: Early): Told[] {
    const { ref, data, seq, offset, token } = event
    const { retracted, known } = early.met(ref, data, seq !== undefined)
    const told = retractsOf(retracted)
    if (!known) told.push(event)
    else if (seq !== undefined) told.push({ kind: 'kept', ref, seq, offset: offset!, token: token! })
    return told
  }

  private onKept(ref: string, seq: number, offset: number): void {
    if (this.early?.settled(ref)) this.give([{ kind: 'kept', ref, seq, offset, token: this.tokenOf(seq) }])
    this.reached(seq)
  }

  private tokenOf(seq: number): string {
    return `${this.history}:${seq}`
  }

  private retract(refs: readonly string[] = []): void {
    this.give(retractsOf(refs))
  }

  /** `bytes`: of the message. `before`: the place to go on from if they are not taken, where they have none of their own. */
  private give(items: readonly Told[], bytes = 0, before?: string): void {
    this.waitingBytes += bytes
    let taken = 0
    while (taken < items.length && this.takers.length > 0)
      this.takers.shift()?.resolve({ done: false, value: items[taken++] as I })
    if (taken === items.length) this.giveBack(bytes)
    else this.waiting.push({ items, taken, bytes, history: this.history, before })
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

function retractsOf(refs: readonly string[]): Told[] {
  return refs.map((ref) => ({ kind: 'retract', ref }))
}
