// The order of one view, without a sequencer: every member numbers its own slots 1, 2, 3, …, and the order is all slots
// sorted by (slot, rank). So it is a pure function of what was sent; nobody assigns numbers, and nobody is a bottleneck
// (round-robin total order with nulls; Jha et al., Derecho, TOCS 2019).
//
// A lane is what is known of one sender's slots. Most turns are null and cost nothing: a watermark says that everything
// up to it is fixed, and what is no payload slot is null. Here is what is held, what is stable, and what comes next;
// what to send, and to whom, is decided elsewhere.

import assert from 'node:assert'
import type { BatchMemory } from './batch-memory.ts'
import type { OrderKey, Slot } from './message.ts'
import { EARLY_LEVELS, type EarlyLevel } from './port.ts'

/** One sender's slots in one view. */
class Lane {
  /** Every slot up to here is held: a payload, or known to be null. */
  held: number
  /** The last payload slot at or below `held`. Payloads are chained by `previousPayload`, so a loss shows at once. */
  heldPayload: number
  /** Held payload slots in order that may still be asked for; the first `delivered` of them have been delivered, */
  slots: Slot[] = []
  delivered = 0
  /** the first `settled` are stable, and the others have so many bytes. */
  settled = 0
  unsettledBytes = 0
  /** As `delivered`, at each of the early levels: what was delivered needs not be shown any more. */
  readonly shown: number[] = EARLY_LEVELS.map(() => 0)
  /** The last payload slot that was dropped from `slots`: nobody in the view needs it any more. */
  dropped: number
  /** Payload slots that came before one that precedes them, by the one that they follow. */
  readonly ahead = new Map<number, Slot>()
  /** The greatest pair that the sender announced. */
  watermark = 0
  lastPayload = 0
  /** The greatest payload slot that is known to exist. */
  highestPayload: number

  constructor(floor: number) {
    this.held = floor
    this.heldPayload = floor
    this.dropped = floor
    this.highestPayload = floor
  }

  /** Takes what follows on; answers whether a payload was added. */
  advance(): boolean {
    let added = false
    for (let next = this.ahead.get(this.heldPayload); next; next = this.ahead.get(this.heldPayload)) {
      this.ahead.delete(this.heldPayload)
      this.append(next)
      added = true
    }
    if (this.watermark > this.held && this.lastPayload <= this.heldPayload) this.held = this.watermark
    return added
  }

  /** Every member is known to hold everything up to here. */
  settle(stable: number): void {
    for (let next = this.slots[this.settled]; next && next.slot <= stable; next = this.slots[this.settled]) {
      this.unsettledBytes -= next.batch.length
      this.settled++
    }
  }

  deliver(): void {
    this.delivered++
    for (const [level, shown] of this.shown.entries()) this.shown[level] = Math.max(shown, this.delivered)
  }

  /** The last payload slot that was shown at an early level, or delivered. */
  shownThrough(level: number): number {
    const shown = this.shown[level]!
    return shown === 0 ? this.dropped : this.slots[shown - 1]!.slot
  }

  append(slot: Slot): void {
    this.slots.push(slot)
    this.unsettledBytes += slot.batch.length
    this.heldPayload = slot.slot
    this.held = Math.max(this.held, slot.slot)
    this.highestPayload = Math.max(this.highestPayload, slot.slot)
  }
}

export interface Missing {
  readonly rank: number
  readonly from: number
  readonly to: number
}

export class TotalOrder {
  readonly size: number
  private readonly self: number
  private readonly aheadMax: number
  private readonly memory: BatchMemory
  private readonly lanes: Lane[]
  /** By rank of the reporter, by rank of the sender: the highest `held` that it said. A member's own row is live. */
  private readonly reported: number[][]
  /** By rank of the sender: every member is known to hold everything up to here. */
  private readonly stable: number[]
  /** Where delivery has come to. */
  private delivered: OrderKey = { slot: 0, rank: 0 }
  /** A payload slot was added to what is held since this was last asked. */
  private payloadHeld = false

  /**
   * `self`: own rank, or -1 for a joiner, which holds slots of the view without being in it. `floor`: by rank, the last
   * payload slot that is already part of the state here.
   */
  constructor(
    size: number,
    self: number,
    aheadMax: number,
    memory: BatchMemory,
    floor: readonly number[] = new Array(size).fill(0),
  ) {
    this.size = size
    this.self = self
    this.aheadMax = aheadMax
    this.memory = memory
    this.lanes = floor.map((slot) => new Lane(slot))
    this.reported = Array.from({ length: size }, () => new Array(size).fill(0))
    this.stable = [...floor]
  }

  // ---- what is learned

