// One subscription of a stream: a cursor, and the credit that its reader has given. Events leave only while there is
// credit and the socket takes them; so a reader that does not read costs its cursor, however much is published.

import { BrokerError } from '../../errors.ts'
import type { BlockNotification, Cursor, EventBlock } from '../operations.ts'
import { eventsMessage } from './layout.ts'

/** A connection, as its subscriptions see it. */
export interface SubscriptionHost {
  /** The socket is full: ask again when it is drained. */
  readonly full: boolean
  /** The history that positions belong to. '': this replica has none yet. */
  readonly history: () => string
  /** The newest place in the order, as this replica knows it. */
  readonly head: () => number
  say(message: object): void
  send(message: Buffer): void
  unexpected(error: unknown): void
  ended(sub: number): void
}

/** Bytes of events in one message, but for one that is larger. Larger: fewer messages; smaller: less waits behind one. */
const MESSAGE_BYTES = 64 * 1024

export class StreamSubscription {
  readonly sub: number
  private readonly cursor: Cursor
  private readonly host: SubscriptionHost
  private credit: number
  private begun = false
  /** The place that the reader knows of. */
  private told = -1
  /** It has been at the head: from there on, beats are often enough to tell it how far it is. */
  private caughtUp = false
  /** Reading stopped for want of credit, or because the socket is full. */
  private halted = false

  constructor(sub: number, cursor: Cursor, credit: number, host: SubscriptionHost) {
    this.sub = sub
    this.cursor = cursor
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
    if (!this.begun || cursor.seq < host.head()) return
    this.caughtUp = true
    const seq = this.progress()
    if (seq !== undefined) host.say({ op: 'progress', history: host.history(), marks: [[sub, seq]] })
  }

  private tell(given: readonly BlockNotification[]): void {
    const { sub, host } = this
    let blocks: EventBlock[] = []
    const flush = (through: number): void => {
      if (blocks.length === 0) return
      const message = eventsMessage(sub, through, blocks)
      blocks = []
      this.credit -= message.length
      this.told = through
      host.send(message)
    }
    for (const one of given) {
      if (one.type === 'block') {
        blocks.push(one)
        continue
      }
      const last = blocks.at(-1)
      if (last) flush(last.seq + last.count - 1)
      if (one.type === 'view') host.say({ op: 'view', sub, seq: one.seq, ...one.view })
      else {
        const { from, to, reason } = one
        // Places are those of another history from here on.
        if (reason === 'history-changed') this.told = -1
        host.say({ op: 'gap', sub, from, to, reason, history: host.history() })
      }
    }
    flush(this.cursor.seq)
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
