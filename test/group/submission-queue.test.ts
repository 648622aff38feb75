// Requests on their way to their slot: against a plain array, and each limit by itself.

import test from 'ava'
import { encodeBatch, forEachRequest } from '../../broker/group/batch.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import { SubmissionQueue } from '../../broker/group/submission-queue.ts'
import { Chance } from '../sim/random.ts'

/** More than any batch here. */
const ROOM = 1_000_000

function queueOf(settings: Partial<GroupSettings>): SubmissionQueue {
  return new SubmissionQueue({ ...DEFAULT_SETTINGS, ...settings })
}

function requestsOf(batch: Uint8Array): Uint8Array[] {
  const requests: Uint8Array[] = []
  forEachRequest(batch, (request) => requests.push(request))
  return requests
}

function bytesOf(requests: readonly Uint8Array[]): number {
  return requests.reduce((sum, { length }) => sum + length, 0)
}

/** A request of so many bytes that can be told from others. */
function requestOf(length: number, fill = 0): Uint8Array {
  return new Uint8Array(length).fill(fill)
}

test('a queue as long as it may be: overloaded, and takes again when there is room', (t) => {
  const queue = queueOf({ queueRequestsMax: 2, batchBytesMax: 1 })
  t.is(queue.add(requestOf(1)), undefined)
  t.is(queue.add(requestOf(1)), undefined)
  t.is(queue.add(requestOf(1)), 'overloaded')
  t.is(queue.length, 2, 'what was refused is not in')
  queue.take(ROOM)
  t.is(queue.add(requestOf(1)), undefined)
})

test('a queue as large as it may be: overloaded, though a smaller request still fits', (t) => {
  const queue = queueOf({ queueBytesMax: 10 })
  t.is(queue.add(requestOf(6)), undefined)
  t.is(queue.add(requestOf(5)), 'overloaded')
  t.is(queue.add(requestOf(4)), undefined)
  t.is(queue.bytes, 10)
})

test('requests that fill a batch to the byte: one batch; a byte more: two', (t) => {
  const exact = queueOf({ batchBytesMax: 28 })
  for (const length of [10, 10]) exact.add(requestOf(length))
  t.is(exact.take(ROOM).batch.length, 28)
  t.is(exact.length, 0)
  const over = queueOf({ batchBytesMax: 28 })
  for (const length of [10, 11]) over.add(requestOf(length))
  t.is(over.take(ROOM).batch.length, 14)
  t.is(over.length, 1)
})

test('a request larger than a batch may be: goes alone, in its turn', (t) => {
  const queue = queueOf({ batchBytesMax: 20 })
  for (const length of [1, 100, 2]) queue.add(requestOf(length))
  const lengths = [queue.take(ROOM), queue.take(ROOM), queue.take(ROOM)].map(({ batch }) =>
    requestsOf(batch).map((one) => one.length),
  )
  t.deepEqual(lengths, [[1], [100], [2]])
})

test('a fabric that carries less than a batch may be: batches of what it carries', (t) => {
  const queue = queueOf({ batchBytesMax: 100 })
  for (const length of [10, 10, 10]) queue.add(requestOf(length))
  t.is(queue.take(28).batch.length, 28)
  t.is(queue.take(28).batch.length, 14)
})

test('requests that can no longer be sent: taken out as far as they stand at the head, and no other', (t) => {
  const queue = queueOf({})
  for (const length of [11, 12, 10, 13]) queue.add(requestOf(length))
  t.deepEqual(queue.takeUnsendable(10), [requestOf(11), requestOf(12)])
  t.deepEqual(queue.takeUnsendable(10), [])
  t.is(queue.length, 2)
  t.is(queue.bytes, 23)
})

test('G6, batches cut from the order, the last one put back first: go again in their order, over any limit', (t) => {
  const queue = queueOf({ queueRequestsMax: 3, queueBytesMax: 3, batchBytesMax: 10 })
  for (const fill of [1, 2, 3]) queue.add(requestOf(1, fill))
  const [first, second] = [queue.take(ROOM).batch, queue.take(ROOM).batch]
  t.deepEqual([requestsOf(first).length, requestsOf(second).length], [2, 1])
  for (const fill of [4, 5, 6]) queue.add(requestOf(1, fill))
  for (const batch of [second, first]) queue.putBack(batch)
  t.is(queue.length, 6)
  t.is(queue.bytes, 6)
  t.is(queue.add(requestOf(0)), 'overloaded')
  t.deepEqual(
    queue.clear(),
    [1, 2, 3, 4, 5, 6].map((fill) => requestOf(1, fill)),
  )
})

