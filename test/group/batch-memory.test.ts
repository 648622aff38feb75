// The memory of batches: what is kept stays what it is until it was let go of as often, and then its memory is used again.

import test from 'ava'
import { BatchMemory } from '../../broker/group/batch-memory.ts'
import { Chance } from '../sim/random.ts'

const LOG_BYTES = 160_000
const SLAB_BYTES = LOG_BYTES / 16
/** Bytes of the largest that others are beside. */
const BESIDE_MOST = SLAB_BYTES / 8

test('any batches, kept once or twice, let go of in about their order: the same bytes as long as anybody keeps them, in memory that is used again', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed, 'batches')
    const memory = new BatchMemory(LOG_BYTES)
    const kept: { is: Uint8Array; batch: Uint8Array; times: number }[] = []
    const slabs = new Set<ArrayBufferLike>()
    let bytes = 0
    const letGo = (at: number): void => {
      const one = kept[at]!
      t.is(Buffer.compare(one.batch, one.is), 0, `seed ${seed}`)
      memory.letGo(one.batch)
      if (--one.times > 0) return
      bytes -= one.is.length
      kept.splice(at, 1)
    }
    for (let i = 1; i <= 5000; i++) {
      const length = chance.whole(1, chance.chance(0.1) ? 8 * BESIDE_MOST : BESIDE_MOST)
      const batch = Uint8Array.from({ length }, (_, at) => i + 7 * at)
      const copy = memory.keep(batch)
      if (copy.buffer.byteLength === SLAB_BYTES) slabs.add(copy.buffer)
      const one = { is: batch.slice(), batch: copy, times: 1 }
      batch.fill(0)
      kept.push(one)
      bytes += length
      if (chance.chance(0.5)) {
        t.is(memory.keep(copy), copy)
        one.times++
      }
      const isEmptied = seed % 2 === 0 && chance.chance(0.01)
      while (bytes > (isEmptied ? 0 : LOG_BYTES)) letGo(isEmptied ? 0 : chance.whole(0, Math.min(2, kept.length - 1)))
    }
    t.true(slabs.size <= 40, `seed ${seed}: ${slabs.size}, of which 16 are as much as is kept`)
  }
})

test('what is kept is a copy, a large one too', (t) => {
  const memory = new BatchMemory(LOG_BYTES)
  for (const length of [1, BESIDE_MOST, BESIDE_MOST + 1, SLAB_BYTES, 2 * SLAB_BYTES]) {
    const batch = new Uint8Array(length).fill(1)
    const copy = memory.keep(batch)
    batch.fill(0)
    t.deepEqual(copy, new Uint8Array(length).fill(1))
  }
})

test('large batches between small ones: what the small ones had is used again', (t) => {
  const memory = new BatchMemory(LOG_BYTES)
  const slabs = new Set<ArrayBufferLike>()
  for (let i = 0; i < 1000; i++) {
    const small = memory.keep(new Uint8Array(BESIDE_MOST))
    const large = memory.keep(new Uint8Array(LOG_BYTES))
    slabs.add(small.buffer)
    memory.letGo(small)
    memory.letGo(large)
  }
  t.is(slabs.size, 1)
})

test('a burst that is let go of all at once: the next one is in the same memory', (t) => {
  const memory = new BatchMemory(LOG_BYTES)
  const slabs = new Set<ArrayBufferLike>()
  for (let burst = 0; burst < 10; burst++) {
    const kept = Array.from({ length: 100 }, () => memory.keep(new Uint8Array(BESIDE_MOST)))
    for (const { buffer } of kept) slabs.add(buffer)
    for (const batch of kept) memory.letGo(batch)
  }
  t.true(slabs.size <= 14, `${slabs.size} slabs for what fits in 13`)
})

test('let go of once more than it was kept: a bug, at once', (t) => {
  const memory = new BatchMemory(LOG_BYTES)
  const copy = memory.keep(new Uint8Array(10))
  memory.letGo(copy)
  t.throws(() => memory.letGo(copy), { message: /as often/ })
  t.throws(() => memory.letGo(new Uint8Array(10)), { message: /as often/ })
})
