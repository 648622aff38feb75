// The order of a view: each rule by itself, and then all of it against a dumb twin, at every member of a small view,
// while datagrams are lost, repeated and overtaken.

import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import type { OrderKey, Slot } from '../../broker/group/message.ts'
import { EARLY_LEVELS, type EarlyLevel } from '../../broker/group/port.ts'
import { type Missing, TotalOrder } from '../../broker/group/total-order.ts'
import { Chance } from '../sim/random.ts'

const AHEAD_MAX = 64

function newMemory(): BatchMemory {
  return new BatchMemory(64 * 1024)
}

function slotOf(sender: number, slot: number, previousPayload = 0, causes: readonly number[] = []): Slot {
  return { sender, slot, previousPayload, causes, batch: new Uint8Array(10) }
}

function keyOf({ slot, sender }: Slot): string {
  return `${slot}/${sender}`
}

/** What can be delivered now, delivered. */
function deliverSafe(order: Order): string[] {
  const delivered: string[] = []
  for (let slot = order.nextSafe(); slot; slot = order.nextSafe()) {
    order.markDelivered(slot)
    delivered.push(keyOf(slot))
  }
  return delivered
}

// ---- rule by rule

test('G3, equal slot numbers: the lower rank is first; of higher ranks only the turns before matter', (t) => {
  const order = new TotalOrder(3, 1, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(2, 1))
  order.addSlot(slotOf(0, 1))
  order.raiseOwnWatermark(1)
  order.report(0, [1, 1, 1])
  order.report(2, [1, 0, 1])
  t.deepEqual(deliverSafe(order), ['1/0', '1/2'])

  const waits = new TotalOrder(3, 1, AHEAD_MAX, newMemory())
  waits.addSlot(slotOf(1, 1))
  waits.report(0, [0, 1, 0])
  waits.report(2, [0, 1, 0])
  t.deepEqual(deliverSafe(waits), [], 'the first turn of a may hold a slot')
  waits.announce(0, 1, 0)
  t.deepEqual(deliverSafe(waits), ['1/1'], 'that of c would come later')
})

test('a null: need not be stable for what comes after it to be safe', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.raiseOwnWatermark(3)
  order.addSlot(slotOf(1, 3))
  order.report(1, [0, 3])
  t.deepEqual(deliverSafe(order), ['3/1'], 'b has not heard of the nulls of a')
})

test('G4, a slot that one member is not known to hold: not safe, however many others hold it', (t) => {
  const order = new TotalOrder(4, 0, AHEAD_MAX, newMemory())
  order.addOwnSlot(1, new Uint8Array(1))
  order.report(1, [1])
  order.report(2, [1])
  t.deepEqual(deliverSafe(order), [])
  t.is(order.stableThrough(0), 0)
  order.report(3, [1])
  t.deepEqual(deliverSafe(order), ['1/0'])
})

test('a report older than what was said before: takes nothing back', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.addOwnSlot(1, new Uint8Array(1))
  order.report(1, [1, 4])
  order.report(1, [0, 0])
  t.is(order.reportedBy(1, 0), 1)
  t.is(order.stableThrough(0), 1)
})

test('the next own slot: right after every payload slot known here, also one that is only heard of [c5]', (t) => {
  const at = (rank: number, know: (order: TotalOrder) => void): number => {
    const order = new TotalOrder(3, rank, AHEAD_MAX, newMemory())
    know(order)
    return order.nextOwnSlot()
  }
  t.is(
    at(1, () => {}),
    1,
  )
  t.is(
    at(1, (order) => order.addSlot(slotOf(0, 7))),
    7,
    '7 of b sorts after 7 of a',
  )
  t.is(
    at(1, (order) => order.addSlot(slotOf(2, 7))),
    8,
    '7 of b sorts before 7 of c',
  )
  t.is(
    at(1, (order) => order.addSlot(slotOf(2, 7, 5))),
    8,
    'held or not',
  )
  t.is(
    at(1, (order) => order.announce(2, 9, 6)),
    7,
    'the nulls of c do not count',
  )
  t.is(
    at(1, (order) => order.raiseOwnWatermark(12)),
    13,
    'a turn that was given up is gone',
  )
})

test('nulls owed: up to the highest payload slot known, and nothing once that is reached', (t) => {
  const order = new TotalOrder(3, 1, AHEAD_MAX, newMemory())
  t.is(order.nullsOwed(), 0)
  order.announce(2, 9, 0)
  t.is(order.nullsOwed(), 0, 'nulls cause no nulls')
  order.addSlot(slotOf(0, 4, 3))
  t.is(order.nullsOwed(), 4)
  order.raiseOwnWatermark(4)
  t.is(order.nullsOwed(), 0)
  t.deepEqual(order.ownWatermark(), { watermark: 4, lastPayload: 0 })
  t.deepEqual(order.held(), [0, 4, 9])
})

