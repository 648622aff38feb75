// A subscriber's place in the order. It is all that is kept for it: what it has not read yet stays where it is, in the
// state, once for all subscribers. So a slow one costs nothing but its own lateness, and one that is too late is told
// what it missed, by a gap. And the cursors' turns: when the order grows, thousands may have something to read, and the
// group must not have to wait for them; those for whom nothing has come are left alone. Below `safe`, what has no place yet is shown once all else was read (`ahead.ts`).

import { Ahead, type ShownPart } from './ahead.ts'
import type { EarlySlots } from './early-slots.ts'
import { TopicFilter } from './events/patterns.ts'
import {
  type BlockItem,
  type Gap,
  type Item,
  type ReadResult,
  type State,
  type StoredEvent,
  VIEWS_TOPIC,
} from './events/state.ts'
import type {
  BlockNotification,
  Cursor,
  From,
  Notification,
  SubscribeOptions,
  Told,
  ViewNotice,
} from './http/operations.ts'
import { type Interested, Interests } from './interests.ts'

/** What cursors read from and wait at. */
export interface CursorSource {
  /** The present one; another object after a restore. */
  state(): State
  readonly early: EarlySlots
  /** Calls `wake` of this cursor when something has come that it wants. */
  wait(cursor: BrokerCursor): void
  /** While this cursor waits, nothing that it wants has come up to here. 0: it does not wait. */
  passed(cursor: BrokerCursor): number
  /** Calls `wake` of this cursor when its turn comes. */
  soon(cursor: BrokerCursor): void
  forget(cursor: BrokerCursor): void
  /** For the metrics. */
  delivered(notifications: readonly (Notification | BlockNotification)[]): void
}

/** How notifications of one form are made. */
interface Form<I, N> {
  look(state: State, most: number): ReadResult<I>
  tell(item: I | Gap): N[]
  show(ahead: Ahead, most: number): N[]
}

/** Of blocks of few events not more are given at a time. */
const BLOCKS_A_READ = 256

/** How often one call looks further when nothing that it has seen matches. More would hold up the event loop. */
const LOOKS_MAX = 8

export class BrokerCursor implements Cursor, Interested {
  readonly patterns: readonly string[]
  private readonly source: CursorSource
  private readonly filter: TopicFilter
  private readonly views: boolean
  /** Below `safe`. */
  private readonly ahead: Ahead | undefined
  /** Where to begin, until that is known: a replica that has no history yet cannot say where "now" is. */
  private from: From | undefined
  private after = 0
  private historyChanged = false
  private wakeUp: (() => void) | undefined
  private closed = false

  constructor(
    source: CursorSource,
    patterns: readonly string[],
    from: From,
    { views, order = 'safe' }: SubscribeOptions,
  ) {
    this.source = source
    this.patterns = views ? [...patterns, VIEWS_TOPIC] : patterns
    this.filter = new TopicFilter(this.patterns)
    this.views = views
    this.ahead = order === 'safe' ? undefined : new Ahead(order, source.early, this.filter)
    this.from = from
    this.begin()
  }

  /** It is also to be woken when something is shown early, or taken back. */
  get isEarly(): boolean {
    return this.ahead !== undefined
  }

  get seq(): number {
    return Math.max(this.after, this.source.passed(this))
  }

  /** Events that are in the order and were not looked at yet. */
  get lag(): number {
    return this.from === undefined ? Math.max(0, this.source.state().seq - this.seq) : 0
  }

  /** Its reader wants more. One that is behind and does not ask has no credit left, or a socket that takes nothing. */
  get asks(): boolean {
    return this.wakeUp !== undefined
  }

  /** Below `safe`: what was open at its level at the last look was shown. */
  get current(): boolean {
    return this.ahead?.current === true
  }

  next(most: number, bytes: number): Notification[] {
    return this.read<Item, Notification>(most, 1, {
      look: (state, room) => state.read(this.after, this.filter, room, bytes),
      tell: (item) => [this.notification(item)],
      show: (ahead, room) => ahead.show(room, bytes).flatMap(earlyEvents),
    })
  }

