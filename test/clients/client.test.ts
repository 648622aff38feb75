// The client library against whole groups: what a program sees while replicas come and go.

import test from 'ava'
import { WebSocket } from 'ws'
import {
  type Client,
  connect,
  type Event,
  type Item,
  LockstepError,
  type WebSocketClass,
} from '../../clients/src/index.ts'
import { serve } from '../http/served.ts'
import { Group } from './group.ts'

interface Order {
  readonly n: number
}

const TYPED = { schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } }

async function take<Data>(items: AsyncIterator<Item<Data>, undefined>, count: number): Promise<Event<Data>[]> {
  const events: Event<Data>[] = []
  while (events.length < count) {
    const { value, done } = await items.next()
    if (done) throw new Error(`it ended after ${events.length} events`)
    if (value.kind === 'gap') throw new Error(`a gap: ${JSON.stringify(value)}`)
    if (value.kind === 'event') events.push(value)
  }
  return events
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

test('a topic of its own type: published, and read at another replica in the same order', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders.new', TYPED)
  const [first, second] = group.urls.slice(0, 2).map((url) => connect({ replicas: url })) as [Client, Client]
  t.teardown(() => {
    first.close()
    second.close()
  })
  const orders = second.topic<Order>('orders.new').subscribe({ from: 'start' })
  const published = await Promise.all(
    numbers(500).map((n) => first.topic<Order>('orders.new').publish({ n }, { key: `k${n}` })),
  )
  t.deepEqual(
    published.map(({ offset }) => offset),
    numbers(500),
  )
  const events = await take(orders, 500)
  t.deepEqual(
    events.map(({ data }) => data.n),
    numbers(500),
  )
  t.like(events[9], { offset: 10, seq: published[9]?.seq, key: 'k10', topic: 'orders.new', type: 'orders.new' })
  t.deepEqual(
    second.cluster?.view.members.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
})

test('one event of many does not fit its schema: it alone is refused, and the others keep their order', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders', TYPED)
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const orders = client.topic<unknown>('orders')
  const results = await Promise.allSettled([
    orders.publish({ n: 1 }),
    orders.publish({ n: 'two' }),
    client.topic('nowhere').publish({}),
    orders.publish({ n: 3 }),
    orders.publish('four'),
    ...numbers(100).map((n) => orders.publish({ n: 100 + n })),
  ])
  const refused = results.flatMap((result, i) =>
    result.status === 'rejected' ? [[i, result.reason as LockstepError] as const] : [],
  )
  t.deepEqual(
    refused.map(([i, { code, outcome }]) => [i, code, outcome]),
    [
      [1, 'INVALID_EVENT', 'not-published'],
      [2, 'NOT_FOUND', 'not-published'],
      [4, 'INVALID_EVENT', 'not-published'],
    ],
  )
  t.deepEqual(
    refused[0]?.[1].errors.map(({ path }) => path),
    ['/n'],
  )
  const events = await take(orders.subscribe({ from: 'start' }), 102)
  t.deepEqual(
    events.map(({ data }) => (data as Order).n),
    [1, 3, ...numbers(100).map((n) => 100 + n)],
  )
})

test('the replica is killed under load: nothing is lost, nothing comes twice, and the order is the same for all', async (t) => {
  t.timeout(60_000)
  const group = await Group.start(t)
  await group.putTopic('load')
  const clients = numbers(3).map(() => connect({ replicas: group.urls }))
  t.teardown(() => clients.forEach((client) => void client.close()))
  const readers = clients.map((client) => client.topic<string>('load').subscribe({ from: 'start' }))
  const all: Promise<Event<string>[]>[] = readers.map((reader) => take(reader, 1500))

  const published = clients.map(async (client, i) => {
    for (let n = 1; n <= 500; n += 5)
      await Promise.all(numbers(5).map((k) => client.publish('load', `${i}-${n + k - 1}`)))
  })
  const attached = clients[0]?.cluster?.replica ?? 'a'
  await group.of(attached).kill()
  group.replicas.delete(attached)
  await Promise.all(published)
  const [one, two, three] = (await Promise.all(all)).map((events) => events.map(({ seq, data }) => `${seq} ${data}`))
  t.deepEqual(two, one)
  t.deepEqual(three, one)
  t.is(new Set(one?.map((text) => text.split(' ')[1])).size, 1500)
  for (const i of [0, 1, 2])
    t.deepEqual(
      one?.map((text) => text.split(' ')[1] as string).filter((text) => text.startsWith(`${i}-`)),
      numbers(500).map((n) => `${i}-${n}`),
      'each in its own order',
    )
})

test('a program that reads slowly: only so much waits for it, and it misses nothing', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('big')
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const filler = 'x'.repeat(10_000)
  for (let n = 1; n <= 200; n++) void client.publish('big', { n, filler })
  await client.flushed()
  const reader = client.topic<Order>('big').subscribe({ from: 'start', bufferBytes: 50_000 })
  const [first] = await take(reader, 1)
  t.is(first?.data.n, 1)
  t.is(reader.token, `${client.cluster?.history}:${first?.seq}`)
  const rest = await take(reader, 199)
  t.deepEqual(
    rest.map(({ data }) => data.n),
    numbers(200).slice(1),
  )
})

