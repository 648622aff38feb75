// What the group has shown before it is safe, for subscribers who prefer speed: by level, the slots that are neither
// delivered nor taken back yet. A sender's window bounds them. Nothing is looked into until a subscriber wants it.
//
// An event that has no place yet is named by its publisher and its number there, which its place will not change. When a
// publish turns out void, so is all that is open of its publisher from that number on: nothing may stand before what may
// come again. Whatever of it is in the order after all comes at its place, and not before.

import { asBuffer } from './events/bytes.ts'
import { decodeCommand } from './events/command.ts'
import { PackedRecords } from './events/record.ts'
import type { Applied, State } from './events/state.ts'
import { PublishReader } from './events/stored-event.ts'
import { forEachRequest } from './group/batch.ts'
import { EARLY_LEVELS, type EarlyLevel, type EarlySlot } from './group/port.ts'

/** Some events that were published in one go, and may still be refused or taken back. */
export interface EarlyPublish {
  /** Also where a replica gave the id. */
  readonly publisher: string
  /** Of the first event; the others follow. */
  readonly sequence: number
  readonly count: number
  readonly topic: string
  readonly schemaVersion: number
  /** 0: it is not known. */
  readonly topicLife: number
  /** The publisher's id was given by a replica. */
  readonly gapsAllowed: boolean
  readonly autoCreate: boolean
  /** Undefined: it is closed. A subscriber that does not read remembers its name for long, and must not keep its bytes. */
  contents: { readonly records: PackedRecords; readonly reader: PublishReader } | undefined
  /**
   * What became of it; undefined: that is still open. What is void gets a place later, or none; of what is past the
   * numbers are another one's, which has its place.
   */
  fate: { readonly seq: number; readonly offset: number } | 'void' | 'past' | undefined
}

/** Others change topics; undefined: it changes nothing that a subscriber could see. */
type Request = EarlyPublish | 'other' | undefined

/** One slot, at all levels at which it is shown. */
class Slot {
  /** Undefined: it is closed. Memory that no longer counts, but is not collected yet, may still refer to the slot. */
  private batch: Uint8Array | undefined
  /** Empty until a subscriber wants them. */
  requests: readonly Request[] = []
  /** By level, what subscribers are to be shown; undefined: nobody has asked, or that cannot be told yet. */
  readonly shows: { [level in EarlyLevel]?: readonly EarlyPublish[] | undefined } = {}
  /** Delivered requests so far. */
  private applied = 0

  constructor(batch: Uint8Array) {
    this.batch = batch
  }

  lookInto(): void {
    const requests: Request[] = []
    if (this.batch) forEachRequest(this.batch, (request) => requests.push(read(request)))
    this.requests = requests
  }

  get isClosed(): boolean {
    return this.batch === undefined
  }

  close(): void {
    this.batch = undefined
  }

  /** The one that is being delivered. */
  next(): EarlyPublish | undefined {
    const request = this.requests[this.applied++]
    return isPublish(request) ? request : undefined
  }
}

class Level {
  /** In the order in which they were shown: all that are open, and of those that are closed some behind the first open one. */
  readonly slots: Slot[] = []
  /** By publisher, the number after those that are shown and not void. */
  readonly nextOf = new Map<string, number>()
  /** How many there were. They are numbered from 1. */
  shown = 0
}

export class EarlySlots {
  /** Grows with whatever a subscriber may have to be told. */
  changes = 0
  /** Open publishes that are void. */
  private voids = 0
  private readonly state: () => State
  private readonly slots = new Map<string, Slot>()
  /** Of the slots that were looked into: open publishes, by publisher. */
  private readonly openOf = new Map<string, Set<EarlyPublish>>()
  private readonly levels: { readonly [level in EarlyLevel]: Level } = {
    fifo: new Level(),
    causal: new Level(),
    agreed: new Level(),
  }

  constructor(state: () => State) {
    this.state = state
  }

