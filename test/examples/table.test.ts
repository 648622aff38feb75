// A table that always shows 0 would prove nothing: here each fault is made, and must be counted, in its column.

import test from 'ava'
import { Ledger } from '../../clients/examples/ledger.ts'
import type { Notified, View } from '../../clients/examples/subscriber.ts'
import { judge, type Row, type Witness } from '../../clients/examples/table.ts'

const IDS = ['p-1', 'p-2', 'p-3', 'p-4']

function ledgerOf(acknowledged: readonly string[] = IDS): Ledger {
  const ledger = new Ledger()
  IDS.forEach((id, i) => {
    ledger.publish(id, { topic: 't', publisher: 'p', sequence: i + 1, data: JSON.stringify({ i }) })
  })
  ledger.acknowledge(acknowledged, { seqs: acknowledged.map((id) => IDS.indexOf(id) + 1), duplicate: false })
  return ledger
}

const right = (): Notified[] =>
  IDS.map((id, i) => ({ seq: i + 1, offset: i + 1, topic: 't', id, publisher: 'p', data: { i } }))

const witness = (name: string, events: Notified[], views: View[] = [], gaps = 0): Witness => ({
  name,
  events,
  views,
  gaps,
  resumed: 0,
})

const FAULTS = ['lost', 'duplicates', 'gaps', 'orderDifferences', 'reordered', 'altered'] as const

/** The faults counted of one who differs from the first, who has everything right. */
function faultsOf(other: Witness): Partial<Row> {
  const { rows, faults } = judge(ledgerOf(), [witness('first', right()), other])
  const counted = Object.fromEntries(FAULTS.map((name) => [name, rows[1]![name]]).filter(([, count]) => count !== 0))
  if (faults === 0 && Object.keys(counted).length > 0) throw new Error('counted, and not judged to be a fault')
  return counted
}

test('all delivered once and in one order: no fault', (t) => {
  t.deepEqual(faultsOf(witness('other', right())), {})
  t.is(judge(ledgerOf(), [witness('first', right())]).faults, 0)
})

test('not acknowledged: a fault, even when all was delivered', (t) => {
  t.is(judge(ledgerOf(IDS.slice(0, 3)), [witness('first', right())]).faults, 1)
})

test('the last is missing: lost, and an order that ends early', (t) => {
  t.deepEqual(faultsOf(witness('other', right().slice(0, 3))), { lost: 1, orderDifferences: 1 })
})

test('one in the middle is missing: lost, and a hole in the offsets', (t) => {
  t.like(faultsOf(witness('other', right().toSpliced(1, 1))), { lost: 1, gaps: 1 })
})

test('the same event again at its place: a duplicate', (t) => {
  const events = right()
  t.like(faultsOf(witness('other', events.toSpliced(2, 0, events[1]!))), { duplicates: 1, reordered: 1 })
})

test('two change places: reordered', (t) => {
  const [one, two, three, four] = right() as [Notified, Notified, Notified, Notified]
  t.true(faultsOf(witness('other', [one, three, two, four])).reordered! > 0)
  // As if it were the order of the group, with places to match: the publisher had another order.
  const swapped = [one, { ...three, seq: 2, offset: 2 }, { ...two, seq: 3, offset: 3 }, four]
  t.like(faultsOf(witness('other', swapped)), { orderDifferences: 2, reordered: 1, altered: 2 })
})

test('other data than published, or an event that nobody published: altered', (t) => {
  t.deepEqual(faultsOf(witness('other', right().with(1, { ...right()[1]!, data: { i: 7 } }))), { altered: 1 })
  t.like(faultsOf(witness('other', right().with(1, { ...right()[1]!, id: 'q-1' }))), { altered: 1, lost: 1 })
})

test('a gap that the stream tells of is counted', (t) => {
  t.deepEqual(faultsOf(witness('other', right(), [], 1)), { gaps: 1 })
})

test('a view at another place in the order: a difference', (t) => {
  const view = { seq: 0, number: 1, members: [], joined: ['a'], left: [], failed: [] }
  t.deepEqual(faultsOf(witness('other', right(), [view])), { orderDifferences: 5 })
})
