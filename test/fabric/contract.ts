// What every fabric must do, whatever it is made of: the group protocol is built on this and no more. Loss is allowed, so
// a lossless fabric proves little; what counts is that a datagram never comes to the wrong place, never comes torn, and
// never comes out of an outage.
//
// That something does not come cannot be waited for. A fabric may reorder, too, but neither of ours does so to one
// sender's datagrams: what has not come when a marker sent after it has, will not come.

import type test from 'ava'
import type { ExecutionContext } from 'ava'
import type { CountingFabric } from '../../broker/fabric/counters.ts'
import { ReplicaEnd } from './replica-end.ts'

/** A fabric of one kind, and the power to take it away. */
export interface Place {
  attach(onBug: (error: unknown) => void): Promise<CountingFabric>
  /** The fabric is gone for all of them. */
  fail(): Promise<void>
  recover(): Promise<void>
  close(): Promise<void>
}

const [A, B, C] = [11, 2 ** 48 - 1, 13]

export function contract(kind: string, run: typeof test.skip, open: () => Promise<Place>): void {
  const scenario = (title: string, body: (t: ExecutionContext, world: World) => Promise<void>): void =>
    run(`${kind}: ${title}`, async (t) => {
      const world = new World(await open())
      try {
        await body(t, world)
        t.deepEqual(world.bugs, world.bugsExpected)
      } finally {
        await world.close()
      }
    })

  scenario('what is sent to everyone reaches all others, and not the sender', async (t, world) => {
    const [a, b, c] = await world.three()
    a.send('everyone', 'news')
    await Promise.all([b.untilReceived('news'), c.untilReceived('news')])
    b.send(A, 'marker')
    await a.untilReceived('marker')
    t.deepEqual([a.received, b.received, c.received], [['marker'], ['news'], ['news']])
  })

  scenario('what is sent to one reaches that one only', async (t, world) => {
    const [a, b, c] = await world.three()
    a.send(B, 'for b')
    a.send('everyone', 'marker')
    await Promise.all([b.untilReceived('marker'), c.untilReceived('marker')])
    t.deepEqual(b.received.toSorted(), ['for b', 'marker'])
    t.deepEqual(c.received, ['marker'])
  })

  scenario('what is sent to nobody, or to oneself, is gone', async (t, world) => {
    const [a, b] = await world.three()
    a.send(99, 'nobody is 99')
    a.send(A, 'to myself')
    a.send(B, 'marker')
    await b.untilReceived('marker')
    b.send(A, 'marker')
    await a.untilReceived('marker')
    t.deepEqual([a.received, b.received], [['marker'], ['marker']])
  })

  scenario('a datagram of any bytes and any size up to the limit comes whole and unchanged', async (t, world) => {
    const [a, b] = await world.three()
    const got: Uint8Array[] = []
    b.fabric.listen((datagram) => {
      got.push(Uint8Array.from(datagram))
      if (got.length === sizes.length) world.done()
    }, noop)
    const sizes = [1, 2, 254, 4096, 65_537, a.fabric.datagramBytesMax]
    const sent = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >>> 8) + size) & 255))
    for (const datagram of sent) a.fabric.send(B, datagram)
    await world.isDone
    got.sort((x, y) => x.length - y.length)
    t.true(sent.every((datagram, i) => Buffer.compare(datagram, got[i]!) === 0))
    t.like(a.fabric.counters, { sent: sizes.length, sentBytes: sizes.reduce((x, y) => x + y) })
    t.like(b.fabric.counters, { received: sizes.length, receivedBytes: sizes.reduce((x, y) => x + y) })
  })

  scenario('a thousand datagrams each way at once all come, in whatever order', async (t, world) => {
    const ends = await world.three()
    const texts = (who: string): string[] => Array.from({ length: 1000 }, (_, i) => `${who}${i}`)
    for (let i = 0; i < 1000; i++) for (const [at, end] of ends.entries()) end.send('everyone', `${'abc'[at]}${i}`)
    for (const [at, end] of ends.entries()) {
      await end.until('2000 datagrams', () => end.received.length === 2000)
      const others = [...'abc'].filter((_, i) => i !== at)
      t.deepEqual(end.received.toSorted(), others.flatMap(texts).toSorted())
    }
  })

  scenario('a datagram over the limit arrives whole; one far over it is dropped and counted', async (t, world) => {
    const [a, b] = await world.three()
    // No part of it is like another.
    const large = Array.from({ length: 3 }, (_, i) => {
      const length = 2 * a.fabric.datagramBytesMax + 7
      return Array.from({ length: Math.ceil(length / 8) }, (_, at) => `${i}${at}`.padEnd(8))
        .join('')
        .slice(0, length)
    })
    for (const text of large) a.send('everyone', text)
    t.notThrows(() => a.fabric.send(B, new Uint8Array(16 * 1024 * 1024 + 1)))
    a.send(B, 'marker')
    await b.untilReceived('marker')
    t.deepEqual(b.received.toSorted(), [...large, 'marker'].toSorted())
    t.is(a.fabric.counters.dropped['too-large'], 1)
    t.is(a.fabric.counters.sent, 4)
  })

  scenario('nothing is received inside send', async (t, world) => {
    const [a, b] = await world.three()
    let sending = false
    let entered = false
    b.fabric.listen(() => {
      entered ||= sending
      sending = true
      b.send(A, 'answer')
      sending = false
    }, noop)
    a.fabric.listen(() => {
      entered ||= sending
      world.done()
    }, noop)
    sending = true
    a.send(B, 'question')
    sending = false
    await world.isDone
    t.false(entered)
  })

  scenario('after a new address only the new one is reached', async (t, world) => {
    const [a, b] = await world.three()
    b.fabric.address(77)
    // An answer from b tells that its new address is known.
    b.send(A, 'I am 77 now')
    await a.untilReceived('I am 77 now')
    a.send(B, 'for the former life')
    a.send(77, 'for the new life')
    await b.untilReceived('for the new life')
    a.send('everyone', 'marker')
    await b.untilReceived('marker')
    t.deepEqual(b.received.toSorted(), ['for the new life', 'marker'])
  })

  scenario('what a listener throws is told, and the fabric goes on', async (t, world) => {
    const [a, b] = await world.three()
    const bug = new Error('in the listener')
    world.bugsExpected.push(bug)
    let first = true
    b.fabric.listen((datagram) => {
      b.received.push(Buffer.from(datagram).toString())
      if (!first) return world.done()
      first = false
      throw bug
    }, noop)
    a.send(B, 'one')
    a.send(B, 'two')
    await world.isDone
    t.deepEqual(b.received.toSorted(), ['one', 'two'])
    b.send(A, 'still here')
    await a.untilReceived('still here')
  })

  scenario('what a listener of link changes throws is told, and the fabric goes on', async (t, world) => {
    const [a, b] = await world.three()
    const bug = new Error('in the link listener')
    world.bugsExpected.push(bug, bug)
    let changes = 0
    a.fabric.listen(noop, () => {
      if (++changes === 2) world.done()
      throw bug
    })
    await world.place.fail()
    await b.untilLinked(false)
    await world.place.recover()
    await Promise.all([b.untilLinked(true), world.isDone])
    a.send(B, 'still here')
    await b.untilReceived('still here')
    t.is(changes, 2)
  })

  scenario('an outage is told, and what is sent in it never comes', async (t, world) => {
    const [a, b] = await world.three()
    await world.place.fail()
    await Promise.all([a.untilLinked(false), b.untilLinked(false)])
    a.send('everyone', 'stale')
    let stale = 1
    const recovered = world.place.recover()
    // Up to the very moment at which the link is back: what is sent while it is being made must not come, either.
    while (!a.fabric.linked) {
      for (let i = 0; i < 10; i++, stale++) a.send(B, 'stale')
      await new Promise(setImmediate)
    }
    await Promise.all([recovered, a.untilLinked(true), b.untilLinked(true)])
    a.send(B, 'fresh')
    await b.untilReceived('fresh')
    t.deepEqual(b.received, ['fresh'])
    t.deepEqual(
      [a.links, b.links],
      [
        [false, true],
        [false, true],
      ],
    )
    t.is(a.fabric.counters.dropped.unlinked, stale)
    t.is(a.fabric.counters.links, 2)
  })

  scenario('an address taken during an outage is reached after it', async (t, world) => {
    const [a, b] = await world.three()
    await world.place.fail()
    await Promise.all([a.untilLinked(false), b.untilLinked(false)])
    b.fabric.address(77)
    await world.place.recover()
    await Promise.all([a.untilLinked(true), b.untilLinked(true)])
    a.send(B, 'for the former life')
    a.send(77, 'for the new life')
    await b.untilReceived('for the new life')
    t.deepEqual(b.received, ['for the new life'])
  })

  scenario('closed: nothing comes any more, sending does nothing, closing again is harmless', async (t, world) => {
    const [a, b, c] = await world.three()
    b.send(C, 'last words')
    await b.fabric.close()
    await c.untilReceived('last words')
    a.send('everyone', 'after the end')
    await c.untilReceived('after the end')
    b.send(C, 'from beyond')
    b.fabric.address(5)
    await b.fabric.close()
    a.send(C, 'marker')
    await c.untilReceived('marker')
    t.false(b.fabric.linked)
    t.deepEqual(b.received, [])
    t.deepEqual(b.links, [])
    t.deepEqual(c.received.toSorted(), ['after the end', 'last words', 'marker'])
    t.is(b.fabric.counters.dropped.unlinked, 1)
  })
}