test('an own slot: names what was held, in payload slots, and the one before it', (t) => {
  const order = new TotalOrder(3, 1, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(0, 2))
  order.announce(0, 6, 2)
  order.addSlot(slotOf(2, 5, 4))
  const batch = new Uint8Array([1])
  t.deepEqual(order.addOwnSlot(6, batch), { sender: 1, slot: 6, previousPayload: 0, causes: [2, 0, 0], batch })
  t.deepEqual(order.addOwnSlot(8, batch), { sender: 1, slot: 8, previousPayload: 6, causes: [2, 6, 0], batch })
  t.throws(() => order.addOwnSlot(8, batch), { message: /a turn is taken once/ })
})

test('a gap: what came after it is kept and taken when the gap closes, by the slot or by a repair', (t) => {
  const late = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  late.addSlot(slotOf(1, 6, 4))
  late.addSlot(slotOf(1, 4, 2))
  t.deepEqual(late.held(), [0, 0])
  t.deepEqual(late.missing(), [{ rank: 1, from: 1, to: 6 }])
  t.false(late.takePayloadHeld())
  late.addSlot(slotOf(1, 2))
  t.deepEqual(late.held(), [0, 6])
  t.true(late.takePayloadHeld())
  t.false(late.takePayloadHeld(), 'asked once')

  const repaired = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  repaired.addSlot(slotOf(1, 6, 4))
  repaired.addRepair(1, 1, 4, [slotOf(1, 2), slotOf(1, 4, 2)])
  t.deepEqual(repaired.held(), [0, 6])
  t.deepEqual(repaired.missing(), [])
})

test('a watermark: raises what is held only when the last payload below it is there', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.announce(1, 9, 4)
  t.deepEqual(order.held(), [0, 0])
  t.deepEqual(order.missing(), [{ rank: 1, from: 1, to: 4 }])
  order.addSlot(slotOf(1, 4))
  t.deepEqual(order.held(), [0, 9])
  t.deepEqual(order.heldPayloads(), [0, 4])
  order.announce(1, 7, 4)
  t.deepEqual(order.held(), [0, 9], 'an older one changes nothing')
})

test('too many slots ahead of a gap: dropped, known to exist, and repaired like any other loss', (t) => {
  const order = new TotalOrder(2, 0, 2, newMemory())
  for (const slot of [2, 3, 4, 5]) order.addSlot(slotOf(1, slot, slot - 1))
  order.addRepair(1, 1, 1, [slotOf(1, 1)])
  t.deepEqual(order.held(), [0, 3])
  t.deepEqual(order.missing(), [{ rank: 1, from: 4, to: 5 }])
})

test('a repair that leaves a gap, or does not fit what is held: changes nothing', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 2))
  order.addRepair(1, 4, 6, [slotOf(1, 5, 3)])
  order.addRepair(1, 4, 6, [])
  order.addRepair(1, 3, 6, [slotOf(1, 5, 3)])
  order.addRepair(1, 3, 8, [slotOf(1, 4, 2), slotOf(1, 8, 6)])
  t.deepEqual(order.held(), [0, 2])
  order.addRepair(1, 1, 6, [slotOf(1, 2), slotOf(1, 5, 2)])
  t.deepEqual(order.held(), [0, 6], 'one that begins with what is held brings the rest')
  order.addRepair(1, 1, 3, [slotOf(1, 2)])
  t.deepEqual(order.held(), [0, 6], 'nor does one that comes again')
})

test('an answer: from a held slot on, at least one record however large, and no more than fits', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  for (const slot of [2, 4, 6]) order.addSlot(slotOf(1, slot, slot - 2))
  const ask = (from: number, to: number, bytes: number): [number, number[]] | undefined => {
    const answer = order.answer({ rank: 1, from, to }, bytes)
    return answer && [answer.to, answer.records.map(({ slot }) => slot)]
  }
  const oneRecord = 10 + 64 + 2 * 8
  t.deepEqual(ask(1, 9, 1000), [6, [2, 4, 6]])
  t.deepEqual(ask(3, 4, 1000), [4, [4]])
  t.deepEqual(ask(1, 9, 1), [3, [2]], 'up to the slot before the one that does not fit')
  t.deepEqual(ask(1, 9, 2 * oneRecord), [5, [2, 4]])
  t.deepEqual(ask(5, 5, 1000), [5, []], 'null')
  t.is(ask(7, 9, 1000), undefined, 'not held')
})

test('what all hold and was delivered: let go of, and asked for in vain; what is only delivered is kept', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.raiseOwnWatermark(9)
  for (const slot of [1, 2, 3]) order.addSlot(slotOf(1, slot, slot - 1))
  order.report(1, [0, 2])
  deliverSafe(order)
  order.markDelivered(slotOf(1, 3, 2))
  order.dropStable()
  t.is(order.answer({ rank: 1, from: 2, to: 3 }, 1000), undefined)
  t.deepEqual(
    order.answer({ rank: 1, from: 3, to: 3 }, 1000)?.records.map(({ slot }) => slot),
    [3],
  )
  t.deepEqual(order.deliveredPayloads(), [0, 3])
  order.report(1, [0, 3])
  order.dropStable()
  t.deepEqual(order.deliveredPayloads(), [0, 3], 'remembered when no slot is left')
})