  /** A slot arrived. One that is already held, or too far ahead to be kept, changes nothing. */
  addSlot(slot: Slot): void {
    const lane = this.lane(slot.sender)
    const { previousPayload } = slot
    lane.highestPayload = Math.max(lane.highestPayload, slot.slot)
    if (slot.slot <= lane.heldPayload || lane.ahead.size >= this.aheadMax || lane.ahead.has(previousPayload)) return
    const kept = this.kept(slot)
    if (previousPayload === lane.heldPayload) {
      lane.append(kept)
      this.payloadHeld = true
    } else lane.ahead.set(previousPayload, kept)
    this.advance(slot.sender)
  }

  private kept(slot: Slot): Slot {
    return { ...slot, batch: this.memory.keep(slot.batch) }
  }

  /** The sender says that all its slots up to `watermark` are fixed, the last payload among them being `lastPayload`. */
  announce(rank: number, watermark: number, lastPayload: number): void {
    const lane = this.lane(rank)
    if (watermark <= lane.watermark) return
    lane.watermark = watermark
    lane.lastPayload = lastPayload
    lane.highestPayload = Math.max(lane.highestPayload, lastPayload)
    this.advance(rank)
  }

  /**
   * A repair: of `from..to` these are the payload slots, all others are null. Taken when it leaves no gap; one whose slots
   * do not follow on what is held is noise, and changes nothing.
   */
  addRepair(rank: number, from: number, to: number, records: readonly Slot[]): void {
    const lane = this.lane(rank)
    if (from > lane.held + 1) return
    const added = records.filter(({ slot }) => slot > lane.heldPayload)
    let last = lane.heldPayload
    for (const { slot, previousPayload } of added) {
      if (previousPayload !== last) return
      last = slot
    }
    for (const record of added) {
      lane.append(this.kept(record))
      this.payloadHeld = true
    }
    lane.held = Math.max(lane.held, to)
    for (const [previous, { slot, batch }] of lane.ahead) {
      if (slot > lane.heldPayload) continue
      lane.ahead.delete(previous)
      this.memory.letGo(batch)
    }
    this.advance(rank)
  }

  /** Another member says what it holds. */
  report(reporter: number, held: readonly number[]): void {
    const row = this.reported[reporter]!
    for (let rank = 0; rank < this.size; rank++) {
      const said = held[rank] ?? 0
      if (said <= row[rank]!) continue
      row[rank] = said
      this.settle(rank)
    }
  }

  private advance(rank: number): void {
    if (this.lane(rank).advance()) this.payloadHeld = true
    this.settle(rank)
  }

  /** Recomputes what is stable of one lane: the least that any member is known to hold. */
  private settle(rank: number): void {
    if (this.self >= 0) this.reported[this.self]![rank] = this.lane(rank).held
    let least = Number.POSITIVE_INFINITY
    for (const row of this.reported) least = Math.min(least, row[rank]!)
    this.stable[rank] = Math.max(this.stable[rank]!, least)
    this.lane(rank).settle(this.stable[rank]!)
  }

  // ---- one's own turns

  /**
   * The number of the next slot of one's own: it sorts after every payload slot known here, so that an effect never
   * sorts before its cause (G3), and a busy slow member does not hold up a fast one.
   */
  nextOwnSlot(): number {
    let next = this.lane(this.self).held + 1
    for (let rank = 0; rank < this.size; rank++) {
      const known = this.lane(rank).highestPayload
      next = Math.max(next, rank < this.self ? known : known + 1)
    }
    return next
  }

  addOwnSlot(slot: number, batch: Uint8Array): Slot {
    const lane = this.lane(this.self)
    assert(slot > lane.held, 'a turn is taken once')
    const record = {
      sender: this.self,
      slot,
      previousPayload: lane.heldPayload,
      causes: this.heldPayloads(),
      batch: this.memory.keep(batch),
    }
    lane.append(record)
    this.raiseOwnWatermark(slot)
    return record
  }

  /** The highest payload slot of the others that lies above one's own watermark: up to it one's own turns are owed. */
  nullsOwed(): number {
    let highest = 0
    for (const lane of this.lanes) highest = Math.max(highest, lane.highestPayload)
    return highest > this.lane(this.self).held ? highest : 0
  }

  raiseOwnWatermark(watermark: number): void {
    const lane = this.lane(this.self)
    lane.watermark = watermark
    lane.lastPayload = lane.heldPayload
    lane.held = watermark
    this.settle(this.self)
  }

  ownWatermark(): { watermark: number; lastPayload: number } {
    const lane = this.lane(this.self)
    return { watermark: lane.held, lastPayload: lane.heldPayload }
  }

  // ---- what is known

  held(): number[] {
    return this.lanes.map((lane) => lane.held)
  }