test('any use, small and of thousands: the requests of a plain array in their order, in batches as large as may be', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed, 'submission-queue')
    const large = seed % 5 === 0
    const settings = {
      queueRequestsMax: large ? 10_000 : chance.whole(1, 30),
      queueBytesMax: large ? 100_000 : chance.whole(1, 200),
      batchBytesMax: large ? 1000 : chance.whole(1, 60),
    }
    const room = large ? ROOM : chance.whole(20, 60)
    const limit = Math.min(room, settings.batchBytesMax)
    const queue = queueOf(settings)
    let dumb: Uint8Array[] = []
    const sent: Uint8Array[] = []
    /** None was put back, so that a batch ends only where it is full. */
    let undisturbed = true
    for (let step = 0; step < (large ? 50 : 100); step++) {
      const what = chance.weighted([
        ['add', 8],
        ['take', 5],
        ['putBack', 2],
        ['unsendable', 1],
        ['clear', large ? 0 : 0.5],
      ])
      if (what === 'add') {
        for (let i = large ? chance.whole(200, 500) : 1; i > 0; i--) {
          const request = requestOf(chance.whole(0, 20), chance.whole(0, 255))
          const fits =
            dumb.length + 1 <= settings.queueRequestsMax && bytesOf([...dumb, request]) <= settings.queueBytesMax
          t.is(queue.add(request), fits ? undefined : 'overloaded')
          if (fits) dumb.push(request)
        }
      } else if (what === 'take') {
        for (let i = large ? chance.whole(1, 80) : 1; i > 0 && dumb.length > 0; i--) {
          const { batch, requests } = queue.take(room)
          const taken = dumb.slice(0, requests)
          t.deepEqual(batch, encodeBatch(taken).batch)
          t.true(requests === 1 || batch.length <= limit, `seed ${seed}`)
          const full = requests === dumb.length || encodedBytes(dumb.slice(0, requests + 1)) > limit
          t.true(full || !undisturbed || limit < settings.batchBytesMax, `seed ${seed}`)
          dumb = dumb.slice(requests)
          sent.push(batch)
        }
      } else if (what === 'putBack') {
        const batch = sent.pop()
        if (!batch) continue
        queue.putBack(batch)
        undisturbed = false
        dumb = [...requestsOf(batch), ...dumb]
      } else if (what === 'unsendable') {
        const bytesMax = chance.whole(5, 20)
        const unsendable: Uint8Array[] = []
        while (dumb.length > 0 && dumb[0]!.length > bytesMax) unsendable.push(dumb.shift()!)
        t.deepEqual(queue.takeUnsendable(bytesMax), unsendable)
        undisturbed = false
      } else {
        t.deepEqual(queue.clear(), dumb)
        dumb = []
      }
      t.is(queue.length, dumb.length, `seed ${seed}`)
      t.is(queue.bytes, bytesOf(dumb), `seed ${seed}`)
    }
    t.deepEqual(queue.clear(), dumb, `seed ${seed}`)
  }
})

test('what is submitted may be changed afterwards, and a batch may not be by what comes later', (t) => {
  const queue = queueOf({ batchBytesMax: 100 })
  const request = requestOf(10, 1)
  queue.add(request)
  request.fill(2)
  const first = queue.take(ROOM)
  queue.add(request)
  t.deepEqual(requestsOf(first.batch), [requestOf(10, 1)])
  t.deepEqual(requestsOf(queue.take(ROOM).batch), [requestOf(10, 2)])
})

test('a batch takes no more than a third more memory than it has bytes, and of its own', (t) => {
  const queue = queueOf({ batchBytesMax: 10_000 })
  for (const count of [1, 6, 7, 8, 9]) {
    for (let i = 0; i < count; i++) queue.add(requestOf(1000))
    const { room, batch } = queue.take(ROOM)
    t.is(batch.length, count * 1004)
    t.is(room.byteOffset, 0)
    t.true(3 * room.buffer.byteLength <= 4 * room.length)
  }
})

function encodedBytes(requests: readonly Uint8Array[]): number {
  return encodeBatch(requests).batch.length
}
