// What one subscription was shown before it had a place in the order. Each event of it is told of once more: as kept, at
// its place among what is read from the log, or as taken back.

import assert from 'node:assert'
import type { EarlyPublish, EarlySlots } from './early-slots.ts'
import type { TopicFilter } from './events/patterns.ts'
import type { PublishReader } from './events/stored-event.ts'
import type { EarlyLevel } from './group/port.ts'
import type { EarlyRange } from './http/operations.ts'

/** Some events of a publish, from the i-th to before the j-th. */
export interface Part {
  readonly publish: EarlyPublish
  readonly from: number
  readonly to: number
}

/** To be told of at once. */
export interface ShownPart extends Part {
  readonly reader: PublishReader
}

type Retract = EarlyRange & { readonly type: 'retract' }
type Kept = EarlyRange & { readonly type: 'kept'; readonly seq: number; readonly offset: number }

export class Ahead {
  private readonly level: EarlyLevel
  private readonly slots: EarlySlots
  private readonly filter: TopicFilter
  /** All entries of the level up to this one were shown. */
  private through = 0
  /** Of the entry with this number so many publishes were shown, and of the next one so many events. */
  private part = { number: 0, publishes: 0, events: 0 }
  /** Neither kept nor taken back. */
  private open: Part[] = []
  /** By their places. */
  private keeps: Part[] = []
  private voids: Part[] = []
  /** Taken back with what was void, and not void themselves. */
  private readonly takenAlong = new Set<EarlyPublish>()
  private isCurrent = false

  constructor(level: EarlyLevel, slots: EarlySlots, filter: TopicFilter) {
    this.level = level
    this.slots = slots
    this.filter = filter
  }

  /** Everything that was open at the last look has been shown. */
  get current(): boolean {
    return this.isCurrent
  }

  /** There is something to tell, or to show where all of the log was read, that waits for nothing. */
  moreAt(end: boolean): boolean {
    return this.voids.length > 0 || (end && !this.isCurrent)
  }

  /** The place of the next of what was shown and has its place; infinite: there is none. */
  get keptAt(): number {
    const [first] = this.keeps
    return first ? placeOf(first).seq : Number.POSITIVE_INFINITY
  }

  /** To be called first. What is taken back: at most so many ranges, of so many events each. */
  takeBack(most: number, eventsMost: number): Retract[] {
    this.settle()
    const taken: Retract[] = []
    while (taken.length < most && this.voids.length > 0)
      taken.push({ type: 'retract', ...rangeOf(cut(this.voids, eventsMost)) })
    return taken
  }

  /** What was shown and has this place, and what follows it without a hole. */
  keepFrom(seq: number, most: number, eventsMost: number): Kept[] {
    const kept: Kept[] = []
    for (let at = seq; kept.length < most && this.keptAt === at; ) {
      const part = cut(this.keeps, eventsMost)
      kept.push({ type: 'kept', ...rangeOf(part), ...placeOf(part) })
      at += part.to - part.from
    }
    return kept
  }

  /** To be called when all of the log was read: what is open and was not shown, so many events of about so many bytes. */
  show(most: number, bytes: number): ShownPart[] {
    const parts: ShownPart[] = []
    let [eventsLeft, bytesLeft] = [most, bytes]
    // What was taken along comes again at its place: what follows may depend on it, the rest of a publish does.
    for (const publish of this.takenAlong) if (publish.fate !== undefined) this.takenAlong.delete(publish)
    if (this.level !== 'fifo' && (this.slots.someVoid || this.takenAlong.size > 0)) {
      this.isCurrent = true
      return parts
    }
    this.isCurrent = false
    for (const { number, shows } of this.slots.after(this.level, this.through)) {
      if (this.part.number !== number) this.part = { number, publishes: 0, events: 0 }
      for (const { part } = this; part.publishes < shows.length; part.publishes++, part.events = 0) {
        const publish = shows[part.publishes] as EarlyPublish
        const { contents, count } = publish
        if (publish.fate !== undefined || !contents || !this.filter.matches(publish.topic)) continue
        if (eventsLeft <= 0 || bytesLeft <= 0) return parts
        const from = part.events
        const { records } = contents
        const to = records.through(from, Math.min(count, from + eventsLeft), bytesLeft)
        parts.push({ publish, from, to, reader: contents.reader })
        eventsLeft -= to - from
        bytesLeft -= records.before(to) - records.before(from)
        this.remember(publish, from, to)
        part.events = to
        if (to < count) return parts
      }
      this.through = number
    }
    this.isCurrent = true
    return parts
  }

  private remember(publish: EarlyPublish, from: number, to: number): void {
    const last = this.open.at(-1)
    if (from > 0 && last?.publish === publish) this.open[this.open.length - 1] = { publish, from: 0, to }
    else this.open.push({ publish, from, to })
  }

  private settle(): void {
    if (this.open.every(({ publish }) => publish.fate === undefined)) return
    if (this.level !== 'fifo') {
      // What was shown after something that is taken back may depend on it, and is taken back with it.
      const from = this.open.findIndex(isGone)
      if (from !== -1) this.voids.push(...this.open.splice(from))
      for (const { publish } of this.voids) if (publish.fate === undefined) this.takenAlong.add(publish)
    }
    for (const part of this.open) {
      if (isGone(part)) this.voids.push(part)
      else if (part.publish.fate !== undefined) this.keeps.push(part)
    }
    this.keeps.sort((one, other) => placeOf(one).seq - placeOf(other).seq)
    this.open = this.open.filter(({ publish }) => publish.fate === undefined)
  }
}

function isGone({ publish: { fate } }: Part): boolean {
  return fate === 'void' || fate === 'past'
}

/** Takes so many events of the first part. */
function cut(parts: Part[], eventsMost: number): Part {
  const [first] = parts
  assert(first !== undefined)
  const { publish, from } = first
  const to = Math.min(first.to, from + eventsMost)
  if (to === first.to) parts.shift()
  else parts[0] = { publish, from: to, to: first.to }
  return { publish, from, to }
}

function rangeOf({ publish: { topic, publisher, sequence }, from, to }: Part): EarlyRange {
  return { topic, numbered: { by: publisher, number: sequence + from }, count: to - from }
}

function placeOf({ publish: { fate }, from }: Part): { seq: number; offset: number } {
  assert(typeof fate === 'object', 'what is kept has a place')
  return { seq: fate.seq + from, offset: fate.offset + from }
}