  /** By rank, the last payload slot up to which everything is held. What is null needs no one to keep it. */
  heldPayloads(): number[] {
    return this.lanes.map((lane) => lane.heldPayload)
  }

  holds(trim: readonly number[]): boolean {
    return this.lanes.every((lane, rank) => lane.heldPayload >= trim[rank]!)
  }

  stableThrough(rank: number): number {
    return this.stable[rank]!
  }

  reportedBy(reporter: number, rank: number): number {
    return this.reported[reporter]![rank]!
  }

  /** Own payload slots that some member is not known to hold. */
  ownUnstable(): { slots: number; bytes: number; oldest: number } {
    const { slots, settled, unsettledBytes: bytes } = this.lane(this.self)
    return { slots: slots.length - settled, bytes, oldest: slots[settled]?.slot ?? 0 }
  }

  /** Own payload slots that this member is not known to hold. */
  ownLackedBy(rank: number): { slots: number; oldest: number } {
    const { slots, settled } = this.lane(this.self)
    const reported = this.reportedBy(rank, this.self)
    const lacked = slots.slice(settled).filter(({ slot }) => slot > reported)
    return { slots: lacked.length, oldest: lacked[0]?.slot ?? 0 }
  }

  /** Is there a payload slot, seen or heard of, that has not been delivered here? */
  somethingUndelivered(): boolean {
    return this.lanes.some((lane) => lane.delivered < lane.slots.length || lane.highestPayload > lane.heldPayload)
  }

  /** What is known to exist and is not held, and what is not held of a trim. */
  missing(trim?: readonly number[]): Missing[] {
    const missing: Missing[] = []
    for (let rank = 0; rank < this.size; rank++) {
      const lane = this.lane(rank)
      const to = trim ? trim[rank]! : lane.highestPayload
      if (lane.heldPayload < to) missing.push({ rank, from: lane.heldPayload + 1, to })
    }
    return missing
  }

  takePayloadHeld(): boolean {
    const was = this.payloadHeld
    this.payloadHeld = false
    return was
  }

  // ---- delivery

  /**
   * The next slot of the order, if it is safe: everything before it is known, and it is stable. Nulls need not be
   * stable: one that a trim drops reads the same.
   */
  nextSafe(): Slot | undefined {
    const next = this.nextKnown()
    return next && this.stable[next.sender]! >= next.slot ? next : undefined
  }

  /** The next slot of the order, if everything before it is known. */
  private nextKnown(through: (lane: Lane) => number = (lane) => lane.delivered): Slot | undefined {
    const next = this.nextAfter(through)
    if (!next) return undefined
    for (let rank = 0; rank < this.size; rank++) {
      // A slot of the same number sorts by rank: of higher ranks only the turns before it matter.
      const needed = rank <= next.sender ? next.slot : next.slot - 1
      if (this.lane(rank).held < needed) return undefined
    }
    return next
  }

  private nextAfter(through: (lane: Lane) => number): Slot | undefined {
    let next: Slot | undefined
    for (const lane of this.lanes) {
      const slot = lane.slots[through(lane)]
      if (slot && (!next || slot.slot < next.slot)) next = slot
    }
    return next
  }

  // ---- early levels

  /** What may be shown now that was not, level by level, each in the level's order; of each rank `through` this slot at most. */
  takeEarly(through?: readonly number[]): { level: EarlyLevel; slot: Slot }[] {
    const early: { level: EarlyLevel; slot: Slot }[] = []
    if (this.lanes.every(({ shown, slots }) => shown[EARLY_LEVELS.length - 1] === slots.length)) return early
    for (const [level, name] of EARLY_LEVELS.entries())
      for (let slot = this.nextEarly(level, through); slot; slot = this.nextEarly(level, through)) {
        this.lane(slot.sender).shown[level]! += 1
        early.push({ level: name, slot })
      }
    return early
  }

  private nextEarly(level: number, through: readonly number[] | undefined): Slot | undefined {
    const may = ({ sender, slot }: Slot): boolean => through === undefined || slot <= through[sender]!
    if (EARLY_LEVELS[level] === 'agreed') {
      const next = this.nextKnown((lane) => lane.shown[level]!)
      return next && may(next) ? next : undefined
    }
    // The least one first: of two that wait already, the other may be an answer to it.
    let next: Slot | undefined
    for (const lane of this.lanes) {
      const slot = lane.slots[lane.shown[level]!]
      if (!slot || (next && next.slot <= slot.slot) || !may(slot)) continue
      if (EARLY_LEVELS[level] === 'fifo' || this.causesShown(slot, level)) next = slot
    }
    return next
  }

  /** By its own causes, never by what the datagram says that brought it: a repair comes with somebody else's word. */
  private causesShown({ sender, causes }: Slot, level: number): boolean {
    return causes.every((cause, rank) => rank === sender || this.lane(rank).shownThrough(level) >= cause)
  }