  /** Something that is void may still get a place: what depends on it could be open. */
  get someVoid(): boolean {
    return this.voids > 0
  }

  show(shown: EarlySlot): void {
    const key = keyOf(shown)
    const level = this.levels[shown.level]
    let slot = this.slots.get(key)
    if (slot === undefined) {
      slot = new Slot(shown.batch)
      this.slots.set(key, slot)
    }
    this.changes++
    level.slots.push(slot)
    level.shown++
  }

  /** It is being delivered: what it gives is to be handed to `apply` with each of its requests. Undefined: never shown. */
  deliver(place: Pick<EarlySlot, 'view' | 'slot' | 'sender'>): Slot | undefined {
    return this.close(keyOf(place))
  }

  /** The next request of this slot was delivered; or one of a slot that was not shown. */
  apply(slot: Slot | undefined, applied: Applied, command: Uint8Array): void {
    const { verdict, publisher, sequence, count, seq, offset } = applied
    const publish = slot?.next()
    if (publish !== undefined) {
      this.forget(publish)
      if (verdict === 'refused') this.void(publish)
      publish.fate ??= verdict === 'applied' ? { seq, offset } : 'past'
    }
    if (verdict !== 'applied') return
    const past = [...(this.openOf.get(publisher) ?? [])].filter(
      (other) => other.fate === undefined && other.sequence < sequence + count && endOf(other) > sequence,
    )
    if (past.length === 0) return
    const first = read(command)
    for (const other of past) {
      const ahead = other.sequence - sequence
      other.fate = isPublish(first) && isPartOf(other, first) ? { seq: seq + ahead, offset: offset + ahead } : 'past'
    }
    for (const other of past) this.void(other)
  }

  takeBack(place: Pick<EarlySlot, 'view' | 'slot' | 'sender'>): void {
    for (const request of this.close(keyOf(place))?.requests ?? []) {
      if (!isPublish(request)) continue
      this.forget(request)
      this.void(request)
    }
  }

  /** What is open after the slot of this number, in the level's order. None may be shown or closed meanwhile. */
  *after(level: EarlyLevel, number: number): Generator<{ number: number; shows: readonly EarlyPublish[] }> {
    const { slots, shown } = this.levels[level]
    for (const [i, slot] of slots.entries()) {
      if (slot.isClosed) continue
      const shows = slot.shows[level] ?? this.lookInto(slot, level)
      if (shows === undefined) return
      slot.shows[level] = shows
      const at = shown - slots.length + 1 + i
      if (at > number) yield { number: at, shows }
    }
  }

  private close(key: string): Slot | undefined {
    const slot = this.slots.get(key)
    if (slot === undefined) return undefined
    this.slots.delete(key)
    slot.close()
    this.changes++
    for (const name of EARLY_LEVELS) {
      const { slots } = this.levels[name]
      while (slots[0]?.isClosed) slots.shift()
    }
    return slot
  }

  /** With it goes what its publisher has numbered after it, but where a replica gives the numbers, with gaps. */
  private void(publish: EarlyPublish): void {
    const { publisher, gapsAllowed } = publish
    // The copy of one that has its place: what follows it stands.
    if (typeof publish.fate === 'object') return
    publish.fate ??= 'void'
    if (gapsAllowed) return
    let from = publish.sequence
    const open = this.openOf.get(publisher) ?? []
    for (let more = true; more; ) {
      more = false
      for (const other of open) {
        if (other.fate !== undefined || endOf(other) <= from) continue
        other.fate = 'void'
        this.voids++
        more ||= other.sequence < from
        from = Math.min(from, other.sequence)
      }
    }
    for (const name of EARLY_LEVELS) {
      const { nextOf } = this.levels[name]
      if ((nextOf.get(publisher) ?? 0) > from) nextOf.set(publisher, from)
    }
  }

  private remember(publish: EarlyPublish): void {
    const open = this.openOf.get(publish.publisher) ?? new Set()
    this.openOf.set(publish.publisher, open.add(publish))
  }

