// Who differs is found out by whoever comes to a position that both have spoken of, sooner or later.

import test from 'ava'
import { Agreement, DIGEST_EVERY } from '../../broker/group/agreement.ts'

function agreement(size: number): Agreement {
  const one = new Agreement()
  one.begin(size)
  return one
}

const at = (n: number, digest = n): { position: number; digest: number } => ({ position: n * DIGEST_EVERY, digest })

test('equal digests at equal positions, said early or late, repeated, of positions unknown here: nobody differs', (t) => {
  const mine = agreement(3)
  mine.hear(1, at(2))
  for (let n = 1; n <= 5; n++) mine.record(at(n).position, n)
  for (const said of [at(5), at(5), at(3), at(9, 77)]) mine.hear(2, said)
  t.deepEqual(mine.takeFound(), [])
  t.false(mine.isAlone)
})

test('G8, one of three says another digest: told once, and the two go on', (t) => {
  const mine = agreement(3)
  mine.record(at(1).position, 1)
  mine.hear(2, at(1, 7))
  mine.hear(2, at(1, 7))
  t.deepEqual(mine.takeFound(), [{ rank: 2, position: at(1).position }])
  t.deepEqual(mine.takeFound(), [])
  t.false(mine.isAlone)
})

test('G8, both others say another digest: alone', (t) => {
  const mine = agreement(3)
  mine.hear(1, at(1, 7))
  mine.hear(2, at(1, 7))
  mine.record(at(1).position, 1)
  t.is(mine.takeFound().length, 2)
  t.true(mine.isAlone)
})

test('G8, of two that differ the side with rank 0 goes on', (t) => {
  for (const [other, alone] of [
    [1, false],
    [0, true],
  ] as const) {
    const mine = agreement(2)
    mine.record(at(1).position, 1)
    mine.hear(other, at(1, 7))
    t.is(mine.isAlone, alone)
  }
})

test('a member that is always behind finds out all the same that it differs', (t) => {
  const mine = agreement(3)
  for (let n = 1; n < 200; n++) {
    mine.hear(1, at(n + 20, 7))
    mine.record(at(n).position, n)
  }
  t.is(mine.takeFound().length, 1)
})

test('the next view: whoever differed may be gone, and ranks are others', (t) => {
  const mine = agreement(3)
  mine.record(at(1).position, 1)
  mine.hear(1, at(1, 7))
  mine.hear(2, at(1, 7))
  t.true(mine.isAlone)
  mine.begin(3)
  t.false(mine.isAlone)
  t.deepEqual(mine.takeFound(), [])
})

test('digests of long ago, and of far ahead: not kept, so that no number of them costs memory', (t) => {
  const mine = agreement(2)
  for (let n = 1; n <= 1000; n++) mine.record(at(n).position, n)
  mine.hear(1, at(1, 7))
  t.deepEqual(mine.takeFound(), [], 'forgotten')
  mine.hear(1, at(1000, 7))
  t.is(mine.takeFound().length, 1)

  const other = agreement(2)
  for (let n = 1; n <= 1000; n++) other.hear(1, at(n, n === 1000 ? 7 : n))
  for (let n = 1; n <= 1000; n++) other.record(at(n).position, n)
  t.deepEqual(other.takeFound(), [], 'of those far ahead only the next few are kept')
})