test('G3, delivery against the order: an assertion', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.markDelivered(slotOf(1, 2))
  t.throws(() => order.markDelivered(slotOf(0, 2)), { message: /G3/ })
  t.throws(() => order.markDelivered(slotOf(1, 2, 1)), { message: /G3/ })
})

const early = (order: TotalOrder): string[] => order.takeEarly().map(({ level, slot }) => `${level} ${keyOf(slot)}`)
const inVain = (order: TotalOrder): string[] => order.shownInVain().map(({ level, slot }) => `${level} ${keyOf(slot)}`)

test('a slot whose cause is still missing: shown as fifo at once, as causal and agreed when the cause is there', (t) => {
  const order = new TotalOrder(3, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 2, 0, [0, 0, 1]))
  t.deepEqual(early(order), ['fifo 2/1'])
  order.addSlot(slotOf(2, 1, 0, [0, 0, 0]))
  t.deepEqual(early(order), ['fifo 1/2', 'causal 1/2', 'causal 2/1'], 'own turns are still open')
  order.raiseOwnWatermark(2)
  t.deepEqual(early(order), ['agreed 1/2', 'agreed 2/1'], 'a second turn of c sorts after that of b')
})

test('two slots wait to be shown: the least one first, whoever sent it, and only as far as is said', (t) => {
  const order = new TotalOrder(3, 2, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(0, 2, 0, [0, 0, 0]))
  order.addSlot(slotOf(1, 1, 0, [0, 0, 0]))
  t.deepEqual(order.takeEarly([0, 0, 0]), [])
  t.deepEqual(
    order.takeEarly([0, 1, 0]).map(({ level, slot }) => `${level} ${keyOf(slot)}`),
    ['fifo 1/1', 'causal 1/1', 'agreed 1/1'],
  )
  order.addSlot(slotOf(1, 3, 1, [0, 0, 0]))
  t.deepEqual(early(order), ['fifo 2/0', 'fifo 3/1', 'causal 2/0', 'causal 3/1'])
})

test('a slot after one that is lost: not even shown as fifo', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 2, 1, [0, 0]))
  t.deepEqual(early(order), [])
  order.addSlot(slotOf(1, 1, 0, [0, 0]))
  t.deepEqual(early(order), ['fifo 1/1', 'fifo 2/1', 'causal 1/1', 'causal 2/1'])
})

test('shown and never delivered: taken back at the last level that it had; what was delivered is not', (t) => {
  const order = new TotalOrder(3, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 1, 0, [0, 0, 0]))
  order.addSlot(slotOf(1, 3, 1, [0, 1, 0]))
  order.addSlot(slotOf(2, 5, 0, [0, 9, 0]))
  order.raiseOwnWatermark(2)
  order.takeEarly()
  t.deepEqual(inVain(order), ['agreed 1/1', 'causal 3/1', 'fifo 5/2'])
  order.raiseOwnWatermark(3)
  order.takeEarly()
  order.report(1, [3, 3, 0])
  order.report(2, [3, 3, 5])
  t.deepEqual(deliverSafe(order), ['1/1', '3/1'])
  t.deepEqual(inVain(order), ['fifo 5/2'])
  order.dropStable()
  t.deepEqual(inVain(order), ['fifo 5/2'])
  t.deepEqual(early(order), [], 'nothing is shown twice')
})

test('an effect whose cause is beyond the trim: cut, with the later ones of its sender and what they caused [c4]', (t) => {
  const order = new TotalOrder(3, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 1, 0, [0, 0, 0]))
  order.addSlot(slotOf(1, 3, 1, [0, 1, 2])) // 2 of c is beyond the trim
  order.addSlot(slotOf(1, 5, 3, [0, 3, 0]))
  order.addOwnSlot(6, new Uint8Array(1)) // names 5 of b
  t.deepEqual(order.causallyClosed([6, 5, 0]), [5, 2, 0])
  t.deepEqual([...order.takeThrough([5, 2, 0])].map(keyOf), ['1/1'])
  t.deepEqual(order.ownBeyond([5, 2, 0]).map(keyOf), ['6/0'], 'to be sent again')
})

test('a trim without missing causes: kept whole, though it ends before what is held', (t) => {
  const order = new TotalOrder(2, 0, AHEAD_MAX, newMemory())
  order.addSlot(slotOf(1, 1, 0, [0, 0]))
  order.addOwnSlot(2, new Uint8Array(1))
  order.addSlot(slotOf(1, 3, 1, [2, 1]))
  t.deepEqual(order.causallyClosed([2, 1]), [2, 1])
  t.deepEqual([...order.takeThrough([2, 1])].map(keyOf), ['1/1', '2/0'])
})

