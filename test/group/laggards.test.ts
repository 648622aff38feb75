import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { Connectivity } from '../../broker/group/connectivity.ts'
import { Laggards } from '../../broker/group/laggards.ts'
import { DEFAULT_SETTINGS } from '../../broker/group/settings.ts'
import { TotalOrder } from '../../broker/group/total-order.ts'

test('a member that acknowledges late: behind by the slots that it lacks, for as long as the oldest of them waits', (t) => {
  const order = new TotalOrder(3, 0, 64, new BatchMemory(64 * 1024))
  const laggards = new Laggards(DEFAULT_SETTINGS, 3, 0, new Connectivity(3, 0, DEFAULT_SETTINGS, true), 0)
  const lags = (time: number) => [1, 2].map((rank) => laggards.lag(rank, order, time))
  const slotAt = (time: number): void => {
    order.addOwnSlot(order.nextOwnSlot(), new Uint8Array(10))
    laggards.watch(order, time)
  }
  laggards.watch(order, 10)
  t.deepEqual(lags(500), [
    { slots: 0, ms: 0 },
    { slots: 0, ms: 0 },
  ])
  slotAt(1000)
  slotAt(1100)
  slotAt(1200)
  order.report(1, [2, 0, 0])
  t.deepEqual(lags(1250), [
    { slots: 1, ms: 50 },
    { slots: 3, ms: 250 },
  ])
  order.report(1, [3, 0, 0])
  order.report(2, [1, 0, 0])
  laggards.watch(order, 1260)
  t.deepEqual(lags(1300), [
    { slots: 0, ms: 0 },
    { slots: 2, ms: 200 },
  ])
  order.report(2, [3, 0, 0])
  laggards.watch(order, 1310)
  t.deepEqual(lags(9000)[1], { slots: 0, ms: 0 })

  // What was sent since the last tick has no age yet.
  order.addOwnSlot(order.nextOwnSlot(), new Uint8Array(10))
  t.deepEqual(lags(9005)[1], { slots: 1, ms: 0 })
  laggards.watch(order, 9010)
  t.deepEqual(lags(9500)[1], { slots: 1, ms: 490 })
})

test('very many slots: a mark is let go of when its slots are stable', (t) => {
  const order = new TotalOrder(2, 0, 64, new BatchMemory(64 * 1024))
  const laggards = new Laggards(DEFAULT_SETTINGS, 2, 0, new Connectivity(2, 0, DEFAULT_SETTINGS, true), 0)
  for (let i = 1; i <= 10_000; i++) {
    const { slot } = order.addOwnSlot(order.nextOwnSlot(), new Uint8Array(10))
    laggards.watch(order, 10 * i)
    if (i > 64) order.report(1, [slot - 63, 0])
  }
  const { marks } = laggards as unknown as { marks: unknown[] }
  t.true(marks.length <= 65, `${marks.length}`)
  t.deepEqual(laggards.lag(1, order, 100_000), { slots: 63, ms: 620 })
})
