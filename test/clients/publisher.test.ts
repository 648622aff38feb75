// The client's publisher against a model of a group: connections break at any moment, replicas refuse for a while, answer
// late or never, and what was refused by one may still be under way at another. Whatever happens: an event is in the order
// once if its promise says so, never if it says so, and at most once otherwise; and all in the order of publishing.

import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import { decodeRecord, PackedRecords } from '../../broker/events/record.ts'
import { readPublishes } from '../../broker/http/stream/layout.ts'
import type { LockstepError } from '../../clients/src/errors.ts'
import type { Limits, Refused } from '../../clients/src/messages.ts'
import { type Published, Publisher, type PublisherLink } from '../../clients/src/publisher.ts'
import { encodeRecord } from '../../clients/src/wire.ts'
import { Chance } from '../sim/random.ts'

const MIB = 1024 * 1024

const LIMITS: Limits = {
  messageBytesMax: 1e6,
  eventBytesMax: 1e6,
  publishBytesMax: 1e6,
  publishEventsMax: 4,
  underWayBytesMax: 1e6,
  subscriptionsMax: 1,
  creditBytesMax: 1,
}

interface Publish {
  readonly id: string
  readonly sequence: number
  readonly events: readonly string[]
}

/** What the group has: in the order, by publisher. */
class ModelGroup {
  readonly order: string[] = []
  private readonly next = new Map<string, number>()
  private readonly places = new Map<string, number>()

  expects(id: string): number | null {
    return this.next.get(id) ?? null
  }

  /** The place of the first, or what should have come. */
  apply({ id, sequence, events }: Publish): { seq: number; duplicate: boolean } | { expected: number } {
    const expected = this.next.get(id) ?? sequence
    if (sequence + events.length <= expected) {
      return { seq: this.places.get(`${id} ${sequence}`) ?? 0, duplicate: true }
    }
    if (sequence !== expected) return { expected }
    const seq = this.order.length + 1
    for (const [i, event] of events.entries()) {
      this.places.set(`${id} ${sequence + i}`, this.order.length + 1)
      this.order.push(event)
    }
    this.next.set(id, expected + events.length)
    return { seq, duplicate: false }
  }
}

interface Live {
  id: string
  readonly inbox: (() => void)[]
}

class World {
  readonly group = new ModelGroup()
  readonly chance: Chance
  readonly publisher: Publisher
  moves = 0
  /** Messages of more than one publish. */
  gathered = 0
  private readonly limits: Limits
  private ids = 0
  private live: Live | undefined
  /** Taken by a replica whose connection broke: it may still come in. */
  private stray: Publish[] = []
  private badWeather = true
  private readonly timers = new Set<{ ms: number; call: () => void }>()

  constructor(seed: number) {
    this.chance = new Chance(seed, 'publisher')
    this.limits = seed % 2 === 0 ? LIMITS : { ...LIMITS, publishesMax: 3 }
    const mintId = (): string => `id${++this.ids}`
    this.publisher = new Publisher(
      { id: mintId(), mintId, bytesMax: 1e9, stopAtRefusal: false },
      {
        unhappy: () => {
          this.moves++
          this.breakOff()
        },
        random: () => 0,
        after: (ms, call) => {
          const timer = { ms: Math.ceil(ms / 100), call }
          this.timers.add(timer)
          return () => this.timers.delete(timer)
        },
      },
    )
  }

  heal(): void {
    this.badWeather = false
  }

  connect(): void {
    if (this.live) return
    const live: Live = { id: '', inbox: [] }
    this.live = live
    const link: PublisherLink = {
      say: (message) => {
        const { id } = message as { id: string }
        live.id = id
        live.inbox.push(() => this.publisher.greeted(id, this.group.expects(id)))
      },
      send: (message) => {
        const publishes = readPublishes(Buffer.from(message))
        if (publishes.length > 1) this.gathered++
        for (const { sequence, packed } of publishes) {
          const records = new PackedRecords(packed, 0)
          const events = Array.from({ length: records.count }, (_, i) =>
            String(Buffer.from(decodeRecord(records.record(i)).data)),
          )
          // With the connection goes what is left of a message.
          live.inbox.push(() => this.live === live && this.serve({ id: live.id, sequence, events }))
        }
      },
    }
    this.publisher.attach(link, this.limits, 'h')
  }