test('a joiner: begins at what its log was cut at, and skips what the log has got besides', (t) => {
  const joiner = new TotalOrder(3, -1, AHEAD_MAX, newMemory(), [2, 4, 0])
  joiner.addRepair(0, 3, 5, [slotOf(0, 5, 2)])
  joiner.addRepair(1, 5, 7, [slotOf(1, 5, 4), slotOf(1, 7, 5)])
  joiner.addRepair(2, 1, 5, [slotOf(2, 5)])
  t.deepEqual(joiner.deliveredPayloads(), [2, 4, 0])
  joiner.skipThrough({ slot: 5, rank: 1 })
  t.deepEqual(joiner.deliveredPayloads(), [5, 5, 0])
  t.throws(() => joiner.markDelivered(slotOf(2, 4)), { message: /G3/ })
  t.deepEqual([...joiner.takeThrough([5, 7, 5])].map(keyOf), ['5/2', '7/1'])
})

// ---- against a dumb twin

/** All that can be asked of an order: what is new there needs its dumb twin here. */
type Order = Pick<TotalOrder, keyof TotalOrder>
type Early = ReturnType<Order['takeEarly']>[number]

/** The same without a thought of speed: sets of what was learned, everything else found anew at each question. */
class DumbOrder implements Order {
  readonly size: number
  private readonly self: number
  private readonly aheadMax: number
  private readonly floor: readonly number[]
  private readonly slots: Slot[] = []
  /** Turns that are fixed, payload or null, and without a gap before them. */
  private readonly fixed = new Set<string>()
  /** Payload slots that are known to exist. */
  private readonly exist: { rank: number; slot: number }[] = []
  private readonly announced: { rank: number; watermark: number; lastPayload: number }[] = []
  private readonly said: { reporter: number; rank: number; held: number }[] = []
  private readonly delivered = new Set<string>()
  private readonly shown = { fifo: new Set<string>(), causal: new Set<string>(), agreed: new Set<string>() }
  private readonly droppedThrough: number[]
  private payloadHeld = false

  constructor(size: number, self: number, aheadMax: number, floor: readonly number[] = new Array(size).fill(0)) {
    this.size = size
    this.self = self
    this.aheadMax = aheadMax
    this.floor = floor
    this.droppedThrough = [...floor]
    for (const rank of this.ranks()) this.exist.push({ rank, slot: floor[rank]! })
  }

  addSlot(slot: Slot): void {
    this.exist.push({ rank: slot.sender, slot: slot.slot })
    const ahead = this.slots.filter((one) => one.sender === slot.sender && one.slot > this.held()[slot.sender]!)
    if (this.of(slot.sender).some((one) => one.slot === slot.slot) || ahead.length >= this.aheadMax) return
    this.learn(() => this.slots.push(slot))
  }

  announce(rank: number, watermark: number, lastPayload: number): void {
    this.exist.push({ rank, slot: lastPayload })
    this.learn(() => this.announced.push({ rank, watermark, lastPayload }))
  }

  addRepair(rank: number, from: number, to: number, records: readonly Slot[]): void {
    if (from > this.held()[rank]! + 1) return
    this.learn(() => {
      for (let slot = this.held()[rank]! + 1; slot <= to; slot++) this.fixed.add(`${slot}/${rank}`)
      for (const record of records) {
        this.exist.push({ rank, slot: record.slot })
        if (!this.of(rank).some((one) => one.slot === record.slot)) this.slots.push(record)
      }
    })
  }

  report(reporter: number, held: readonly number[]): void {
    for (const rank of this.ranks()) this.said.push({ reporter, rank, held: held[rank]! })
  }

  nextOwnSlot(): number {
    let next = this.held()[this.self]! + 1
    while (!this.exist.every(({ rank, slot }) => slot < next || (slot === next && rank < this.self))) next++
    return next
  }

  addOwnSlot(slot: number, batch: Uint8Array): Slot {
    const causes = this.heldPayloads()
    const record = { sender: this.self, slot, previousPayload: causes[this.self]!, causes, batch }
    this.slots.push(record)
    this.exist.push({ rank: this.self, slot })
    this.raiseOwnWatermark(slot)
    return record
  }

  nullsOwed(): number {
    const highest = Math.max(...this.exist.map(({ slot }) => slot))
    return highest > this.held()[this.self]! ? highest : 0
  }

  raiseOwnWatermark(watermark: number): void {
    for (let slot = 1; slot <= watermark; slot++) this.fixed.add(`${slot}/${this.self}`)
  }

  ownWatermark(): { watermark: number; lastPayload: number } {
    return { watermark: this.held()[this.self]!, lastPayload: this.heldPayloads()[this.self]! }
  }

  held(): number[] {
    return this.ranks().map((rank) => {
      let held = this.floor[rank]!
      while (this.fixed.has(`${held + 1}/${rank}`)) held++
      return held
    })
  }

