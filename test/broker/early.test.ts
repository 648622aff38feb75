// Subscriptions below `safe`, against a group whose order is written by hand.

import test from 'ava'
import type { BlockNotification, Cursor } from '../../broker/http/operations.ts'
import { all, publish, readTo, subscribe, three } from './early-group.ts'
import { asked, request } from './fake-group.ts'

/** In short, by blocks. */
function blocks(given: readonly BlockNotification[]): string[] {
  return given.map((one) => {
    if (one.type === 'block') return `block ${one.numbered.number}×${one.count} at ${one.seq}`
    if (one.type === 'early') return `early ${one.numbered.number}×${one.count}`
    if (one.type === 'kept') return `kept ${one.numbered.number}×${one.count} at ${one.seq}`
    return one.type === 'retract' ? `retract ${one.numbered.number}×${one.count}` : one.type
  })
}

test('an event is shown as soon as its level allows, once, and kept when it has its place', (t) => {
  const { a, c } = three()
  const [fifo, causal, safe] = (['fifo', 'causal', 'safe'] as const).map((order) => subscribe(c, order))
  publish(a, ['x'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 1)
  t.deepEqual(all(fifo!), ['early t "x"'])
  t.deepEqual(all(fifo!), [])
  t.deepEqual(all(causal!), [])
  c.read()
  t.deepEqual(all(fifo!), ['kept 1 at 2'])
  t.is(fifo!.seq, 2)
  t.deepEqual(all(causal!), ['t "x"'], 'what was not shown comes with its place')
  t.deepEqual(all(safe!), ['t "x"'])
})

test('the group is asked to show what is not safe while somebody reads below `safe`, and not else', (t) => {
  const asks: boolean[] = []
  const { a } = three()
  a.onShowEarly = (wanted) => asks.push(wanted)
  subscribe(a, 'safe').close()
  t.deepEqual(asks, [])
  const [fifo, agreed] = (['fifo', 'agreed'] as const).map((order) => subscribe(a, order))
  t.deepEqual(asks, [true])
  fifo!.close()
  fifo!.close()
  t.deepEqual(asks, [true])
  agreed!.close()
  t.deepEqual(asks, [true, false])
  subscribe(a, 'causal')
  t.deepEqual(asks, [true, false, true])
})

test('a publisher that is not known here and is far on: its first events may have gone by elsewhere, and this one waits', (t) => {
  const { a, c } = three()
  const fifo = subscribe(c, 'fifo')
  publish(a, ['x'], { id: 'p', sequence: 7 })
  publish(a, ['y'], { id: 'p', sequence: 8 })
  c.early('early', 'fifo', 1)
  t.deepEqual(all(fifo), [])
  readTo(c, 2)
  c.early('early', 'fifo', 2)
  t.deepEqual(all(fifo), ['t "x"', 'early t "y"'])
})

test('what the group takes back is taken back, and comes anew when it is in after all', (t) => {
  const { a, b, c } = three()
  const fifo = subscribe(c, 'fifo')
  publish(a, ['x', 'y'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 1)
  t.deepEqual(all(fifo), ['early t "x"', 'early t "y"'])
  c.early('retract', 'fifo', 1)
  t.deepEqual(all(fifo), ['retract 1', 'retract 2'])
  publish(b, ['x', 'y'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 2)
  t.deepEqual(all(fifo), ['early t "x"', 'early t "y"'])
})

test('two copies of a request: the second is not shown; if the log has the first one, what was shown is taken back first', (t) => {
  const { a, b, c } = three()
  const fifo = subscribe(c, 'fifo')
  const agreed = subscribe(c, 'agreed')
  publish(a, ['x'], { id: 'p', sequence: 1 })
  publish(b, ['other'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 2)
  c.early('early', 'fifo', 1)
  t.deepEqual(all(fifo), ['early t "other"'])
  c.early('early', 'agreed', 1)
  c.early('early', 'agreed', 2)
  t.deepEqual(all(agreed), ['early t "x"'])
  // Only the first has been delivered so far.
  c.group.order.splice(2, 1)
  c.read()
  t.deepEqual(all(fifo), ['retract 1', 't "x"'])
  t.deepEqual(all(agreed), ['kept 1 at 2'])
})

test('what a publisher numbered after something void is taken back with it, and comes again at its place', (t) => {
  const { a, b, c } = three()
  const fifo = subscribe(c, 'fifo')
  asked((done) => a.broker.publish(request('t', ['first'], { id: 'p', sequence: 1 }), done))
  publish(a, ['second'], { id: 'p', sequence: 2 })
  publish(b, ['other'], { id: 'p', sequence: 1 })
  publish(b, ['third'], { id: 'p', sequence: 3 })
  for (const entry of [2, 1]) c.early('early', 'fifo', entry)
  t.deepEqual(all(fifo), ['early t "other"', 'early t "second"'])
  readTo(c, 2)
  t.deepEqual(all(fifo), ['retract 1', 'retract 2', 't "first"', 't "second"'])
  c.early('early', 'fifo', 3)
  t.deepEqual(all(fifo), ['early t "third"'])
})

test('what is void may still get a place by another copy: at causal nothing is shown over it, at fifo only what it precedes waits', (t) => {
  const { a, b, c } = three()
  const [fifo, causal] = (['fifo', 'causal'] as const).map((order) => subscribe(c, order)) as [Cursor, Cursor]
  publish(a, ['question'], { id: 'p', sequence: 1 })
  publish(b, ['question'], { id: 'p', sequence: 1 })
  publish(b, ['answer'], { id: 'q', sequence: 1 })
  publish(a, ['next'], { id: 'p', sequence: 2 })
  for (const level of ['fifo', 'causal'] as const) for (const entry of [1, 2]) c.early('early', level, entry)
  for (const cursor of [fifo, causal]) t.deepEqual(all(cursor), ['early t "question"'])
  for (const level of ['fifo', 'causal'] as const) c.early('retract', level, 1)
  for (const level of ['fifo', 'causal'] as const) for (const entry of [3, 4]) c.early('early', level, entry)
  t.deepEqual(all(fifo), ['retract 1', 'early t "answer"'])
  t.deepEqual(all(causal), ['retract 1'])
  t.deepEqual(all(subscribe(c, 'causal')), [], 'whoever comes later sees no answer before its question either')
})

test("a publisher's events are shown in its order, though the replica that has the first of them is slower", (t) => {
  const { a, b, c } = three()
  publish(a, ['first'], { id: 'p', sequence: 1 })
  c.read()
  const fifo = subscribe(c, 'fifo')
  const causal = subscribe(c, 'causal')
  t.deepEqual(all(fifo), ['t "first"'])
  t.deepEqual(all(causal), ['t "first"'])
  publish(a, ['second'], { id: 'p', sequence: 2 })
  publish(b, ['third'], { id: 'p', sequence: 3 })
  publish(b, ['of another'], { id: 'q', sequence: 1 })
  for (const level of ['fifo', 'causal'] as const) {
    c.early('early', level, 3)
    c.early('early', level, 4)
  }
  t.deepEqual(all(fifo), ['early t "of another"'])
  t.deepEqual(all(causal), [], 'what follows may be an answer to what is held up')
  c.early('early', 'fifo', 2)
  c.read()
  t.deepEqual(all(fifo), ['t "second"', 't "third"', 'kept 1 at 5'])
  t.deepEqual(all(causal), ['t "second"', 't "third"', 't "of another"'])
})

test('agreed waits behind a change of topics, and what is refused at its place is taken back', (t) => {
  const { a, b, c } = three()
  const agreed = subscribe(c, 'agreed')
  const fifo = subscribe(c, 'fifo')
  publish(a, ['before'])
  c.read()
  a.read()
  b.read()
  asked((done) => a.broker.putTopic('t', { schema: { type: 'object' }, compatibility: 'none' }, done))
  a.send()
  publish(b, ['under the old schema'])
  for (const level of ['fifo', 'agreed'] as const) for (const entry of [2, 3]) c.early('early', level, entry)
  t.deepEqual(all(agreed), ['t "before"'])
  t.deepEqual(all(fifo), ['t "before"', 'early t "under the old schema"'])
  c.read()
  t.deepEqual(all(agreed), [])
  t.deepEqual(all(fifo), ['retract 1'])
})

test('a publish that is shown in parts is kept as far as it was shown, and the rest comes with its place', (t) => {
  const { a, c } = three()
  const fifo = subscribe(c, 'fifo')
  publish(a, [1, 2, 3, 4, 5], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 1)
  t.deepEqual(blocks(fifo.nextBlocks(4)), ['early 1×2'])
  t.deepEqual(blocks(fifo.nextBlocks(2)), ['early 3×1'])
  c.read()
  t.deepEqual(blocks(fifo.nextBlocks(1000)), ['kept 1×3 at 2', 'block 4×2 at 5'])
})

test('what matches no pattern is neither shown nor kept, and a subscription that comes from further on waits', (t) => {
  const { a, c } = three()
  const other = subscribe(c, 'fifo', ['other'])
  const ahead = c.broker.subscribe(['t'], { at: 'seq', seq: 3 }, { views: false, order: 'fifo' })
  publish(a, ['x'])
  publish(a, ['y'])
  c.early('early', 'fifo', 1)
  c.early('early', 'fifo', 2)
  t.deepEqual(all(other), [])
  t.deepEqual(all(ahead), [], 'it has had the first of them elsewhere, and nobody knows yet which that is')
  c.read()
  t.deepEqual(all(ahead), ['t "y"'])
  t.deepEqual(all(other), [])
  t.is(other.seq, 3)
})

test('retention takes what was shown before it is read from the log: it is kept all the same, and no gap', (t) => {
  const { group, a, c } = three()
  asked((done) => a.broker.putTopic('t', { retention: { events: 1 } }, done))
  a.send()
  for (const replica of group.replicas) replica.read()
  const fifo = subscribe(c, 'fifo')
  publish(a, ['x', 'y', 'z'], { id: 'p', sequence: 1 })
  c.early('early', 'fifo', 2)
  t.is(all(fifo).length, 3)
  c.read()
  t.deepEqual(all(fifo), ['kept 1 at 3', 'kept 2 at 4', 'kept 3 at 5'])
})