  breakOff(): void {
    const { live } = this
    if (!live) return
    this.live = undefined
    // What the replica has not read is lost with the connection.
    this.publisher.detach()
  }

  /** One thing happens. */
  step(): void {
    const { chance, live } = this
    for (const timer of this.timers) {
      if (--timer.ms > 0) continue
      this.timers.delete(timer)
      timer.call()
    }
    if (!live) return this.connect()
    if (this.badWeather && chance.chance(0.03)) return this.breakOff()
    if (this.stray.length > 0 && chance.chance(0.3)) {
      this.group.apply(this.stray.shift() as Publish)
      return
    }
    live.inbox.shift()?.()
  }

  private serve(publish: Publish): void {
    const { chance, publisher } = this
    const { sequence, events } = publish
    const refuse = (more: Omit<Refused, 'op' | 'sequence' | 'count' | 'detail'>): void =>
      publisher.refused({ op: 'refused', sequence, count: events.length, detail: 'no', ...more })
    const known = (this.group.expects(publish.id) ?? 0) >= sequence + events.length
    const wrong = events.flatMap((event, i) => (event.includes('bad') ? [i] : []))
    if (wrong.length > 0 && !known) {
      const errors = wrong.map((i) => ({ path: `/${i}/x`, message: 'is bad' }))
      return refuse({ code: 'INVALID_EVENT', outcome: 'not-published', ...(chance.chance(0.7) && { errors }) })
    }
    if (this.badWeather && chance.chance(0.1)) {
      return refuse({ code: chance.pick(['OVERLOADED', 'NOT_PRIMARY']), outcome: 'not-published', retryAfterMs: 0 })
    }
    if (this.badWeather && chance.chance(0.05)) {
      // Given up by the replica, and maybe in after all.
      if (chance.chance(0.5)) this.stray.push(publish)
      return refuse({ code: 'NOT_PRIMARY', outcome: 'unknown', retryAfterMs: 0 })
    }
    if (this.badWeather && chance.chance(0.05)) {
      // In, and the connection breaks before the answer.
      if (chance.chance(0.5)) this.group.apply(publish)
      else this.stray.push(publish)
      return this.breakOff()
    }
    const applied = this.group.apply(publish)
    if ('expected' in applied) return refuse({ code: 'CONFLICT', outcome: 'not-published', expected: applied.expected })
    publisher.published('h', [
      [sequence, events.length, applied.seq || null, applied.seq || null, applied.duplicate ? 1 : 0],
    ])
  }
}

test('any weather: what is resolved is in once and in order, what is rejected is what was wrong', async (t) => {
  t.timeout(60_000)
  let duplicates = 0
  let gathered = 0
  for (let seed = 1; seed <= 40; seed++) {
    const world = new World(seed)
    const { chance, publisher } = world
    const results: Promise<[string, 'in' | LockstepError]>[] = []
    const names: string[] = []
    for (let n = 1; n <= 60; n++) {
      const name = chance.chance(0.05) ? `bad ${n}` : `event ${n}`
      const topic = chance.chance(0.5) ? 'a' : 'b'
      names.push(name)
      const published = publisher.publish(topic, encodeRecord({ data: Buffer.from(name) }), undefined)
      results.push(
        published.then(
          () => [name, 'in'],
          (error: LockstepError) => [name, error],
        ),
      )
      for (let i = chance.whole(0, 4); i > 0; i--) world.step()
      await turn()
    }
    world.heal()
    for (let i = 0; i < 20_000 && !publisher.idle; i++) {
      world.step()
      if (i % 5 === 0) await turn()
    }
    t.true(publisher.idle, `seed ${seed}: something is never answered`)
    gathered += world.gathered
    const { order } = world.group
    t.is(new Set(order).size, order.length, `seed ${seed}: something is in twice`)
    t.deepEqual(
      order,
      names.filter((name) => order.includes(name)),
      `seed ${seed}: the order is that of publishing`,
    )
    for (const [name, result] of await Promise.all(results)) {
      if (result === 'in') t.true(order.includes(name), `seed ${seed}: ${name} is said to be in`)
      else {
        t.true(result.outcome === 'unknown' || !order.includes(name), `seed ${seed}: ${name} is said not to be in`)
        t.true(name.startsWith('bad') || result.outcome === 'unknown', `seed ${seed}: ${name}: ${result.message}`)
        if (result.outcome === 'unknown') duplicates++
      }
    }
  }
  t.true(gathered > 20, `${gathered} messages of several publishes`)
  t.log(`${duplicates} outcomes unknown, ${gathered} messages of several publishes`)
})