  heldPayloads(): number[] {
    const held = this.held()
    return this.ranks().map((rank) =>
      Math.max(this.floor[rank]!, ...this.of(rank).flatMap(({ slot }) => (slot <= held[rank]! ? [slot] : []))),
    )
  }

  holds(trim: readonly number[]): boolean {
    return this.missing(trim).length === 0
  }

  stableThrough(rank: number): number {
    return Math.max(this.floor[rank]!, Math.min(...this.ranks().map((reporter) => this.reportedBy(reporter, rank))))
  }

  reportedBy(reporter: number, rank: number): number {
    if (reporter === this.self) return this.held()[rank]!
    return Math.max(0, ...this.said.flatMap((s) => (s.reporter === reporter && s.rank === rank ? [s.held] : [])))
  }

  ownUnstable(): { slots: number; bytes: number; oldest: number } {
    return this.ownAbove(this.stableThrough(this.self))
  }

  ownLackedBy(rank: number): { slots: number; oldest: number } {
    const { slots, oldest } = this.ownAbove(Math.max(this.stableThrough(this.self), this.reportedBy(rank, this.self)))
    return { slots, oldest }
  }

  private ownAbove(through: number): { slots: number; bytes: number; oldest: number } {
    const above = this.of(this.self).filter(({ slot }) => slot > through)
    const bytes = above.reduce((sum, { batch }) => sum + batch.length, 0)
    return { slots: above.length, bytes, oldest: above[0]?.slot ?? 0 }
  }

  somethingUndelivered(): boolean {
    const delivered = this.deliveredPayloads()
    return this.exist.some(({ rank, slot }) => slot > delivered[rank]!)
  }

  missing(trim?: readonly number[]): Missing[] {
    return this.heldPayloads().flatMap((held, rank) => {
      const known = this.exist.flatMap((one) => (one.rank === rank ? [one.slot] : []))
      const to = trim ? trim[rank]! : Math.max(...known)
      return held < to ? [{ rank, from: held + 1, to }] : []
    })
  }

  takePayloadHeld(): boolean {
    const was = this.payloadHeld
    this.payloadHeld = false
    return was
  }

  nextSafe(): Slot | undefined {
    const next = this.undelivered()[0]
    return next && next.slot <= this.stableThrough(next.sender) && this.allKnownBefore(next) ? next : undefined
  }

  private allKnownBefore(next: Slot): boolean {
    return this.ranks().every((rank) => {
      for (let slot = this.floor[rank]! + 1; slot < next.slot || (slot === next.slot && rank <= next.sender); slot++) {
        if (!this.fixed.has(`${slot}/${rank}`)) return false
      }
      return true
    })
  }

  takeEarly(): Early[] {
    const early: Early[] = []
    const show = (level: EarlyLevel, slot: Slot): void => {
      this.shown[level].add(keyOf(slot))
      early.push({ level, slot })
    }
    const shown = (level: EarlyLevel, slot: Slot): boolean => this.shown[level].has(keyOf(slot))
    const held = this.held()
    const candidates = this.slots
      .filter((slot) => slot.slot <= held[slot.sender]!)
      .sort((a, b) => a.slot - b.slot || a.sender - b.sender)
    for (const slot of candidates) if (!shown('fifo', slot)) show('fifo', slot)
    // Causes sort before effects, so that one walk finds all.
    for (const slot of candidates) {
      const needed = slot.causes.map((cause, rank) => (rank === slot.sender ? slot.previousPayload : cause))
      const isShown = (cause: number, rank: number): boolean =>
        cause <= this.floor[rank]! || this.of(rank).some((one) => one.slot === cause && shown('causal', one))
      if (!shown('causal', slot) && needed.every(isShown)) show('causal', slot)
    }
    for (const slot of candidates) {
      if (shown('agreed', slot)) continue
      if (!this.allKnownBefore(slot)) break
      show('agreed', slot)
    }
    return early
  }

  shownInVain(): Early[] {
    return this.slots.flatMap((slot) => {
      const level = EARLY_LEVELS.findLast((level) => this.shown[level].has(keyOf(slot)))
      return level && !this.delivered.has(keyOf(slot)) ? [{ level, slot }] : []
    })
  }

  markDelivered(slot: Slot): void {
    this.delivered.add(keyOf(slot))
    for (const level of EARLY_LEVELS) this.shown[level].add(keyOf(slot))
  }

  skipThrough(key: OrderKey): void {
    for (const slot of this.undelivered()) {
      if (slot.slot < key.slot || (slot.slot === key.slot && slot.sender <= key.rank)) this.markDelivered(slot)
    }
  }

  deliveredPayloads(): number[] {
    return this.ranks().map((rank) =>
      Math.max(
        this.floor[rank]!,
        ...this.of(rank).flatMap((one) => (this.delivered.has(keyOf(one)) ? [one.slot] : [])),
      ),
    )
  }

