// The memory of the log, written again and again: nothing that is kept may change meanwhile, nor anything that was lent,
// and what it takes stays within its bound.

import test from 'ava'
import fc from 'fast-check'
import { commandOf, LogMemory, NO_SLAB, type Owner, type Slab } from '../../broker/events/log-memory.ts'

const KIB = 1024
const MIB = 1024 * KIB

class Kept implements Owner {
  slab: Slab = NO_SLAB
  at = 0
  length = 0
  is: Buffer

  constructor(is: Buffer) {
    this.is = is
  }
}

let made = 0
/** No two are alike. */
function bytesOf(length: number): Buffer {
  return Buffer.alloc(length, `${++made} `)
}

const step = fc.record({
  act: fc.constantFrom('keep', 'keep', 'keep', 'drop', 'drop', 'drop', 'drop-any', 'again', 'lend'),
  times: fc.integer({ min: 1, max: 60 }),
  bytes: fc.oneof(fc.integer({ min: 30, max: 3000 }), fc.integer({ min: 8 * KIB, max: 40 * KIB })),
  which: fc.nat(),
})

test('whatever is kept, dropped, replaced and lent: the bytes that are kept or lent stay what they are', (t) => {
  const check = fc.property(fc.array(step, { minLength: 1, maxLength: 150 }), (steps) => {
    const memory = new LogMemory()
    const kept: Kept[] = []
    const lent: { view: Buffer; is: Buffer }[] = []
    for (const { act, times, bytes, which } of steps) {
      for (let i = 0; i < times; i++) {
        const length = Math.max(1, bytes - i)
        if (act === 'keep') {
          const owner = new Kept(bytesOf(length))
          memory.keep(owner, owner.is)
          kept.push(owner)
        } else if (act === 'drop' || act === 'drop-any') {
          const at = act === 'drop' ? 0 : (which + i) % Math.max(1, kept.length)
          const [owner] = kept.splice(at, 1)
          if (owner) memory.release(owner)
        } else if (act === 'again' && kept.length > 0) {
          const owner = kept[(which + i) % kept.length]!
          owner.is = bytesOf(length)
          memory.keep(owner, owner.is)
        }
        memory.tidy()
      }
      if (act === 'lend') {
        memory.lend()
        for (const owner of kept) lent.push({ view: commandOf(owner), is: owner.is })
      }
      for (const owner of kept) if (!commandOf(owner).equals(owner.is)) return false
      for (const { view, is } of lent) if (!view.equals(is)) return false
    }
    return true
  })
  t.notThrows(() => fc.assert(check, { numRuns: 60 }))
})

test('what is kept in turn takes its memory from what went before it', (t) => {
  const memory = new LogMemory()
  const memories = new Set<ArrayBufferLike>()
  const kept: Kept[] = []
  for (let i = 0; i < 40_000; i++) {
    const owner = new Kept(Buffer.alloc(1000, i % 251))
    memory.keep(owner, owner.is)
    memories.add(owner.slab.memory.buffer)
    kept.push(owner)
    if (kept.length > 3000) memory.release(kept.shift()!)
  }
  // 3 MB of 40 are kept at a time.
  t.true([...memories].reduce((sum, { byteLength }) => sum + byteLength, 0) < 6 * MIB)
  for (const owner of kept) t.true(commandOf(owner).equals(owner.is))
})

test('large ones among small ones: what the small ones have goes on in turn', (t) => {
  const memory = new LogMemory()
  const slabs = new Set<ArrayBufferLike>()
  const kept: Kept[] = []
  for (let i = 0; i < 4000; i++) {
    const isLarge = i % 10 === 0
    const owner = new Kept(Buffer.alloc(isLarge ? 300 * KIB : 20 * KIB, i % 251))
    memory.keep(owner, owner.is)
    if (!isLarge && i > 2000) slabs.add(owner.slab.memory.buffer)
    kept.push(owner)
    if (kept.length > 300) memory.release(kept.shift()!)
  }
  // 36 MB of small ones came in the second half; 5 MB of them are kept at a time.
  t.true(slabs.size <= 12, `${slabs.size} slabs`)
})

test('one in a hundred that stays: it is moved, and does not keep the memory of the others', (t) => {
  const memory = new LogMemory()
  const lasting: Kept[] = []
  let passing: Kept[] = []
  for (let i = 0; i < 60_000; i++) {
    const owner = new Kept(Buffer.alloc(1000, i % 251))
    memory.keep(owner, owner.is)
    if (i % 100 === 0) lasting.push(owner)
    else passing.push(owner)
    memory.tidy()
    if (passing.length < 1000) continue
    for (const one of passing) memory.release(one)
    passing = []
  }
  const inUse = new Set([...lasting, ...passing].map(({ slab }) => slab.memory.buffer))
  const bytes = [...inUse].reduce((sum, { byteLength }) => sum + byteLength, 0)
  const owned = 1000 * (lasting.length + passing.length)
  t.true(bytes <= 1.5 * owned + 6 * MIB, `${bytes} bytes for ${owned}`)
  for (const owner of lasting) t.true(commandOf(owner).equals(owner.is))
})

test('a large command has memory of its own, and none keeps anything of what it came in', (t) => {
  const memory = new LogMemory()
  const datagram = Buffer.allocUnsafeSlow(200 * KIB).fill(7)
  const [small, large, most] = [
    new Kept(datagram.subarray(5, 100)),
    new Kept(datagram.subarray(0, 90 * KIB)),
    new Kept(datagram),
  ]
  for (const owner of [small, large, most]) memory.keep(owner, owner.is)
  t.is(large.slab.memory.length, 90 * KIB)
  t.is(most.slab.memory.length, 200 * KIB)
  datagram.fill(0)
  for (const owner of [small, large, most]) t.true(commandOf(owner).equals(Buffer.alloc(owner.length, 7)))
})
