// What lanes have shown becomes columns: each place once, whoever shows it first, and not more than are looked at.

import test from 'ava'
import { COLUMNS_MAX, EMPTY_ORDER, type Order, sawAt } from '../../clients/console/order.ts'
import type { Event } from '../../clients/src/index.ts'

const event = (seq: number): Event<unknown> => ({ seq, topic: 't', offset: seq, time: '', data: seq }) as Event<unknown>
const saw = (order: Order, lane: string, ...seqs: readonly number[]): Order =>
  seqs.reduce((now, seq) => sawAt(now, lane, event(seq)), order)

test('each place is one column, in the order of places, with the replicas that have shown it', (t) => {
  const order = saw(saw(EMPTY_ORDER, 'a', 1, 2, 4), 'b', 1, 3, 4, 4)
  t.deepEqual(
    order.columns.map(({ seq, at }) => [seq, ...at]),
    [
      [1, 'a', 'b'],
      [2, 'a'],
      [3, 'b'],
      [4, 'a', 'b'],
    ],
  )
  t.is(order.dropped, 0)
})

test('the oldest go and are counted, and who is behind them brings none back', (t) => {
  const seqs = Array.from({ length: COLUMNS_MAX + 5 }, (_, i) => i + 1)
  const order = saw(EMPTY_ORDER, 'a', ...seqs)
  t.is(order.columns.length, COLUMNS_MAX)
  t.is(order.columns[0]?.seq, 6)
  t.is(order.dropped, 5)
  t.is(saw(order, 'b', 3), order)
})
