// One subscription of a stream: a cursor, and the credit that its reader has given. Events leave only while there is
// credit and the socket takes them; so a reader that does not read costs its cursor, however much is published.

import { BrokerError } from '../../errors.ts'
import type { BlockNotification, Cursor, EarlyBlock, EventBlock, Order } from '../operations.ts'
import type { Payload } from './frame.ts'
import { EventsMessage } from './layout.ts'

/** A connection, as its subscriptions see it. */
export interface SubscriptionHost {
  /** The socket is full: ask again when it is drained. */
  readonly full: boolean
  /** The history that positions belong to. '': this replica has none yet. */
  readonly history: () => string
  /** The newest place in the order, as this replica knows it. */
  readonly head: () => number
  say(message: object): void
  /** One binary message, which is asked for its bytes before this returns. */
  send(message: Payload): void
  unexpected(error: unknown): void
  ended(sub: number): void
}

/** Bytes of events in one message, but for one that is larger. Larger: fewer messages; smaller: less waits behind one. */
const MESSAGE_BYTES = 64 * 1024

export class StreamSubscription {
  readonly sub: number
  private readonly cursor: Cursor
  private readonly host: SubscriptionHost
  /** Below `safe`: events have their names, and perhaps no places yet. */
  private readonly early: boolean
  private credit: number
  private begun = false
  /** The place that the reader knows of. */
  private told = -1
  /** It has been at the head: from there on, beats are often enough to tell it how far it is. */
  private caughtUp = false
  /** Reading stopped for want of credit, or because the socket is full. */
  private halted = false

  constructor(sub: number, cursor: Cursor, order: Order, credit: number, host: SubscriptionHost) {
    this.sub = sub
    this.cursor = cursor
    this.early = order !== 'safe'
    this.credit = credit
    this.host = host
  }

  grant(bytes: number, creditMax: number): void {
    this.credit = Math.min(this.credit + bytes, creditMax)
    this.resume()
  }

  /** There is credit again, or room in the socket. */
  resume(): void {
    if (!this.halted) return
    this.halted = false
    this.pump()
  }

  /** Sends one message's worth; the next comes in its turn, since others wait too. */
  pump(): void {
    const { host, cursor } = this
    if (!this.begun) this.begin()
    if (this.credit <= 0 || host.full) {
      this.halted = true
      return
    }
    try {
      const given = cursor.nextBlocks(Math.min(MESSAGE_BYTES, this.credit))
      if (given.length > 0) this.tell(given)
      if (!this.caughtUp) this.maybeCaughtUp()
    } catch (error) {
      return this.fail(error)
    }
    cursor.onMore(() => this.pump())
  }

  /** Undefined: the reader knows already how far it is. */
  progress(): number | undefined {
    const { seq } = this.cursor
    if (!this.begun || seq <= this.told) return undefined
    this.told = seq
    return seq
  }

  close(): void {
    this.cursor.close()
  }

  private begin(): void {
    const history = this.host.history()
    if (history === '') return
    this.begun = true
    this.told = this.cursor.seq
    this.host.say({ op: 'subscribed', sub: this.sub, history, seq: this.told })
  }

  /** Whoever reads what there was wants to know at once that this was all, also when other events came last. */
  private maybeCaughtUp(): void {
    const { host, cursor, sub } = this
    if (!this.begun || cursor.seq < host.head() || (this.early && !cursor.current)) return
    this.caughtUp = true
    const seq = this.progress()
    if (seq !== undefined) host.say({ op: 'progress', history: host.history(), marks: [[sub, seq]] })
    if (this.early) host.say({ op: 'current', sub })
  }

  /** What is of one kind and follows one another goes in one message. */
  private tell(given: readonly BlockNotification[]): void {
    for (let from = 0, to = 0; from < given.length; from = to) {
      const first = given[from] as BlockNotification
      to = given.findIndex((other, i) => i > from && !goTogether(first, other))
      if (to === -1) to = given.length
      const run = given.slice(from, to)
      if (isEvents(first)) this.tellEvents(run.filter(isEvents), to === given.length)
      else if (first.type === 'kept') this.tellKept(run.filter((one) => one.type === 'kept'))
      else if (first.type === 'retract') this.tellRetract(run.filter((one) => one.type === 'retract'))
      else this.tellOne(first)
    }
  }

  private tellEvents(blocks: (EventBlock | EarlyBlock)[], last: boolean): void {
    const { cursor, sub, host } = this
    const end = blocks.findLast((block) => 'seq' in block)
    if (last) this.told = cursor.seq
    else if (end) this.told = end.seq + end.count - 1
    const message = new EventsMessage(sub, Math.max(0, this.told), blocks, this.early)
    this.credit -= message.length
    host.send(message)
  }

  private tellKept(kept: Extract<BlockNotification, { type: 'kept' }>[]): void {
    const ranges = kept.map(({ numbered, count, seq, offset }) => [numbered.by, numbered.number, count, seq, offset])
    const last = kept.at(-1)!
    this.told = last.seq + last.count - 1
    this.host.say({ op: 'kept', sub: this.sub, ranges })
  }

  private tellRetract(retracted: Extract<BlockNotification, { type: 'retract' }>[]): void {
    const ranges = retracted.map(({ numbered, count }) => [numbered.by, numbered.number, count])
    this.host.say({ op: 'retract', sub: this.sub, ranges })
  }

  private tellOne(one: Extract<BlockNotification, { type: 'view' | 'gap' }>): void {
    const { sub, host } = this
    if (one.type === 'view') {
      host.say({ op: 'view', sub, seq: one.seq, ...one.view })
      return
    }
    const { from, to, reason } = one
    // Places are those of another history from here on.
    if (reason === 'history-changed') this.told = -1
    host.say({ op: 'gap', sub, from, to, reason, history: host.history() })
  }

  private fail(error: unknown): void {
    this.close()
    if (!(error instanceof BrokerError)) this.host.unexpected(error)
    const { code, message } =
      error instanceof BrokerError ? error : { code: 'INTERNAL', message: 'The replica failed.' }
    this.host.say({ op: 'ended', sub: this.sub, code, detail: message })
    this.host.ended(this.sub)
  }
}

function isEvents(one: BlockNotification): one is Extract<BlockNotification, { type: 'block' | 'early' }> {
  return one.type === 'block' || one.type === 'early'
}

function goTogether(one: BlockNotification, other: BlockNotification): boolean {
  if (isEvents(one)) return isEvents(other)
  return one.type === other.type && (one.type === 'kept' || one.type === 'retract')
}
