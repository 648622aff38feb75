// What a joiner may say, and when.

import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { Joining } from '../../broker/group/joining.ts'
import type { CutMessage, Message, Proposal, Slot } from '../../broker/group/message.ts'
import type { Incarnation, MemberId } from '../../broker/group/view.ts'

const [A, B] = [100, 101]
const MEMBERS: readonly MemberId[] = [A, B].map((incarnation) => ({ name: `m${incarnation}`, incarnation, url: '' }))

/** The log must reach 50; a's slots are in it up to 3 and b's up to 2, and the view keeps 5 and 2. */
const CUT: CutMessage = { kind: 'cut', ballot: 32, members: MEMBERS, trim: [5, 2], position: 50, floor: [3, 2] }

const MEMORY = new BatchMemory(64 * 1024)

function joining(): Joining {
  return new Joining(9, 4, CUT, A, 64, MEMORY)
}

/** One that holds the trim. */
function joined(): Joining {
  const one = joining()
  one.order.addRepair(0, 4, 5, [slotOf(5, 3)])
  return one
}

function slotOf(slot: number, previousPayload: number): Slot {
  return { sender: 0, slot, previousPayload, causes: [0, 0], batch: new Uint8Array(1) }
}

function proposalOf(trim: readonly number[] = CUT.trim): Proposal {
  return { birth: 32, history: 9, view: 4, oldMembers: MEMBERS, members: MEMBERS, leaving: [], trim }
}

function said(answers: { to: Incarnation; message: Message }[]): string[] {
  return answers.map(({ to, message }) => `${message.kind} ${'ballot' in message ? message.ballot : ''} to ${to}`)
}

test('the cut: what is in the log need not be fetched again, the rest up to the trim is missing', (t) => {
  const one = joining()
  t.deepEqual(one.view, { history: 9, number: 4, members: MEMBERS })
  t.deepEqual(one.order.missing(one.trim), [{ rank: 0, from: 4, to: 5 }])
})

test('ready: said once, when the log has come to the cut and the slots are held, not before [c9]', (t) => {
  const one = joining()
  t.deepEqual(said(one.progress(50)), [], 'lacks slots')
  one.order.addRepair(0, 4, 5, [slotOf(5, 3)])
  t.deepEqual(said(one.progress(49)), [], 'lacks a part of the log')
  t.deepEqual(said(one.progress(50)), [`ready 32 to ${A}`])
  t.deepEqual(said(one.progress(51)), [])
})

test('a later Cut of the same view: the slots that are held stay held, where the log has not come to them [c9]', (t) => {
  const before = joined()
  const further: CutMessage = { ...CUT, ballot: 65, floor: [3, 2], position: 51 }
  t.true(new Joining(9, 4, further, B, 64, MEMORY, before).order.holds(CUT.trim))
  const short: CutMessage = { ...further, floor: [0, 0] }
  const anew = new Joining(9, 4, short, B, 64, MEMORY, before)
  t.false(anew.order.holds(CUT.trim), 'what the log had before is needed now')
  anew.order.addRepair(0, 1, 3, [slotOf(3, 0)])
  anew.order.addRepair(1, 1, 2, [{ ...slotOf(2, 0), sender: 1 }])
  t.true(anew.order.holds(CUT.trim))
  const done: CutMessage = { ...further, floor: [5, 2] }
  t.true(new Joining(9, 4, done, B, 64, MEMORY, before).order.holds(CUT.trim))
})

test('the coordinator asks again: ready is said again', (t) => {
  const one = joined()
  one.progress(50)
  one.asked()
  t.deepEqual(said(one.progress(50)), [`ready 32 to ${A}`])
})

test('a proposal that comes before the state: accepted as soon as it is held, not before [c9]', (t) => {
  const one = joining()
  t.is(one.onPropose(A, 32, proposalOf()), undefined)
  t.deepEqual(said(one.progress(60)), [])
  one.order.addRepair(0, 4, 5, [slotOf(5, 3)])
  t.deepEqual(said(one.progress(49)), [])
  t.deepEqual(said(one.progress(50)), [`ready 32 to ${A}`, `accept 32 to ${A}`])
  t.deepEqual(said(one.progress(50)), [])
})

test('a proposal that keeps more than the cut said: accepted when that is held too', (t) => {
  const one = joined()
  one.onPropose(B, 65, proposalOf([7, 2]))
  t.deepEqual(said(one.progress(50)), [`ready 32 to ${A}`])
  t.false(one.holds(proposalOf([7, 2]), 50))
  one.order.addSlot(slotOf(7, 5))
  t.deepEqual(said(one.progress(50)), [`accept 65 to ${B}`])
  t.true(one.holds(proposalOf([7, 2]), 50))
})

test('an accept that was lost: said again when the proposal comes again', (t) => {
  const one = joined()
  one.onPropose(A, 32, proposalOf())
  one.progress(50)
  t.deepEqual(one.onPropose(A, 32, proposalOf()), { to: A, message: { kind: 'accept', ballot: 32 } })
})

test('G1, a lower ballot than was promised: refused with that one, also when nothing was accepted yet', (t) => {
  const one = joining()
  t.deepEqual(one.onPropose(B, 31, proposalOf()), { to: B, message: { kind: 'refuse', ballot: 32 } })
  t.is(one.onPropose(B, 65, proposalOf()), undefined)
  t.deepEqual(one.onPropose(A, 32, proposalOf()), { to: A, message: { kind: 'refuse', ballot: 65 } })
  one.order.addRepair(0, 4, 5, [slotOf(5, 3)])
  t.deepEqual(said(one.progress(50)), [`ready 32 to ${A}`, `accept 65 to ${B}`])
})

test('a higher ballot after an accept: accepted too, the newest of those that wait', (t) => {
  const one = joined()
  one.onPropose(A, 32, proposalOf())
  one.progress(50)
  t.is(one.onPropose(B, 65, proposalOf()), undefined)
  t.is(one.onPropose(A, 96, proposalOf()), undefined)
  t.deepEqual(said(one.progress(50)), [`accept 96 to ${A}`])
})

test('an Install: may be acted on only with the log up to the cut and the slots up to the trim [c9]', (t) => {
  t.true(joined().holds(proposalOf(), 50))
  t.false(joined().holds(proposalOf(), 49))
  t.false(joining().holds(proposalOf(), 50))
})