  nextBlocks(bytes: number): BlockNotification[] {
    return this.read<BlockItem | Gap, BlockNotification>(BLOCKS_A_READ, Number.POSITIVE_INFINITY, {
      look: (state, room) => state.readBlocks(this.after, this.filter, room, bytes),
      tell: (item) => this.blockNotifications(item),
      show: (ahead) => ahead.show(Number.POSITIVE_INFINITY, bytes).map(earlyBlock),
    })
  }

  /** `eventsMost`: of what was shown early, so many events are kept or taken back in one notification. */
  private read<I extends Item | BlockItem, N extends Notification | BlockNotification>(
    most: number,
    eventsMost: number,
    form: Form<I, N>,
  ): (N | Told)[] {
    if (this.closed || !this.begin()) return []
    const state = this.source.state()
    const { ahead } = this
    const all: (N | Told)[] = ahead?.takeBack(most, eventsMost) ?? []
    if (this.historyChanged) {
      this.historyChanged = false
      all.push({ type: 'gap', from: 0, to: Math.max(0, state.oldestSeq - 1), reason: 'history-changed' })
      this.source.delivered(all)
      return all
    }
    // A place beyond the head comes from a replica that is ahead of this one: it is waited for.
    for (let looks = 0; looks < LOOKS_MAX && all.length < most && this.after < state.seq; looks++) {
      const kept = ahead?.keepFrom(this.after + 1, most - all.length, eventsMost) ?? []
      all.push(...kept)
      this.after += kept.reduce((sum, { count }) => sum + count, 0)
      if (all.length >= most || this.after >= state.seq) break
      const { items, through } = form.look(state, most - all.length)
      const end = ahead ? Math.min(through, ahead.keptAt - 1) : through
      for (const item of items) if (item.type === 'gap' || seqOf(item) <= end) all.push(...form.tell(item))
      this.after = Math.max(this.after, end)
      if (all.length > 0) break
    }
    if (ahead && all.length < most && this.after === state.seq) all.push(...form.show(ahead, most - all.length))
    this.source.delivered(all)
    return all
  }

  onMore(wake: () => void): void {
    if (this.closed) return
    this.wakeUp = wake
    const { seq } = this.source.state()
    // Whoever comes from further on waits for the order, and is shown nothing meanwhile.
    const more = this.historyChanged || this.after < seq || this.ahead?.moreAt(this.after === seq) === true
    if (this.from === undefined && more) this.source.soon(this)
    else this.source.wait(this)
  }

  /** For the source: it does not wait any more, and nothing that it wants has come up to here. */
  pass(seq: number): void {
    this.after = Math.max(this.after, seq)
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

  private blockNotifications(item: BlockItem | Gap): BlockNotification[] {
    if (item.type === 'gap') return [item]
    const { block } = item
    if (!this.views || block.topic !== VIEWS_TOPIC) return [{ ...block, type: 'block' }]
    // Whoever asked for views is told in words.
    return item.events().map((event) => ({ type: 'view', seq: event.seq, view: viewNotice(event) }))
  }

  private notification(item: Item): Notification {
    if (item.type === 'gap') return item
    if (this.views && item.event.topic === VIEWS_TOPIC) {
      return { type: 'view', seq: item.event.seq, view: viewNotice(item.event) }
    }
    return { type: 'event', event: item.event }
  }
}

/**
 * So many milliseconds at a time are given to readers; then the event loop goes round, and datagrams and ticks have their
 * turn. Too small: many readers are served slowly. Too large: a publish that thousands of them read holds up the group,
 * which puts out a member that is silent.
 */
const SLICE_MS = 5

/**
 * In one slice each reader has so many turns, of one message each. At full load one turn of the event loop brings more than
 * a message, and readers who get one of them would fall behind for as long as it lasts.
 */
const TURNS_A_SLICE = 4

export interface WakingParts {
  readonly now: () => number
  /** Calls at the end of this turn of the event loop. */
  readonly endOfTurn: (call: () => void) => void
}

/**
 * The cursors that wait for something, and whose turn it is. Those that have something to read are woken in slices, the
 * one that has been due for longest first; whoever wants more after its piece is the last again. Those that wait for
 * topics to which nothing comes cost nothing: not even their places are moved, one by one.
 */
export class Waking {
  private readonly parts: WakingParts
  /** For something that they want. */
  private readonly waiting = new Set<BrokerCursor>()
  /** All of those that wait, and some that did. */
  private readonly interests = new Interests<BrokerCursor>()
  /** Up to here nothing has come that any of them wants. */
  private through = 0
  /** What has come since then is of these topics. */
  private readonly topics = new Set<string>()
  /** Anything may have come since then. */
  private anything = false
  /** For anything: they are shown what is not in the order yet. */
  private readonly waitingEarly = new Set<BrokerCursor>()
  private readonly due = new Set<BrokerCursor>()
  private sliceDue = false