  /** What was shown and is not delivered, each with the last level that it was shown at. */
  shownInVain(): { level: EarlyLevel; slot: Slot }[] {
    return this.lanes.flatMap((lane) =>
      lane.slots.slice(lane.delivered, lane.shown[0]).map((slot, i) => {
        const level = EARLY_LEVELS.findLast((_, level) => lane.shown[level]! > lane.delivered + i)!
        return { level, slot }
      }),
    )
  }

  /** To be called with each slot as it is delivered. */
  markDelivered(slot: Slot): void {
    assert(
      slot.slot > this.delivered.slot || (slot.slot === this.delivered.slot && slot.sender > this.delivered.rank),
      'G3: delivery follows the order',
    )
    this.lane(slot.sender).deliver()
    this.delivered = { slot: slot.slot, rank: slot.sender }
  }

  /** A joiner's log already has the slots up to this one. */
  skipThrough(key: OrderKey): void {
    for (const [rank, lane] of this.lanes.entries()) {
      for (let slot = lane.slots[lane.delivered]; slot; slot = lane.slots[lane.delivered]) {
        if (slot.slot > key.slot || (slot.slot === key.slot && rank > key.rank)) break
        lane.deliver()
      }
    }
    if (key.slot > this.delivered.slot) this.delivered = key
  }

  /** By rank, the last payload slot that was delivered. */
  deliveredPayloads(): number[] {
    return this.lanes.map((lane) => (lane.delivered === 0 ? lane.dropped : lane.slots[lane.delivered - 1]!.slot))
  }

  /** What every member holds and has been delivered here can never be asked for again. */
  dropStable(): void {
    for (const lane of this.lanes) {
      const drop = Math.min(lane.delivered, lane.settled)
      if (drop === 0) continue
      lane.dropped = lane.slots[drop - 1]!.slot
      for (const { batch } of lane.slots.splice(0, drop)) this.memory.letGo(batch)
      lane.delivered -= drop
      lane.settled -= drop
      for (const [level, shown] of lane.shown.entries()) lane.shown[level] = shown - drop
    }
  }

  /**
   * The part of the trim that keeps no effect without its cause: while a kept slot names, in its `causes`, a slot of
   * another member beyond what is left of the trim, that slot and its sender's later ones are cut. All members hold the
   * same slots up to the trim, so all find the same. What was safe anywhere is never cut: its causes precede it in the
   * order and are stable too.
   */
  causallyClosed(trim: readonly number[]): number[] {
    const left = [...trim]
    for (let cut = true; cut; ) {
      cut = false
      for (const [rank, lane] of this.lanes.entries()) {
        for (let i = lane.delivered; i < lane.slots.length; i++) {
          const slot = lane.slots[i]!
          if (slot.slot > left[rank]!) break
          if (slot.causes.some((cause, sender) => sender !== rank && cause > left[sender]!)) {
            left[rank] = slot.slot - 1
            cut = true
            break
          }
        }
      }
    }
    return left
  }

  /** At the end of the view: what is left to deliver of the trim, in order. */
  *takeThrough(trim: readonly number[]): Generator<Slot> {
    for (;;) {
      let next: Slot | undefined
      for (const [rank, lane] of this.lanes.entries()) {
        const slot = lane.slots[lane.delivered]
        if (slot && slot.slot <= trim[rank]! && (!next || slot.slot < next.slot)) next = slot
      }
      if (!next) return
      this.markDelivered(next)
      yield next
    }
  }

  /** One's own payload slots beyond a trim. */
  ownBeyond(trim: readonly number[]): Slot[] {
    return this.lane(this.self).slots.filter((slot) => slot.slot > trim[this.self]!)
  }

  /**
   * An answer to a Want, as far as it is held and fits; undefined: nothing of it is held, or no longer. At least one
   * record goes however large it is, since it came in one datagram too.
   */
  answer(want: Missing, bytesMax: number): { from: number; to: number; records: Slot[] } | undefined {
    const lane = this.lane(want.rank)
    if (want.from <= lane.dropped || lane.held < want.from) return undefined
    const records: Slot[] = []
    let bytes = 0
    let to = Math.min(want.to, lane.held)
    for (const slot of lane.slots) {
      if (slot.slot < want.from) continue
      if (slot.slot > to) break
      bytes += slot.batch.length + 64 + 8 * this.size
      if (records.length > 0 && bytes > bytesMax) {
        to = slot.slot - 1
        break
      }
      records.push(slot)
    }
    return { from: want.from, to, records }
  }

  private lane(rank: number): Lane {
    const lane = this.lanes[rank]
    assert(lane, `rank ${rank} is in the view`)
    return lane
  }
}