test('by callback: all that has come at a time, the next when the last is done with, nothing twice, and it ends', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  for (const n of numbers(500)) void client.publish('orders', { n })
  await client.flushed()
  const stop = new AbortController()
  const seen: number[] = []
  let busy = false
  let calls = 0
  const done = client.topic<Order>('orders').subscribe({ from: 'start', bufferBytes: 4096, signal: stop.signal })
  await done.each(async (items) => {
    t.false(busy, 'one call at a time')
    busy = true
    calls++
    for (const item of items) if (item.kind === 'event') seen.push(item.data.n)
    await new Promise((resolve) => setImmediate(resolve))
    busy = false
    if (seen.length === 500) stop.abort()
  })
  t.deepEqual(seen, numbers(500))
  t.true(calls < 250, `${calls} calls`)

  const failing = client.topic('orders').subscribe({ from: 'start' })
  await t.throwsAsync(
    failing.each(() => {
      throw new RangeError('enough')
    }),
    { instanceOf: RangeError },
  )
  t.like(await failing.next(), { done: true }, 'it is closed')
  const wrong = client.subscribe(['a..b']).each(() => {})
  t.like(await t.throwsAsync(wrong), { code: 'MALFORMED' })
})

test('a token: another program goes on after it', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  await Promise.all(numbers(10).map((n) => client.publish('orders', { n })))
  const first = client.topic<Order>('orders').subscribe({ from: 'start' })
  const [, , third] = await take(first, 3)
  first.close()
  const events = await take(client.topic<Order>('orders').subscribe({ from: third?.token }), 7)
  t.deepEqual(
    events.map(({ data }) => data.n),
    [4, 5, 6, 7, 8, 9, 10],
  )
})

test('until a place: everything up to there, and the end, though what came last is of another topic', async (t) => {
  const group = await Group.start(t, 1)
  for (const topic of ['orders', 'other']) await group.putTopic(topic)
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const published = await Promise.all(numbers(10).map((n) => client.publish('orders', { n })))
  const { seq: last } = await client.publish('other', {})
  const read = async (from: number | 'start', until: number): Promise<number[]> => {
    const found: number[] = []
    for await (const item of client.subscribe<Order>(['orders'], { from, until }))
      found.push(item.kind === 'event' ? item.data.n : Number.NaN)
    return found
  }
  t.deepEqual(await read('start', last!), numbers(10))
  t.deepEqual(await read('start', published[3]!.seq!), [1, 2, 3, 4])
  t.deepEqual(await read(published[8]!.seq!, last!), [9, 10])
  t.deepEqual(await read(last!, last!), [], 'nothing of it matches')
  t.deepEqual(await read(last! + 1, last!), [], 'it ends before it begins')
  const old = client.subscribe<Order>(['orders'], { from: 'dead00:17', until: last! })
  t.like(await old.next(), { done: false, value: { kind: 'gap', reason: 'history-changed' } })
  t.is((await take(old, 10)).length, 10, 'a token of another history: it is until a place of this one')
  t.like(await old.next(), { done: true })
  const later = read('start', last! + 2)
  await client.publish('orders', { n: 11 })
  await client.publish('orders', { n: 12 })
  await client.publish('orders', { n: 13 })
  t.deepEqual(await later, numbers(12), 'what is to come is waited for')
})

test('closed, aborted, full: each is said with what is known of the event', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  const away = connect({ replicas: 'http://127.0.0.1:1', publishBytesMax: 100 })
  t.teardown(() => away.close())
  const given = new AbortController()
  const waiting = away.publish('orders', { n: 1 }, { signal: given.signal })
  given.abort()
  t.like(await t.throwsAsync(waiting, { instanceOf: LockstepError }), { code: 'ABORTED', outcome: 'not-published' })
  const many = numbers(30).map((n) => away.publish('orders', { n }))
  const full = (await Promise.allSettled(many.slice(-1)))[0] as PromiseRejectedResult
  t.like(full.reason, { code: 'FULL', outcome: 'not-published' })
  away.close()
  t.like(await t.throwsAsync(many[0] as Promise<unknown>), { code: 'ABORTED' })
  for (const one of many) await t.throwsAsync(one)
  t.like(await t.throwsAsync(away.publish('orders', {})), { code: 'ABORTED' })

  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const wrong = client.subscribe(['a..b'])
  t.like(await t.throwsAsync(wrong.next()), { code: 'MALFORMED' })
  const ended = client.subscribe(['orders'])
  const next = ended.next()
  ended.close()
  t.deepEqual(await next, { done: true, value: undefined })
})

test('its replica is gone without a word: the next one is told which; after a goodbye it is not', async (t) => {
  const lost: string[] = []
  const all = await Promise.all(
    ['f01', 'f02'].map(async (incarnation) => {
      const served = await serve(t, {}, { onLost: (gone) => lost.push(`${gone} to ${incarnation}`) })
      served.replica.incarnation = incarnation
      return served
    }),
  )
  const sockets: WebSocket[] = []
  class Kept extends WebSocket {
    constructor(url: string, subprotocol: string) {
      super(url, subprotocol)
      sockets.push(this)
    }
  }
  const client = connect({ replicas: all.map(({ url }) => url), WebSocket: Kept as WebSocketClass })
  t.teardown(() => client.close())
  const at = async (isThere: (incarnation: string) => boolean): Promise<string> => {
    while (!isThere(client.cluster?.incarnation ?? '')) await new Promise((resolve) => setImmediate(resolve))
    return client.cluster!.incarnation
  }
  const first = await at((incarnation) => incarnation !== '')
  sockets.at(-1)!.terminate()
  const second = await at((incarnation) => incarnation !== first)
  while (lost.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(lost, [`${first} to ${second}`])
  await all.find(({ replica }) => replica.incarnation === second)!.server.close(1000)
  await at((incarnation) => incarnation === first)
  // What it says first has come when this is answered.
  await t.throwsAsync(client.publish('none', 1), { message: /no topic none/ })
  t.is(lost.length, 1)
})