  constructor(parts: WakingParts) {
    this.parts = parts
  }

  wait(cursor: BrokerCursor): void {
    if (this.due.has(cursor)) return
    if (cursor.isEarly) this.waitingEarly.add(cursor)
    else {
      this.waiting.add(cursor)
      this.interests.add(cursor)
    }
  }

  passed(cursor: BrokerCursor): number {
    return this.waiting.has(cursor) ? this.through : 0
  }

  soon(cursor: BrokerCursor): void {
    this.unwait(cursor)
    this.due.add(cursor)
    this.dueSlice()
  }

  forget(cursor: BrokerCursor): void {
    this.unwait(cursor)
    this.interests.remove(cursor)
    this.due.delete(cursor)
  }

  /** Something of this topic has come; `grown` follows at the end of the turn. */
  grew(topic: string): void {
    this.topics.add(topic)
  }

  /** The same of what cannot be told by topics. */
  grewAnyhow(): void {
    this.anything = true
  }

  /** The order has grown up to here. If nobody else is due, the first slice is now. */
  grown(seq: number): void {
    if (this.anything) for (const cursor of this.waiting) this.become(cursor)
    else for (const topic of this.topics) this.interests.forEach(topic, (cursor) => this.become(cursor))
    this.anything = false
    this.topics.clear()
    this.through = seq
    this.grownEarly()
  }

  /** Something was shown before it is in the order, or taken back. */
  grownEarly(): void {
    for (const cursor of this.waitingEarly) this.due.add(cursor)
    this.waitingEarly.clear()
    if (!this.sliceDue) this.slice()
  }

  /** Due. Who is not even that does not read: it is not looked for again before it waits. */
  private become(cursor: BrokerCursor): void {
    if (this.unwait(cursor)) this.due.add(cursor)
    else if (!this.due.has(cursor)) this.interests.remove(cursor)
  }

  private unwait(cursor: BrokerCursor): boolean {
    this.waitingEarly.delete(cursor)
    if (!this.waiting.delete(cursor)) return false
    cursor.pass(this.through)
    return true
  }

  private dueSlice(): void {
    if (this.sliceDue) return
    this.sliceDue = true
    this.parts.endOfTurn(() => {
      this.sliceDue = false
      this.slice()
    })
  }

  private slice(): void {
    const until = this.parts.now() + SLICE_MS
    // It ends even if the clock stands still.
    let left = TURNS_A_SLICE * this.due.size
    try {
      for (const cursor of this.due) {
        this.due.delete(cursor)
        cursor.wake()
        if (--left === 0 || this.parts.now() >= until) break
      }
    } finally {
      if (this.due.size > 0) this.dueSlice()
    }
  }
}

function earlyEvents({ reader, from, to }: ShownPart): Notification[] {
  return Array.from({ length: to - from }, (_, i) => ({ type: 'early', event: reader.event(from + i) }))
}

function earlyBlock({ reader, from, to }: ShownPart): BlockNotification {
  return { type: 'early', ...reader.block(from, to) }
}

function seqOf(item: Exclude<Item | BlockItem, Gap>): number {
  return item.type === 'event' ? item.event.seq : item.block.seq
}

function viewNotice(event: StoredEvent): ViewNotice {
  return JSON.parse(Buffer.from(event.data).toString()) as ViewNotice
}