/** A publisher that is known to its replica, and what it sent: the numbers of events in each publish of each message. */
function attached(bytesMax: number, limits: Partial<Limits> = {}): { publisher: Publisher; sent: number[][] } {
  const host = { unhappy() {}, random: () => 0.5, after: () => () => {} }
  const publisher = new Publisher({ id: 'p', mintId: undefined, bytesMax, stopAtRefusal: false }, host)
  const sent: number[][] = []
  const link: PublisherLink = {
    say() {},
    send: (message) => sent.push(readPublishes(Buffer.from(message)).map(({ count }) => count)),
  }
  publisher.attach(link, { ...LIMITS, publishEventsMax: 10_000, ...limits }, 'h')
  publisher.greeted('p', 1)
  return { publisher, sent }
}

test('many small events, one after another: each leaves at once until 64 messages are not answered, then they gather', async (t) => {
  const { publisher, sent } = attached(1e6)
  const record = encodeRecord({ data: Buffer.from('1') })
  const first = publisher.publish('a', record, undefined)
  await turn()
  publisher.greeted('p', 1)
  for (let n = 2; n <= 1000; n++) {
    void publisher.publish('a', record, undefined)
    await turn()
  }
  t.deepEqual(sent, Array(64).fill([1]))
  publisher.published('h', [[1, 1, 1, 1, 0]])
  await first
  t.deepEqual(sent.slice(64), [[936]])
})

test('events of many topics gather in one message, up to 500 publishes under way, and all are answered', async (t) => {
  const { publisher, sent } = attached(1e7, { publishesMax: 1000 })
  const record = encodeRecord({ data: Buffer.from('1') })
  const answers = Array.from({ length: 750 }, (_, i) => publisher.publish(`t${i % 300}`, record, undefined))
  await turn()
  t.deepEqual(sent, [Array(500).fill(1)])
  publisher.published('h', [
    [1, 1, 1, 1, 0],
    [2, 1, 2, 1, 0],
  ])
  t.deepEqual(sent.slice(1), [[1, 1]], 'as many go as were answered')
  publisher.published(
    'h',
    Array.from({ length: 500 }, (_, i) => [3 + i, 1, 3 + i, 1, 0] as const),
  )
  t.deepEqual(sent.slice(2), [Array(248).fill(1)])
  publisher.published(
    'h',
    Array.from({ length: 248 }, (_, i) => [503 + i, 1, 503 + i, 1, 0] as const),
  )
  t.true(publisher.idle)
  t.deepEqual(
    (await Promise.all(answers)).map(({ seq }) => seq),
    Array.from({ length: 750 }, (_, i) => i + 1),
  )
})

test('events of many topics: a message is not larger than others, and holds one publish where a replica takes no more', async (t) => {
  const record = encodeRecord({ data: Buffer.from(`"${'x'.repeat(1000)}"`) })
  for (const [publishesMax, first] of [
    [1000, [...Array(48).fill(1)]],
    [20, [...Array(20).fill(1)]],
    [undefined, [1]],
  ] as const) {
    const { publisher, sent } = attached(1e7, publishesMax === undefined ? {} : { publishesMax })
    for (let i = 0; i < 100; i++) void publisher.publish(`t${i}`, record, undefined)
    await turn()
    t.deepEqual(sent[0], first)
    t.is(sent.flat().length, publishesMax === undefined ? 64 : 100)
  }
})

test('one of several publishes of a message is refused: the others are in, and it alone is told', async (t) => {
  const { publisher, sent } = attached(1e7, { publishesMax: 1000 })
  const record = encodeRecord({ data: Buffer.from('1') })
  const [one, two, three] = ['a', 'b', 'c'].map((topic) => publisher.publish(topic, record, undefined)) as [
    Promise<Published>,
    Promise<Published>,
    Promise<Published>,
  ]
  await turn()
  t.deepEqual(sent, [[1, 1, 1]])
  const no = { op: 'refused', count: 1, detail: 'no', outcome: 'not-published' } as const
  publisher.refused({ ...no, sequence: 2, code: 'NOT_FOUND' })
  publisher.refused({ ...no, sequence: 3, code: 'CONFLICT', expected: 2 })
  t.is(sent.length, 1, 'nothing goes before all of it is answered')
  publisher.published('h', [[1, 1, 1, 1, 0]])
  t.is((await t.throwsAsync<LockstepError>(two)).code, 'NOT_FOUND')
  t.deepEqual(sent.slice(1), [[1]], 'what followed goes again, under the number that is free')
  publisher.published('h', [[2, 1, 2, 1, 0]])
  t.deepEqual([(await one).seq, (await three).seq], [1, 2])
})