  dropStable(): void {
    for (const slot of this.slots) {
      if (!this.delivered.has(keyOf(slot)) || slot.slot > this.stableThrough(slot.sender)) continue
      this.droppedThrough[slot.sender] = Math.max(this.droppedThrough[slot.sender]!, slot.slot)
    }
  }

  causallyClosed(trim: readonly number[]): number[] {
    const kept = new Set(this.slots.filter(({ sender, slot }) => slot <= trim[sender]!))
    const isKept = (sender: number, slot: number): boolean =>
      slot <= this.floor[sender]! || [...kept].some((one) => one.sender === sender && one.slot === slot)
    for (let before = -1; before !== kept.size; ) {
      before = kept.size
      for (const slot of kept) {
        const needed = slot.causes.map((cause, rank) => (rank === slot.sender ? slot.previousPayload : cause))
        if (!needed.every((cause, rank) => isKept(rank, cause))) kept.delete(slot)
      }
    }
    return trim.map(
      (end, rank) => (this.of(rank).find(({ slot }) => slot <= end && !isKept(rank, slot))?.slot ?? end + 1) - 1,
    )
  }

  *takeThrough(trim: readonly number[]): Generator<Slot> {
    for (const slot of this.undelivered()) {
      if (slot.slot > trim[slot.sender]!) continue
      this.markDelivered(slot)
      yield slot
    }
  }

  ownBeyond(trim: readonly number[]): Slot[] {
    return this.of(this.self).filter(({ slot }) => slot > trim[this.self]!)
  }

  answer(want: Missing, bytesMax: number): { from: number; to: number; records: Slot[] } | undefined {
    const held = this.held()[want.rank]!
    if (want.from <= this.droppedThrough[want.rank]! || want.from > held) return undefined
    const asked = this.of(want.rank).filter(({ slot }) => slot >= want.from && slot <= Math.min(want.to, held))
    const records: Slot[] = []
    for (const record of asked) {
      const bytes = [...records, record].reduce((sum, { batch }) => sum + batch.length + 64 + 8 * this.size, 0)
      if (records.length > 0 && bytes > bytesMax) return { from: want.from, to: record.slot - 1, records }
      records.push(record)
    }
    return { from: want.from, to: Math.min(want.to, held), records }
  }

  private ranks(): number[] {
    return [...Array(this.size).keys()]
  }

  /** The slots of one sender, in order. */
  private of(rank: number): Slot[] {
    return this.slots.filter(({ sender }) => sender === rank).sort((a, b) => a.slot - b.slot)
  }

  private undelivered(): Slot[] {
    const held = this.held()
    return this.slots
      .filter((slot) => slot.slot <= held[slot.sender]! && !this.delivered.has(keyOf(slot)))
      .sort((a, b) => a.slot - b.slot || a.sender - b.sender)
  }

  private learn(change: () => void): void {
    const before = this.heldPayloads()
    change()
    for (const rank of this.ranks()) {
      for (let turn = this.held()[rank]! + 1; this.canBeFixed(rank, turn); turn++) this.fixed.add(`${turn}/${rank}`)
    }
    if (!isDeepStrictEqual(before, this.heldPayloads())) this.payloadHeld = true
  }

  /** A payload that came; between one and the one that it follows; or below the greatest watermark and no payload. */
  private canBeFixed(rank: number, turn: number): boolean {
    if (this.of(rank).some(({ slot, previousPayload }) => turn <= slot && turn > previousPayload)) return true
    const greatest = this.announced.filter((one) => one.rank === rank).sort((a, b) => b.watermark - a.watermark)[0]
    return greatest !== undefined && turn > greatest.lastPayload && turn <= greatest.watermark
  }
}

function byKey(one: Early, other: Early): number {
  const text = ({ level, slot }: Early): string => `${level} ${keyOf(slot)}`
  return text(one) < text(other) ? -1 : 1
}

/** A member of the small view: both of its orders are told and asked the same, and must answer the same. */
class Pair {
  readonly rank: number
  readonly delivered: Slot[] = []
  readonly shown: string[] = []
  private readonly t: ExecutionContext
  private readonly seed: number
  private readonly orders: [TotalOrder, DumbOrder]

  constructor(t: ExecutionContext, seed: number, size: number, rank: number, aheadMax: number, floor?: number[]) {
    this.t = t
    this.seed = seed
    this.rank = rank
    this.orders = [new TotalOrder(size, rank, aheadMax, newMemory(), floor), new DumbOrder(size, rank, aheadMax, floor)]
  }

  both<R>(ask: (order: Order) => R): R {
    const [clever, dumb] = this.orders.map((order) => [ask(order), this.rank < 0 ? joinerSees(order) : sees(order)])
    if (!isDeepStrictEqual(clever, dumb)) this.t.deepEqual(clever, dumb, `seed ${this.seed}, rank ${this.rank}, ${ask}`)
    return clever![0] as R
  }

