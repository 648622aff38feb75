// The memory of the log's batches: they come and go in one order, and what is kept stays what it is.

import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { Chance } from '../sim/random.ts'

const BYTES_MAX = 160_000
/** Bytes of the largest that is copied. */
const COPIED_MOST = BYTES_MAX / 16 / 8

test('any batches, let go of by their order: the same bytes as long as they are kept, in memory that is used again', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed, 'batches')
    const memory = new BatchMemory(BYTES_MAX)
    const kept: { is: Uint8Array; batch: Uint8Array }[] = []
    const memories = new Set<ArrayBufferLike>()
    let bytes = 0
    for (let i = 1; i <= 5000; i++) {
      const length = chance.whole(1, chance.chance(0.1) ? 8 * COPIED_MOST : COPIED_MOST)
      const batch = Uint8Array.from({ length }, (_, at) => i + 7 * at)
      const copy = memory.keep(batch)
      t.is(copy === batch, length > COPIED_MOST)
      if (copy !== batch) memories.add(copy.buffer)
      kept.push({ is: batch, batch: copy })
      bytes += length
      const isEmptied = seed % 2 === 0 && chance.chance(0.01)
      const most = isEmptied ? 0 : BYTES_MAX
      while (bytes > most) {
        const [oldest] = kept.splice(0, 1)
        t.deepEqual(oldest!.batch, oldest!.is, `seed ${seed}`)
        memory.letGo(oldest!.batch)
        bytes -= oldest!.is.length
      }
    }
    // Of what becomes free all at once only some is kept.
    if (seed % 2 === 1)
      t.true(memories.size <= 40, `seed ${seed}: ${memories.size}, of which 16 are as much as is kept`)
  }
})

test('large batches between small ones: what the small ones had is used again', (t) => {
  const memory = new BatchMemory(BYTES_MAX)
  const memories = new Set<ArrayBufferLike>()
  for (let i = 0; i < 1000; i++) {
    const small = memory.keep(new Uint8Array(COPIED_MOST))
    const large = memory.keep(new Uint8Array(BYTES_MAX))
    memories.add(small.buffer)
    memory.letGo(small)
    memory.letGo(large)
  }
  t.is(memories.size, 1)
})
