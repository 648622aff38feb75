// When to ask for what got lost.

import test from 'ava'
import { Retransmission } from '../../broker/group/retransmission.ts'
import type { Missing } from '../../broker/group/total-order.ts'

const REPAIR_MS = 15

/** Asked every millisecond: at which, with which attempt. */
function askedAt(
  retransmission: Retransmission,
  missing: readonly Missing[],
  from: number,
  to: number,
): [number, number][] {
  const asked: [number, number][] = []
  for (let time = from; time <= to; time++) {
    for (const { attempt } of retransmission.due(missing, time)) asked.push([time, attempt])
  }
  return asked
}

test('a loss: asked for at once, then every repairMs, each time as a further attempt', (t) => {
  const gap = { rank: 1, from: 4, to: 6 }
  t.deepEqual(askedAt(new Retransmission(REPAIR_MS), [gap], 100, 145), [
    [100, 0],
    [115, 1],
    [130, 2],
    [145, 3],
  ])
})

test('a loss asked for late: the next time is counted from then, so no two come at once', (t) => {
  const retransmission = new Retransmission(REPAIR_MS)
  const gap = { rank: 1, from: 4, to: 6 }
  retransmission.due([gap], 100)
  t.deepEqual(retransmission.due([gap], 500), [{ ...gap, attempt: 1 }])
  t.deepEqual(askedAt(retransmission, [gap], 500, 515), [[515, 2]])
})

test('more is lost behind a gap that was asked for: no further question, and the next one names it all', (t) => {
  const retransmission = new Retransmission(REPAIR_MS)
  retransmission.due([{ rank: 1, from: 4, to: 6 }], 100)
  t.deepEqual(retransmission.due([{ rank: 1, from: 4, to: 9 }], 101), [])
  t.deepEqual(retransmission.due([{ rank: 1, from: 4, to: 9 }], 115), [{ rank: 1, from: 4, to: 9, attempt: 1 }])
})

test('a gap that got smaller: what is left is asked for at once, from the sender first', (t) => {
  const retransmission = new Retransmission(REPAIR_MS)
  retransmission.due([{ rank: 1, from: 4, to: 9 }], 100)
  retransmission.due([{ rank: 1, from: 4, to: 9 }], 115)
  t.deepEqual(retransmission.due([{ rank: 1, from: 7, to: 9 }], 116), [{ rank: 1, from: 7, to: 9, attempt: 0 }])
})

test('gaps of several senders: each is asked for in its own time', (t) => {
  const retransmission = new Retransmission(REPAIR_MS)
  const [a, b] = [
    { rank: 0, from: 1, to: 1 },
    { rank: 1, from: 1, to: 3 },
  ]
  retransmission.due([a], 100)
  t.deepEqual(retransmission.due([a, b], 110), [{ ...b, attempt: 0 }])
  t.deepEqual(retransmission.due([a, b], 115), [{ ...a, attempt: 1 }])
  t.deepEqual(retransmission.due([a, b], 125), [{ ...b, attempt: 1 }])
})

test('a gap that closed and the same one again: a new loss, not the old question', (t) => {
  const retransmission = new Retransmission(REPAIR_MS)
  const gap = { rank: 1, from: 4, to: 6 }
  retransmission.due([gap], 100)
  t.deepEqual(retransmission.due([], 101), [])
  t.deepEqual(retransmission.due([gap], 102), [{ ...gap, attempt: 0 }])
})