test('a topic whose name no message has a place for is refused at once, and is not in the way of others', async (t) => {
  const { publisher, sent } = attached(1e6)
  const record = encodeRecord({ data: Buffer.from('1') })
  for (const topic of ['x'.repeat(256), 'ü'.repeat(128)]) {
    const error = await t.throwsAsync<LockstepError>(publisher.publish(topic, record, undefined))
    t.like(error, { code: 'MALFORMED', outcome: 'not-published' })
  }
  for (const topic of ['x'.repeat(255), 'a']) void publisher.publish(topic, record, undefined)
  await turn()
  t.deepEqual(sent, [[1], [1]])
})

test('many small events, not answered: they take more than their bytes, and are limited by that', async (t) => {
  const { publisher } = attached(100_000)
  const record = encodeRecord({ data: Buffer.from('1') })
  const results = Array.from({ length: 1000 }, () => publisher.publish('a', record, undefined))
  const full = (await Promise.allSettled(results.slice(-1)))[0] as PromiseRejectedResult
  t.like(full.reason, { code: 'FULL' })
  publisher.close()
  const codes = (await Promise.allSettled(results)).map((one) => (one as PromiseRejectedResult).reason.code)
  t.true(codes.filter((code) => code === 'ABORTED').length < 300, 'some 200 wait')
})

test('a copy sent on another connection answers the later ones first: none is left waiting', async (t) => {
  const publisher = new Publisher(
    { id: 'p', mintId: undefined, bytesMax: 1e6, stopAtRefusal: false },
    { unhappy: () => t.fail(), random: () => 0.5, after: () => () => {} },
  )
  publisher.attach({ say: () => {}, send: () => {} }, LIMITS, 'h')
  publisher.greeted('p', 1)
  const seqs = ['t', 'u', 'v'].map(async (topic) => {
    const { seq } = await publisher.publish(topic, encodeRecord({ data: Buffer.from('1') }), undefined)
    return seq
  })
  await turn()
  publisher.published('h', [[2, 1, 12, 1, 1]])
  publisher.published('h', [[3, 1, 13, 1, 1]])
  t.false(publisher.idle)
  publisher.published('h', [[1, 1, 11, 1, 0]])
  t.true(publisher.idle)
  t.deepEqual(await Promise.all(seqs), [11, 12, 13])
})

test('ready: at once while little waits, then when enough of it is answered, however much may wait', async (t) => {
  const host = { unhappy: () => {}, random: () => 0, after: () => () => {} }
  for (const { bytesMax, readyBytes } of [
    { bytesMax: 64 * MIB, readyBytes: 4 * MIB },
    { bytesMax: 2 * MIB, readyBytes: MIB },
  ]) {
    const publisher = new Publisher({ id: 'p', mintId: undefined, bytesMax, stopAtRefusal: false }, host)
    publisher.attach({ say: () => {}, send: () => {} }, LIMITS, 'h')
    publisher.greeted('p', 1)
    const record = new Uint8Array(MIB / 4 - 500) // What waits costs its bytes and 500 besides.
    const most = (4 * readyBytes) / MIB
    let isReady = false
    const look = (): void =>
      void publisher.ready().then(() => {
        isReady = true
      })
    for (let i = 0; i < most; i++) void publisher.publish('a', record, undefined)
    look()
    await turn()
    t.true(isReady, `${readyBytes} bytes wait`)
    isReady = false
    for (let i = 0; i < 2; i++) void publisher.publish('a', record, undefined)
    look()
    publisher.published('h', [[1, 1, 1, 1, 0]])
    await turn()
    t.false(isReady, 'one more waits')
    publisher.published('h', [[2, 1, 2, 2, 0]])
    await turn()
    t.true(isReady)
  }
})
