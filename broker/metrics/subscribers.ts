// How the subscribers of a replica are getting on. There may be very many, and looking at one costs something, so nobody
// looks at all of them at once: each tick a part, all of them about once a second, and a scrape is shown what the last
// round has found.
//
// Who has not come in a second to where the order was at its beginning is behind; by then it is more than what is on its
// way. There are two reasons to be behind, and only one is the replica's: a reader that does not ask for more has given
// no credit, or takes nothing from its socket.

import type { BrokerCursor } from '../cursor.ts'

export interface Round {
  readonly behind: number
  readonly stopped: number
  readonly worstLag: number
  /** The longest that one that is behind has not come on: waiting for its reader, or asking in vain. */
  readonly stillMs: { readonly reader: number; readonly replica: number }
}

const ROUND_MS = 1000
/** A round takes so many ticks, with this least number in each. */
const TICKS_A_ROUND = 40
const LOOKS_LEAST = 100

type Writable = { -readonly [key in keyof Round]: Round[key] } & { stillMs: { reader: number; replica: number } }

export class SubscriberRounds {
  /** The last whole one. */
  found: Round = nothing()
  private readonly observeLag: (events: number) => void
  private round: Writable = nothing()
  private left: IterableIterator<BrokerCursor> | undefined
  private startAt = Number.NEGATIVE_INFINITY
  private headAtStart = 0
  private headBefore = 0
  /** Of those that were behind: where, and since when. */
  private readonly still = new WeakMap<BrokerCursor, { readonly seq: number; readonly at: number }>()

  constructor(observeLag: (events: number) => void) {
    this.observeLag = observeLag
  }

  /** To be called every tick; `head`: the newest place of the order. */
  tick(cursors: ReadonlySet<BrokerCursor>, head: number, now: number): void {
    if (this.left === undefined) {
      if (now - this.startAt < ROUND_MS) return
      this.startAt = now
      this.headBefore = Math.min(this.headAtStart, head)
      this.headAtStart = head
      this.round = nothing()
      this.left = cursors.values()
    }
    const looks = Math.max(LOOKS_LEAST, Math.ceil(cursors.size / TICKS_A_ROUND))
    for (let i = 0; i < looks; i++) {
      const { value: cursor, done } = this.left.next()
      if (done) {
        this.left = undefined
        this.found = this.round
        return
      }
      this.look(cursor, now)
    }
  }

  private look(cursor: BrokerCursor, now: number): void {
    const { lag, seq } = cursor
    const { round } = this
    this.observeLag(lag)
    round.worstLag = Math.max(round.worstLag, lag)
    if (lag === 0 || seq >= this.headBefore) {
      this.still.delete(cursor)
      return
    }
    round.behind++
    const waitsFor = cursor.asks ? 'replica' : 'reader'
    if (waitsFor === 'reader') round.stopped++
    const before = this.still.get(cursor)
    if (before?.seq !== seq) this.still.set(cursor, { seq, at: now })
    else round.stillMs[waitsFor] = Math.max(round.stillMs[waitsFor], now - before.at)
  }
}

function nothing(): Writable {
  return { behind: 0, stopped: 0, worstLag: 0, stillMs: { reader: 0, replica: 0 } }
}