  private forget(publish: EarlyPublish): void {
    publish.contents = undefined
    const open = this.openOf.get(publish.publisher)
    if (open?.delete(publish) && publish.fate === 'void') this.voids--
    if (open === undefined || open.size > 0) return
    this.openOf.delete(publish.publisher)
    for (const name of EARLY_LEVELS) this.levels[name].nextOf.delete(publish.publisher)
  }

  /**
   * What is there already is not shown again. What would be refused as far as can be seen, or comes before what its
   * publisher has numbered before it, which may be on its way by another replica, is not shown as `fifo`. Above it, where
   * something may depend on it, all that follows has to wait for it (undefined), as for changes of topics, until it
   * is delivered.
   */
  private lookInto(slot: Slot, name: EarlyLevel): EarlyPublish[] | undefined {
    const { nextOf } = this.levels[name]
    const state = this.state()
    const shows: EarlyPublish[] = []
    const nexts = new Map<string, number>()
    if (slot.requests.length === 0) {
      slot.lookInto()
      for (const request of slot.requests) if (isPublish(request)) this.remember(request)
    }
    for (const publish of slot.requests) {
      if (publish === undefined) continue
      if (publish === 'other') {
        if (name === 'fifo') continue
        return undefined
      }
      const { publisher, sequence, topic, schemaVersion, topicLife, gapsAllowed, autoCreate } = publish
      const shown = nexts.get(publisher) ?? nextOf.get(publisher) ?? 0
      const next = Math.max(state.publisherExpects(publisher) ?? 0, shown)
      if (publish.fate !== undefined || sequence < next) continue
      const known = state.topic(topic)
      const isSame = known && schemaVersion === known.schemaVersion && (topicLife === 0 || topicLife === known.life)
      const fits = isSame ?? autoCreate
      // A publisher that is not known here may have begun elsewhere, unless this is where all begin.
      if (!fits || (sequence > Math.max(next, FIRST_NUMBER) && !gapsAllowed)) {
        if (name === 'fifo') continue
        return undefined
      }
      nexts.set(publisher, endOf(publish))
      shows.push(publish)
    }
    for (const [publisher, next] of nexts) nextOf.set(publisher, next)
    return shows
  }
}

/** Most publishers count from 1, and some from 0. */
const FIRST_NUMBER = 1

/** The number after its last. */
function endOf({ sequence, count }: EarlyPublish): number {
  return sequence + count
}

/** The same events, perhaps cut otherwise: a copy, sent again at another replica. */
function isPartOf(copy: EarlyPublish, first: EarlyPublish): boolean {
  const ahead = copy.sequence - first.sequence
  if (ahead < 0 || endOf(copy) > endOf(first)) return false
  if (copy.topic !== first.topic || copy.schemaVersion !== first.schemaVersion) return false
  const [copied, records] = [copy.contents?.records, first.contents?.records]
  if (copied === undefined || records === undefined) return false
  for (let i = 0; i < copy.count; i++) if (!copied.record(i).equals(records.record(ahead + i))) return false
  return true
}

function keyOf({ view, slot, sender }: Pick<EarlySlot, 'view' | 'slot' | 'sender'>): string {
  return `${view}/${slot}/${sender.incarnation}`
}

function isPublish(request: Request): request is EarlyPublish {
  return request !== undefined && request !== 'other'
}

function read(bytes: Uint8Array): Request {
  const command = decodeCommand(bytes)
  if (command.kind !== 'publish') return command.kind === 'clock' ? undefined : 'other'
  const { publisher, sequence, topic, schemaVersion, topicLife, gapsAllowed, autoCreate } = command
  const records = new PackedRecords(asBuffer(command.records), 0)
  const reader = new PublishReader(command, records)
  const { count } = records
  const name = { publisher, sequence, count, topic, schemaVersion, topicLife }
  return { ...name, gapsAllowed, autoCreate, contents: { records, reader }, fate: undefined }
}
