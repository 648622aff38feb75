// Subscriptions below `safe` where something void, a second copy or a place that is ahead could have led them astray.

import test from 'ava'
import type { Cursor } from '../../broker/http/operations.ts'
import { all, publish, readTo, subscribe, three } from './early-group.ts'
import { asked, type FakeReplica, texts } from './fake-group.ts'

/** At c, by `causal`: t is about to get a schema; what does not fit it any more was shown, and two others after it. */
function refusedAtCausal(): { c: FakeReplica; causal: Cursor } {
  const { group, a, b, c } = three()
  publish(a, ['before'])
  for (const replica of group.replicas) replica.read()
  const causal = subscribe(c, 'causal')
  asked((done) => a.broker.putTopic('t', { schema: { type: 'object' }, compatibility: 'none' }, done))
  a.send() // 2
  publish(b, ['unfit']) // 3
  publish(b, [1, 2, 3, 4], { id: 'q', sequence: 1 }, 'u') // 4
  publish(a, ['answer'], { id: 'r', sequence: 1 }, 'u') // 5
  return { c, causal }
}

test('what was taken back with something void is not overtaken by what may depend on it', (t) => {
  const { c, causal } = refusedAtCausal()
  for (const entry of [3, 4]) c.early('early', 'causal', entry)
  t.deepEqual(all(causal), ['t "before"', 'early t "unfit"', 'early u 1', 'early u 2', 'early u 3', 'early u 4'])
  readTo(c, 4)
  t.deepEqual(all(causal), ['retract 1', 'retract 1', 'retract 2', 'retract 3', 'retract 4'])
  c.early('early', 'causal', 5)
  t.deepEqual(all(causal), [], 'the answer waits for its question')
  readTo(c, 5)
  t.deepEqual(all(causal), ['u 1', 'u 2', 'u 3', 'u 4', 'early u "answer"'])
  c.read()
  t.deepEqual(all(causal), ['kept 1 at 8'])
})

test('the rest of what was shown in part and taken back is not shown before its beginning', (t) => {
  const { c, causal } = refusedAtCausal()
  for (const entry of [3, 4]) c.early('early', 'causal', entry)
  t.deepEqual(texts(causal.next(4, 1000)), ['t "before"', 'early t "unfit"', 'early u 1', 'early u 2'])
  readTo(c, 4)
  t.deepEqual(all(causal), ['retract 1', 'retract 1', 'retract 2'])
  c.read()
  t.deepEqual(all(causal), ['u 1', 'u 2', 'u 3', 'u 4', 'u "answer"'])
})

test('a subscription below safe that comes from further on sleeps until the replica has come so far', (t) => {
  const { a, c } = three()
  const ahead = c.broker.subscribe(['t'], { at: 'seq', seq: 100 }, { views: false, order: 'fifo' })
  let woken = 0
  const look = (): void => {
    woken++
    ahead.next(1000, 1000)
    ahead.onMore(look)
  }
  look()
  for (let turn = 0; turn < 10; turn++) c.turnEnded()
  t.is(woken, 1)
  publish(a, ['x'])
  c.read()
  t.is(woken, 2)
})

test('a second copy of the same publish takes nothing back, at no level', (t) => {
  for (const level of ['fifo', 'causal', 'agreed'] as const) {
    const { a, b, c } = three()
    const cursor = subscribe(c, level)
    publish(a, ['x', 'y'], { id: 'p', sequence: 1 })
    publish(b, ['x', 'y'], { id: 'p', sequence: 1 })
    publish(a, ['z'], { id: 'p', sequence: 3 })
    // Of the same sender's, and of two senders at agreed, the order is what it will be.
    for (const entry of level === 'agreed' ? [1, 2, 3] : [2, 1, 3]) c.early('early', level, entry)
    t.deepEqual(all(cursor), ['early t "x"', 'early t "y"', 'early t "z"'], level)
    readTo(c, 2)
    t.deepEqual(all(cursor), ['kept 1 at 2', 'kept 2 at 3'], level)
    readTo(c, 3)
    t.deepEqual(all(cursor), [], level)
    c.read()
    t.deepEqual(all(cursor), ['kept 3 at 4'], level)
  }
})

test('a publish made for a topic of that name that was deleted is not shown as agreed', (t) => {
  const { group, a, b, c } = three()
  const schema = { schema: { type: 'string' } }
  asked((done) => a.broker.putTopic('t', schema, done))
  a.send() // 1
  for (const replica of group.replicas) replica.read()
  asked((done) => a.broker.deleteTopic('t', done))
  a.send() // 2
  a.read()
  asked((done) => a.broker.putTopic('t', schema, done))
  a.send() // 3
  publish(b, ['for the one before']) // 4
  const agreed = subscribe(c, 'agreed')
  for (const entry of [2, 3, 4]) c.early('early', 'agreed', entry)
  t.deepEqual(all(agreed), [])
  readTo(c, 4)
  t.deepEqual(all(agreed), [])
  c.read()
  t.deepEqual(all(agreed), [])
})

test('a subscriber that does not read on keeps no bytes of what it was shown', (t) => {
  const { a, c } = three()
  const fifo = subscribe(c, 'fifo')
  publish(a, ['x'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 1)
  t.deepEqual(all(fifo), ['early t "x"'])
  c.read()
  const [part] = Reflect.get(Reflect.get(fifo, 'ahead'), 'open')
  t.is(part.publish.contents, undefined)
  t.deepEqual(all(fifo), ['kept 1 at 2'])
})
