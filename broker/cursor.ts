// A subscriber's place in the order. It is all that is kept for it: what it has not read yet stays where it is, in the
// state, once for all subscribers. So a slow one costs nothing but its own lateness, and one that is too late is told
// what it missed, by a gap.

import { TopicFilter } from './events/patterns.ts'
import { type Item, type State, type StoredEvent, VIEWS_TOPIC } from './events/state.ts'
import type { Cursor, From, Notification, ViewNotice } from './http/operations.ts'

/** What cursors read from and wait at. */
export interface CursorSource {
  /** The present one; another object after a restore. */
  state(): State
  /** Calls `wake` of this cursor when the order has grown. */
  wait(cursor: BrokerCursor): void
  forget(cursor: BrokerCursor): void
  /** Calls at the end of this turn of the event loop. */
  endOfTurn(call: () => void): void
  /** For the metrics. */
  delivered(notifications: readonly Notification[]): void
}

/** How often one call looks further when nothing that it has seen matches. More would hold up the event loop. */
const LOOKS_MAX = 8

export class BrokerCursor implements Cursor {
  private readonly source: CursorSource
  private readonly filter: TopicFilter
  private readonly views: boolean
  /** Where to begin, until that is known: a replica that has no history yet cannot say where "now" is. */
  private from: From | undefined
  private after = 0
  private historyChanged = false
  private wakeUp: (() => void) | undefined
  private closed = false

  constructor(source: CursorSource, patterns: readonly string[], from: From, views: boolean) {
    this.source = source
    this.filter = new TopicFilter(views ? [...patterns, VIEWS_TOPIC] : patterns)
    this.views = views
    this.from = from
    this.begin()
  }

  get seq(): number {
    return this.after
  }

  /** Events that are in the order and were not looked at yet. */
  get lag(): number {
    return this.from === undefined ? Math.max(0, this.source.state().seq - this.after) : 0
  }

  next(most: number, bytes: number): Notification[] {
    if (this.closed || !this.begin()) return []
    const given: Notification[] = []
    const state = this.source.state()
    if (this.historyChanged) {
      this.historyChanged = false
      given.push({ type: 'gap', from: 0, to: Math.max(0, state.oldestSeq - 1), reason: 'history-changed' })
    }
    // A place beyond the head comes from a replica that is ahead of this one: it is waited for.
    for (let look = 0; look < LOOKS_MAX && given.length === 0 && this.after < state.seq; look++) {
      const { items, through } = state.read(this.after, this.filter, most, bytes)
      for (const item of items) given.push(this.notification(item))
      this.after = through
    }
    this.source.delivered(given)
    return given
  }

  onMore(wake: () => void): void {
    if (this.closed) return
    this.wakeUp = wake
    if (this.from === undefined && (this.historyChanged || this.after < this.source.state().seq)) {
      this.source.endOfTurn(() => this.wake())
    } else this.source.wait(this)
  }

  /** For the source. */
  wake(): void {
    const wakeUp = this.wakeUp
    this.wakeUp = undefined
    wakeUp?.()
  }

  close(): void {
    this.closed = true
    this.wakeUp = undefined
    this.source.forget(this)
  }

  /** Finds the place to begin at. False: it cannot be known yet. */
  private begin(): boolean {
    const { from } = this
    if (from === undefined) return true
    const state = this.source.state()
    if (state.history === '') return false
    this.from = undefined
    switch (from.at) {
      case 'now':
        this.after = state.seq
        break
      case 'start':
        this.after = state.readFromOldest(this.filter)
        break
      case 'seq':
        this.after = Math.max(0, from.seq - 1)
        break
      case 'time':
        this.after = Math.max(0, state.seqAtTime(from.ms) - 1)
        break
      case 'token':
        this.historyChanged = from.history !== state.history
        this.after = this.historyChanged ? state.readFromOldest(this.filter) : from.seq
        break
      default:
        from satisfies never
    }
    return true
  }

  private notification(item: Item): Notification {
    if (item.type === 'gap') return item
    if (this.views && item.event.topic === VIEWS_TOPIC) {
      return { type: 'view', seq: item.event.seq, view: viewNotice(item.event) }
    }
    return { type: 'event', event: item.event }
  }
}

function viewNotice(event: StoredEvent): ViewNotice {
  return JSON.parse(Buffer.from(event.data).toString()) as ViewNotice
}
