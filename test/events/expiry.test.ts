import test from 'ava'
import fc from 'fast-check'
import { type Expiring, ExpiryHeap } from '../../broker/events/expiry.ts'

test('random sets and removals: the first is always one that expires first', (t) => {
  const step = fc.tuple(fc.nat(15), fc.option(fc.nat(50), { nil: undefined }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const heap = new ExpiryHeap<Expiring>()
      const things = Array.from({ length: 16 }, () => ({ expiresAfter: 0, expiryPlace: -1 }))
      const inside = new Map<Expiring, number>()
      for (const [i, expiresAfter] of steps) {
        const thing = things[i]!
        if (expiresAfter === undefined) {
          heap.remove(thing)
          inside.delete(thing)
        } else {
          heap.set(thing, expiresAfter)
          inside.set(thing, expiresAfter)
        }
        const least = inside.size === 0 ? undefined : Math.min(...inside.values())
        t.is(heap.first && inside.get(heap.first), least)
      }
      for (let first = heap.first; first !== undefined; first = heap.first) {
        t.is(inside.get(first), Math.min(...inside.values()))
        heap.remove(first)
        inside.delete(first)
      }
      t.is(inside.size, 0)
    }),
    { seed: 5 },
  )
})
