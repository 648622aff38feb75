// Bytes in several places, read as one.

import test from 'ava'
import { Pieces } from '../../broker/group/pieces.ts'

test('any part of the bytes, whatever the pieces: as of the bytes in one place', (t) => {
  const whole = Uint8Array.from({ length: 20 }, (_, i) => i)
  for (const cuts of [[], [7], [0, 0, 3, 3, 19, 20], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]]) {
    const ends = [...cuts, 20]
    const pieces = new Pieces(ends.map((end, i) => whole.subarray(ends[i - 1] ?? 0, end)))
    t.is(pieces.length, 20)
    for (let from = 0; from <= 21; from++)
      for (let most = 0; most <= 21; most++)
        t.deepEqual(pieces.slice(from, most), whole.slice(from, from + most), `${from} +${most} of ${cuts}`)
  }
  t.deepEqual(new Pieces([]).slice(0, 10), new Uint8Array(0))
})
