// Large datagrams in parts, and whole again, though parts are lost, come twice, or in any order.

import { randomBytes } from 'node:crypto'
import test from 'ava'
import { Assembly, DATAGRAM_BYTES_LARGEST, Parts } from '../../broker/fabric/parts.ts'

const datagramOf = (length: number): Uint8Array => {
  const bytes = randomBytes(length)
  bytes[0] = 2
  return bytes
}

test('what fits is sent as it is; what does not in parts that fit', (t) => {
  const parts = new Parts()
  const datagram = datagramOf(1000)
  t.deepEqual(parts.split(datagram, 1000), [datagram])
  for (const part of parts.split(datagram, 999)) t.true(part.length <= 999)
  t.deepEqual(new Assembly().take(datagram), datagram)
})

test('parts in any order, some twice, those of several senders mixed: each datagram once, whole', (t) => {
  const assembly = new Assembly()
  const datagrams = [1000, 1001, 4000].map(datagramOf)
  const senders = [new Parts(), new Parts(), new Parts()]
  const parts = datagrams.flatMap((datagram, i) => senders[i]!.split(datagram, 300))
  const shuffled = [...parts, parts[3]!, parts[5]!].sort((a, b) => a[40]! - b[40]!)
  const whole = shuffled.map((part) => assembly.take(part)).filter((one) => one !== undefined)
  for (const one of datagrams) t.true(whole.some((came) => Buffer.compare(came, one) === 0))
  t.is(whole.length, 3)
})

test('a part is lost: nothing comes of it, and the next datagram is whole', (t) => {
  const assembly = new Assembly()
  const parts = new Parts()
  for (const part of parts.split(datagramOf(1000), 300).slice(1)) t.is(assembly.take(part), undefined)
  const next = datagramOf(700)
  t.deepEqual(
    parts
      .split(next, 300)
      .map((part) => assembly.take(part))
      .at(-1),
    Buffer.from(next),
  )
})

test('datagrams that never become whole: of each sender the newest is kept, and of senders a bounded number', (t) => {
  const assembly = new Assembly()
  const parts = new Parts()
  const all = Array.from({ length: 100 }, () => parts.split(datagramOf(500), 300))
  for (const [first] of all) assembly.take(first!)
  t.is(assembly.take(all[0]![1]!), undefined)
  assembly.take(all[99]![0]!)
  t.not(assembly.take(all[99]![1]!), undefined)

  const others = Array.from({ length: 65 }, () => new Parts().split(datagramOf(500), 300))
  for (const [first] of others) assembly.take(first!)
  t.is(assembly.take(others[0]![1]!), undefined)
  t.not(assembly.take(others[64]![1]!), undefined)
})

test('thirty senders at once, part by part: all are whole', (t) => {
  const assembly = new Assembly()
  const all = Array.from({ length: 30 }, () => new Parts().split(datagramOf(1000), 300))
  const whole = all[0]!.flatMap((_, i) =>
    all.map((parts) => assembly.take(parts[i]!)).filter((one) => one !== undefined),
  )
  t.is(whole.length, 30)
})

test('parts that nobody sends: ignored', (t) => {
  const assembly = new Assembly()
  const odd = [[255], [255, 1, 2, 3], [255, ...new Array(12).fill(0)], [255, ...new Array(8).fill(0), 9, 0, 3, 0, 1]]
  for (const bytes of odd) t.is(assembly.take(Uint8Array.from(bytes)), undefined)
})

test('the largest there is, in the smallest parts: whole', (t) => {
  const datagram = datagramOf(DATAGRAM_BYTES_LARGEST)
  const assembly = new Assembly()
  const parts = new Parts().split(datagram, 1)
  t.deepEqual(Buffer.compare(parts.map((part) => assembly.take(part)).at(-1)!, datagram), 0)
})

test('parts that come in one buffer that is written over: put together as they were sent', (t) => {
  const [parts, assembly] = [new Parts(), new Assembly()]
  const datagram = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 251)
  const buffer = Buffer.alloc(1000)
  let whole: Uint8Array | undefined
  for (const part of parts.split(datagram, 1000)) {
    buffer.set(part)
    whole = assembly.take(buffer.subarray(0, part.length))
    buffer.fill(0)
  }
  t.deepEqual(whole && Uint8Array.from(whole), datagram)
})