  /** Which of two that do not depend on each other is shown first is left open, so sets are compared. */
  show(): void {
    const early = this.both((order) => order.takeEarly().sort(byKey))
    for (const { level, slot } of early) this.shown.push(`${level} ${keyOf(slot)}`)
  }

  retract(): Early[] {
    return this.both((order) => order.shownInVain().sort(byKey))
  }

  deliver(): boolean {
    const next = this.both((order) => order.nextSafe())
    if (!next) return false
    this.delivered.push(next)
    this.both((order) => order.markDelivered(next))
    return true
  }

  /** Whether this one had something of it. */
  repairs(other: Pair, want: Missing, bytesMax: number): boolean {
    const answer = this.both((order) => order.answer(want, bytesMax))
    if (answer) other.both((order) => order.addRepair(want.rank, answer.from, answer.to, answer.records))
    return answer !== undefined
  }
}

function joinerSees(order: Order): unknown[] {
  const stable = order.held().map((_, rank) => [order.stableThrough(rank), order.reportedBy(0, rank)])
  const held = [order.held(), order.heldPayloads(), order.missing()]
  return [stable, held, order.deliveredPayloads(), order.somethingUndelivered()]
}

function sees(order: Order): unknown[] {
  const own = [order.nextOwnSlot(), order.nullsOwed(), order.ownWatermark(), order.ownUnstable()]
  const lacked = order.held().map((_, rank) => order.ownLackedBy(rank))
  return [...joinerSees(order), own, lacked, order.nextSafe()]
}

/** Some members, what flies between them, and what can be done to it. */
class SmallView {
  readonly members: Pair[]
  readonly chance: Chance
  readonly submitted: Slot[] = []
  private flying: { to: Pair; arrive: (order: Order) => void }[] = []
  /** By rank of the sender, by rank of the receiver. */
  private loss: number[][]
  private overtaking: number

  constructor(t: ExecutionContext, seed: number) {
    this.chance = new Chance(seed, 'total-order')
    const size = this.chance.pick([1, 2, 3, 4, 5, 5])
    const aheadMax = this.chance.pick([1, 3, AHEAD_MAX])
    this.members = Array.from({ length: size }, (_, rank) => new Pair(t, seed, size, rank, aheadMax))
    const weather = this.chance.pick([[0], [0.2], [0, 0.2, 0.9]])
    this.loss = this.members.map(() => this.members.map(() => this.chance.pick(weather)))
    this.overtaking = this.chance.pick([1, 3, 30])
  }

  step(): void {
    const { chance } = this
    const member = chance.pick(this.members)
    const what = chance.weighted([
      ['submit', 3],
      ['turn', 3],
      ['arrive', 2 * this.members.length],
      ['repair', 1],
      ['deliver', 3],
      ['show', 2],
      ['drop', 1],
    ])
    if (what === 'submit') this.submit(member)
    else if (what === 'turn') this.endTurn(member)
    else if (what === 'arrive') this.arrive()
    else if (what === 'repair') this.repair(member)
    else if (what === 'show') member.show()
    else if (what === 'deliver') while (member.deliver() && chance.chance(0.7));
    else member.both((order) => order.dropStable())
  }

  /** Everything arrives, everybody speaks: the rounds that it takes until all is delivered everywhere. */
  heal(): number {
    this.loss = this.members.map(() => this.members.map(() => 0))
    let rounds = 0
    while (this.members.some((member) => member.delivered.length < this.submitted.length) && rounds < 100) {
      rounds++
      for (const member of this.members) this.endTurn(member)
      while (this.flying.length > 0) this.arrive()
      for (const member of this.members) this.repair(member)
      for (const member of this.members) while (member.deliver());
    }
    return rounds
  }

  private submit(member: Pair): void {
    const batch = new Uint8Array(this.chance.whole(0, 50))
    const slot = member.both((order) => order.addOwnSlot(order.nextOwnSlot(), batch))
    this.submitted.push(slot)
    this.broadcast(member, slot)
  }

  private endTurn(member: Pair): void {
    member.both((order) => order.takePayloadHeld())
    const owed = member.both((order) => order.nullsOwed())
    if (owed > 0) member.both((order) => order.raiseOwnWatermark(owed))
    this.broadcast(member, undefined)
  }

  private broadcast(from: Pair, slot: Slot | undefined): void {
    const { watermark, lastPayload } = from.both((order) => order.ownWatermark())
    const held = from.both((order) => order.held())
    const arrive = (order: Order): void => {
      if (slot) order.addSlot(slot)
      order.announce(from.rank, watermark, lastPayload)
      order.report(from.rank, held)
    }
    for (const to of this.members) {
      if (to === from || this.chance.chance(this.loss[from.rank]![to.rank]!)) continue
      this.flying.push({ to, arrive })
      if (this.chance.chance(0.1)) this.flying.push({ to, arrive })
    }
  }