function noop(): void {}

class World {
  readonly place: Place
  readonly bugs: unknown[] = []
  readonly bugsExpected: unknown[] = []
  readonly isDone: Promise<void>
  readonly done: () => void
  private readonly ends: ReplicaEnd[] = []

  constructor(place: Place) {
    this.place = place
    const { promise, resolve } = Promise.withResolvers<void>()
    this.isDone = promise
    this.done = resolve
  }

  /** Three that have heard each other, so that what is lost later is not lost to a beginning. */
  async three(): Promise<[ReplicaEnd, ReplicaEnd, ReplicaEnd]> {
    const attach = async (incarnation: number): Promise<ReplicaEnd> => {
      const end = new ReplicaEnd(await this.place.attach((error) => this.bugs.push(error)), incarnation)
      this.ends.push(end)
      return end
    }
    const [a, b, c] = [await attach(A), await attach(B), await attach(C)]
    const ends = [a, b, c]
    for (const end of ends) await end.until('first link', () => end.fabric.linked)
    // Whoever says something to everyone has its address known by then; so the others can count on it.
    for (const end of ends) end.send('everyone', 'hello')
    for (const end of ends) {
      await end.until('hello from both', () => end.received.length >= 2)
      const got = end.received.splice(0).join(' ')
      if (got !== 'hello hello') throw new Error(`received before anything was sent: ${got}`)
      Object.assign(end.fabric.counters, { sent: 0, sentBytes: 0, received: 0, receivedBytes: 0 })
    }
    return [a, b, c]
  }

  async close(): Promise<void> {
    for (const end of this.ends) await end.fabric.close()
    await this.place.close()
  }
}