  private arrive(): void {
    if (this.flying.length === 0) return
    const overtaken = this.chance.whole(0, Math.min(this.overtaking, this.flying.length) - 1)
    const [datagram] = this.flying.splice(overtaken, 1)
    datagram!.to.both(datagram!.arrive)
  }

  private repair(member: Pair): void {
    for (const want of member.both((order) => order.missing())) {
      this.chance.pick(this.members).repairs(member, want, this.chance.pick([1, 300, 10_000]))
    }
  }
}

function sorted(slots: readonly Slot[]): Slot[] {
  return [...slots].sort((a, b) => a.slot - b.slot || a.sender - b.sender)
}

test('any weather that ends: as a dumb twin, and everything is delivered everywhere in one order', (t) => {
  let delivered = 0
  for (let seed = 1; seed <= 15; seed++) {
    const view = new SmallView(t, seed)
    for (let i = view.chance.whole(10, 120); i > 0; i--) view.step()
    const rounds = view.heal()
    t.true(rounds < 100, `G10, seed ${seed}`)
    const all = sorted(view.submitted).map(keyOf)
    for (const member of view.members) t.deepEqual(member.delivered.map(keyOf), all, `G3, seed ${seed}`)
    for (const member of view.members) t.false(member.both((order) => order.somethingUndelivered()))
    delivered += all.length
  }
  t.true(delivered > 150, `the weather lets something be sent: ${delivered}`)
})

test('a view that ends in any weather: as a dumb twin, and those that go on find the same end, joiners too', (t) => {
  let [cut, trimmed, taken, shown, retracted] = [0, 0, 0, 0, 0]
  for (let seed = 101; seed <= 160; seed++) {
    const view = new SmallView(t, seed)
    const { chance } = view
    const size = view.members.length
    for (let i = chance.whole(10, 120); i > 0; i--) view.step()
    const goOn = chance.shuffle(view.members).slice(0, chance.whole(1, Math.ceil(size / 2)))
    for (const member of goOn) member.show()
    const trims = goOn.map((member) => member.both((order) => order.heldPayloads()))
    const trim = trims[0]!.map((_, rank) => Math.max(...trims.map((held) => held[rank]!)))

    const first = chance.pick(goOn)
    const further = chance.pick(view.members.filter(({ delivered }) => delivered.length >= first.delivered.length))
    const floor = first.both((order) => order.deliveredPayloads())
    const joiner = new Pair(t, seed, size, -1, AHEAD_MAX, floor)
    for (const member of [...goOn, joiner]) {
      for (let tries = 0; !member.both((order) => order.holds(trim)); tries++) {
        t.true(tries < 100, `somebody holds the trim, seed ${seed}`)
        for (const want of member.both((order) => order.missing(trim))) {
          chance.shuffle(goOn).find((donor) => donor.repairs(member, want, chance.pick([1, 300, 10_000])))
        }
      }
    }

    const last = further.delivered.at(-1)
    const key = last ? { slot: last.slot, rank: last.sender } : { slot: 0, rank: 0 }
    joiner.both((order) => order.skipThrough(key))
    joiner.delivered.push(...further.delivered)
    const whole = [...goOn, joiner].map((member) => {
      const closed = member.both((order) => order.causallyClosed(trim))
      const beyond = member.rank < 0 ? [] : member.both((order) => order.ownBeyond(closed))
      const rest = member.both((order) => [...order.takeThrough(closed)])
      const inVain = member.retract()
      t.true(
        inVain.every(({ level }) => level === 'fifo'),
        `G11, who goes on takes back nothing causal or agreed, seed ${seed}`,
      )
      shown += member.shown.length
      retracted += inVain.length
      const own = member.delivered.concat(rest, beyond).filter(({ sender }) => sender === member.rank)
      const submitted = view.submitted.filter(({ sender }) => sender === member.rank)
      t.deepEqual(own.map(keyOf), submitted.map(keyOf), `G6: in the view or to be sent again, seed ${seed}`)
      cut += closed.filter((end, rank) => end < trim[rank]!).length
      taken += rest.length
      return [...member.delivered, ...rest]
    })
    for (const sequence of whole) t.deepEqual(sequence.map(keyOf), whole[0]!.map(keyOf), `G2, seed ${seed}`)
    for (const { delivered } of view.members) {
      t.deepEqual(delivered.map(keyOf), whole[0]!.slice(0, delivered.length).map(keyOf), `G4, seed ${seed}`)
    }
    const before = new Array(size).fill(0)
    for (const { sender, slot, causes } of whole[0]!) {
      t.true(
        causes.every((cause, rank) => cause <= before[rank]),
        `G3, no effect before its cause, seed ${seed}`,
      )
      before[sender] = slot
    }
    trimmed += view.submitted.length - whole[0]!.length
  }
  const did = [cut, trimmed, taken, shown, retracted]
  t.true(cut > 3 && trimmed > 20 && taken > 50 && shown > 100 && retracted > 3, `the weather does all of it: ${did}`)
})
