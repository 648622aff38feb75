// The streaming protocol over real WebSockets, against a replica in memory: what clients/PROTOCOL.md says, line by line.

import { once } from 'node:events'
import test from 'ava'
import { WebSocket } from 'ws'
import { frameHead } from '../../broker/http/stream/frame.ts'
import { encodePublishes, encodeRecord } from '../../clients/src/wire.ts'
import { sendJson, serve } from './served.ts'
import { StreamClient } from './stream-client.ts'

const TYPED = { schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } }
const CREDIT = 1_000_000
const dataOf = ({ data }: { data: unknown }): unknown => data

test('another path, or no subprotocol of ours: refused with a sentence', async (t) => {
  const { url } = await serve(t)
  const refused = async (path: string, protocol?: string): Promise<number> => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocol)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
    socket.on('error', () => {}).terminate()
    return response.statusCode
  }
  t.is(await refused('/v1/stream'), 400)
  t.is(await refused('/v1/stream', 'lockstep.v9'), 400)
  t.is(await refused('/v1/nowhere', 'lockstep.v1'), 404)
})

test('a stream opens: welcome says who it is, where the others are, and what is taken', async (t) => {
  const { url } = await serve(t)
  const client = await StreamClient.open(t, url)
  const [welcome] = client.heard as Record<string, unknown>[]
  t.like(welcome, {
    op: 'welcome',
    history: 'cafe01',
    primary: true,
    limits: { publishEventsMax: 10_000, publishesMax: 1000 },
    beatMs: 5000,
  })
  t.is(client.socket.protocol, 'lockstep.v1')
})

test('events published on a stream: published in ranges, and read with their defaults and places', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`, TYPED)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 7, topics: ['orders'], from: 'start', credit: CREDIT })
  t.like(await client.next('subscribed'), { sub: 7, history: 'cafe01', seq: 0 })
  client.say({ op: 'publisher', id: 'p1' })
  t.deepEqual(await client.next('publisher'), { op: 'publisher', id: 'p1', next: null })
  client.publish('orders', 1, [{ n: 1 }, { n: 2 }])
  client.publish('orders', 3, [{ n: 3 }])
  t.deepEqual(await client.next('published'), { op: 'published', history: 'cafe01', ranges: [[1, 3, 1, 1, 0]] })
  const events = [...(await client.next('events')).events]
  while (events.length < 3) events.push(...(await client.next('events')).events)
  t.deepEqual(events.map(dataOf), [{ n: 1 }, { n: 2 }, { n: 3 }])
  t.like(events[2], { seq: 3, offset: 3, topic: 'orders', id: 'cafe01-3', type: 'orders', source: '/topics/orders' })
  t.like(events[2], { publisher: 'p1', schemaVersion: 1, key: undefined })

  client.say({ op: 'publisher', id: 'p1' })
  t.like(await client.next('publisher'), { next: 4 })
  client.publish('orders', 1, [{ n: 1 }, { n: 2 }])
  t.deepEqual((await client.next('published')).ranges, [[1, 2, 1, 1, 1]], 'a retry finds its first copy')
})

test('an event that does not fit its schema: refused by its number, with paths; what follows is told what is next', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`, TYPED)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p1' })
  client.publish('orders', 1, [{ n: 1 }])
  client.publish('orders', 2, [{ n: 2 }, { n: 'two' }])
  client.publish('orders', 4, [{ n: 4 }])
  const refused = await client.next('refused')
  t.like(refused, { sequence: 2, count: 2, code: 'INVALID_EVENT', outcome: 'not-published' })
  t.deepEqual(
    refused.errors.map(({ path }: { path: string }) => path),
    ['/1/n'],
  )
  t.like(await client.next('refused'), { sequence: 4, code: 'CONFLICT', expected: 2, outcome: 'not-published' })
  client.publish('nowhere', 2, [{}])
  t.like(await client.next('refused'), { sequence: 2, code: 'NOT_FOUND', outcome: 'not-published' })
})

test('several publishes in one message: numbered on, each all or nothing, each answered as if it had come alone', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`, TYPED)
  await sendJson('PUT', `${url}/v1/topics/notes`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p1' })
  client.publishMany(5, [
    ['orders', [{ n: 1 }, { n: 2 }]],
    ['notes', ['Grüße']],
    ['notes', [{}, {}, {}]],
    ['orders', [{ n: 3 }, { n: 'four' }]],
    ['notes', [{}]],
  ])
  t.deepEqual((await client.next('published')).ranges, [
    [5, 2, 1, 1, 0],
    [7, 4, 3, 1, 0],
  ])
  const invalid = await client.next('refused')
  t.like(invalid, { sequence: 11, count: 2, code: 'INVALID_EVENT', errors: [{ path: '/1/n' }] })
  t.like(await client.next('refused'), { sequence: 13, count: 1, code: 'CONFLICT', expected: 11 })
  client.publishMany(5, [
    ['orders', [{ n: 1 }, { n: 2 }]],
    ['notes', ['Grüße']],
    ['notes', [{}, {}, {}]],
  ])
  t.deepEqual((await client.next('published')).ranges, [
    [5, 2, 1, 1, 1],
    [7, 4, 3, 1, 1],
  ])
})

test('several publishes that are none: an error, and none of them is taken', async (t) => {
  const { replica, url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/notes`)
  const whole = encodePublishes(1, [
    { topic: Buffer.from('notes'), records: [encodeRecord({ data: Buffer.from('{}') })] },
    { topic: Buffer.from('notes'), records: [encodeRecord({ data: Buffer.from('{}') })] },
  ])
  const changed = (change: (message: Buffer) => unknown): Buffer => {
    const message = Buffer.from(whole)
    change(message)
    return message
  }
  const second = 9 + 4 + whole[9]!
  const many = encodePublishes(1, Array(1001).fill({ topic: Buffer.from('notes'), records: [Buffer.from('\0{}')] }))
  const wrong: [Uint8Array, RegExp, number][] = [
    [changed((message) => message.writeDoubleLE(-1, 1)), /no whole number/, 1002],
    [changed((message) => message.writeDoubleLE(0.5, 1)), /no whole number/, 1002],
    [changed((message) => message.writeDoubleLE(Number.MAX_SAFE_INTEGER, 1)), /no whole number/, 1002],
    [changed((message) => message.writeUInt32LE(1000, second)), /does not end within it/, 1002],
    [whole.subarray(0, whole.length - 1), /does not end within it/, 1002],
    [whole.subarray(0, second + 3), /no publish/, 1002],
    [changed((message) => message.writeUInt32LE(1, second)), /no publish/, 1002],
    [changed((message) => message.writeUInt8(9, 0)), /begins with 1 or 4/, 1002],
    [Buffer.alloc(0), /begins with 1 or 4/, 1002],
    [many, /publishesMax = 1000/, 1008],
  ]
  for (const [message, says, code] of wrong) {
    const client = await StreamClient.open(t, url)
    client.say({ op: 'publisher', id: 'p' })
    client.socket.send(message)
    t.regex((await client.next('error')).detail, says)
    t.is(await client.closed, code)
  }
  t.is(replica.requests.length, 0)
  t.is(replica.seq, 0)
})

test('credit: no more is sent than was given but for one message, and it goes on when there is more', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p1' })
  for (let n = 1; n <= 50; n++) client.publish('orders', n, [{ n, filler: 'x'.repeat(1000) }])
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], from: 'start', credit: 5000 })
  client.say({ op: 'ping', id: 'all is said' })
  const got = (): number =>
    client.heard.reduce((sum, one) => sum + (one.op === 'events' ? (one['events'] as unknown[]).length : 0), 0)
  await client.next('pong')
  client.say({ op: 'ping', id: 'again' })
  await client.next('pong')
  const first = got()
  t.true(first >= 4 && first <= 10, `${first} events for 5000 bytes`)
  while (got() < 50) {
    client.say({ op: 'credit', sub: 1, bytes: 20_000 })
    await client.next('events')
  }
  t.pass()
})

test('nothing matches: beats tell how far everything was looked at', async (t) => {
  const { url, beat } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  await sendJson('PUT', `${url}/v1/topics/other`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 3, topics: ['orders'], credit: CREDIT })
  await client.next('subscribed')
  await sendJson('POST', `${url}/v1/topics/other/events`, { n: 1 })
  client.say({ op: 'ping', id: 1 })
  await client.next('pong')
  beat()
  t.deepEqual(await client.next('progress'), { op: 'progress', history: 'cafe01', marks: [[3, 1]] })
  beat()
  beat()
  t.deepEqual(await client.next('beat'), { op: 'beat' }, 'there is nothing new to tell')
})

test('the end of what there is: told once, at once, though only other topics have come', async (t) => {
  const { url } = await serve(t)
  for (const topic of ['orders', 'other']) await sendJson('PUT', `${url}/v1/topics/${topic}`)
  await sendJson('POST', `${url}/v1/topics/orders/events`, { n: 1 })
  await sendJson('POST', `${url}/v1/topics/other/events`, { n: 2 })
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 3, topics: ['orders'], from: '2', credit: CREDIT })
  t.deepEqual(await client.next('progress'), { op: 'progress', history: 'cafe01', marks: [[3, 2]] })
  await sendJson('POST', `${url}/v1/topics/other/events`, { n: 3 })
  client.say({ op: 'ping', id: 2 })
  while ((await client.next('pong'))['id'] !== 2);
  t.is(client.heard.filter(({ op }) => op === 'progress').length, 1, 'the rest is told by beats')
})

test('views and gaps: told in words, at their places', async (t) => {
  const { replica, url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  await sendJson('POST', `${url}/v1/topics/orders/events`, { n: 1 })
  replica.installView({ number: 2, members: [], joined: ['b'], left: [], failed: [] })
  await sendJson('POST', `${url}/v1/topics/orders/events`, { n: 2 })
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], from: 'start', views: true, credit: CREDIT })
  t.deepEqual((await client.next('events')).events.map(dataOf), [{ n: 1 }])
  t.like(await client.next('view'), { sub: 1, seq: 2, number: 2, joined: ['b'] })
  t.deepEqual((await client.next('events')).events.map(dataOf), [{ n: 2 }])
})

test('a resume token of another history: a gap that names the new one, and everything from the start', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  await sendJson('POST', `${url}/v1/topics/orders/events`, { n: 1 })
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], from: 'dead00:17', credit: CREDIT })
  t.like(await client.next('gap'), { sub: 1, reason: 'history-changed', history: 'cafe01' })
  t.deepEqual((await client.next('events')).events.map(dataOf), [{ n: 1 }])
})

test('what is no message of this protocol: an error that says why, and the end', async (t) => {
  const { url } = await serve(t)
  const wrong: [string, (client: StreamClient) => void, RegExp][] = [
    ['no JSON', (client) => client.socket.send('hello'), /not JSON/],
    ['no op', (client) => client.say({}), /an op/],
    ['a credit without bytes', (client) => client.say({ op: 'credit', sub: 1 }), /credit/],
    ['an unknown kind', (client) => client.socket.send(Buffer.from([9, 9])), /begins with 1/],
    ['a publish before the publisher', (client) => client.publish('orders', 1, [{}]), /comes after/],
    [
      'two publishers',
      (client) => {
        client.say({ op: 'publisher', id: 'a' })
        client.say({ op: 'publisher', id: 'b' })
      },
      /one publisher/,
    ],
    [
      'a publish that ends early',
      (client) => {
        client.say({ op: 'publisher', id: 'a' })
        client.socket.send(Buffer.from([1, 200]))
      },
      /no publish/,
    ],
  ]
  for (const [what, act, says] of wrong) {
    const client = await StreamClient.open(t, url)
    act(client)
    t.regex((await client.next('error')).detail, says, what)
    t.is(await client.closed, 1002, what)
  }
})

test('an op of a later version: ignored; a subscription that cannot be: ended with a code, the rest goes on', async (t) => {
  const { url } = await serve(t)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'dance', steps: 3 })
  client.say({ op: 'subscribe', sub: 1, topics: ['a..b'], credit: 1 })
  t.like(await client.next('ended'), { sub: 1, code: 'MALFORMED' })
  client.say({ op: 'subscribe', sub: 1, topics: ['a.b'], credit: 1 })
  t.like(await client.next('subscribed'), { sub: 1 })
  client.say({ op: 'unsubscribe', sub: 1 })
  t.deepEqual(await client.next('ended'), { op: 'ended', sub: 1 })
})

test('records that do not hold together, or texts that are none: refused, each with its path', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p' })
  const data = Buffer.from('{}')
  const good = encodeRecord({ data })
  const records: [Uint8Array, RegExp][] = [
    [Uint8Array.from([64, 0x7b, 0x7d]), /fields/],
    [Uint8Array.from([1, 255, 255, 0, 0]), /ends in its key/],
    [encodeRecord({ data: Buffer.from(`${'['.repeat(65)}${']'.repeat(65)}`) }), /nested 65 levels/],
    [encodeRecord({ data: Buffer.from(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`) }), /nested 65 levels/],
    [encodeRecord({ data: Buffer.from(`${'['.repeat(65)}"ü"${']'.repeat(65)}`) }), /nested 65 levels/],
    [encodeRecord({ data: Buffer.from('') }), /empty/],
    [encodeRecord({ data: Buffer.from('{') }), /not JSON/],
    [encodeRecord({ data: Buffer.from('{"ü"') }), /not JSON/],
    [encodeRecord({ data: Buffer.from([0x22, 0xff, 0x22]) }), /UTF-8/],
    [encodeRecord({ data, id: 'a\u0007' }), /control/],
    [encodeRecord({ data, time: 'yesterday' }), /RFC 3339/],
    [encodeRecord({ data, extensions: { Loud: 1 } }), /lower-case/],
    [encodeRecord({ data, extensions: { source: 'x' } }), /field of its own/],
    [encodeRecord({ data, extensions: { datacontenttype: 'text/xml' } }), /application\/json/],
  ]
  for (const [record, says] of records) {
    client.publishRecords('orders', 1, [good, record])
    const refused = await client.next('refused')
    t.is(refused.code, 'MALFORMED')
    t.regex(refused.errors[0].path, /^\/1/)
    t.regex(`${refused.detail} ${refused.errors[0].message}`, says)
  }
  client.publishRecords('orders', 1, [encodeRecord({ data, key: 'k', id: 'i', type: 't', extensions: { tone: 3 } })])
  await client.next('published')
})

test('a client that publishes and reads no answers: is not read from, so little is kept for it', async (t) => {
  const { url, server } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p' })
  await client.next('publisher')
  client.socket.pause()
  // Each is answered by a refusal of some 200 bytes.
  for (let i = 0; i < 60_000; i++) client.publish('nowhere', 1, [{}])
  let most = 0
  for (let still = 0, last = -1; still < 20; ) {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, server.webSockets.pendingBytes)
    still = client.socket.bufferedAmount === last && last > 0 ? still + 1 : 0
    last = client.socket.bufferedAmount
    if (last === 0) break
  }
  t.true(most < 2 * 1024 * 1024, `${most} bytes unsent`)
})

test('the replica stops: goodbye, publishes under way are answered, no new ones are taken', async (t) => {
  const { replica, url, server } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/orders`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p' })
  await client.next('publisher')
  let open = (): void => {}
  replica.gate = new Promise((resolve) => {
    open = resolve
  })
  client.publish('orders', 1, [{ n: 1 }])
  client.say({ op: 'ping', id: 1 })
  await client.next('pong')
  const stopped = server.close(5000)
  await client.next('goodbye')
  client.publish('orders', 2, [{ n: 2 }])
  t.like(await client.next('refused'), { sequence: 2, code: 'NOT_PRIMARY', outcome: 'not-published' })
  open()
  t.like(await client.next('published'), { ranges: [[1, 1, 1, 1, 0]] })
  t.is(await client.closed, 1001)
  await stopped
})

test('a client says that it lost a member: the replica is told once', async (t) => {
  const lost: string[] = []
  const { url } = await serve(t, {}, { onLost: (incarnation) => lost.push(incarnation) })
  const client = await StreamClient.open(t, url)
  client.say({ op: 'lost', incarnation: 'f01' })
  client.say({ op: 'lost', incarnation: 'f02' })
  client.say({ op: 'ping', id: 1 })
  await client.next('pong')
  t.deepEqual(lost, ['f01'])
})

test('the head of a frame, where its form changes', (t) => {
  const heads: [number, string][] = [
    [0, '8200'],
    [125, '827d'],
    [126, '827e007e'],
    [65_535, '827effff'],
    [65_536, '827f0000000000010000'],
    [2 ** 32 + 5, '827f0000000100000005'],
  ]
  for (const [length, head] of heads) t.is(frameHead('binary', length).toString('hex'), head, `${length} bytes`)
})

/** Of a message with one event in the topic `a`, besides the data: its head, the block's, a table of one, the flags. */
const BESIDES_DATA = 17 + 43 + 4 + 1
const dataFor = (messageBytes: number): Buffer => {
  const length = messageBytes - BESIDES_DATA - 2
  return Buffer.from(`"${'0123456789abc'.repeat(Math.ceil(length / 13)).slice(0, length)}"`)
}

test('events in frames of each form, with copied and with shared bytes: they arrive as they were published', async (t) => {
  const { replica, url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/a`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 1, topics: ['a'], credit: CREDIT })
  await client.next('subscribed')
  for (const bytes of [100, 125, 126, 127, 4159, 4160, 4161, 65_535, 65_536, 65_537, 200_000]) {
    const data = dataFor(bytes)
    await replica.publish({ topic: 'a', events: [{ data }] })
    const { bytes: came, events } = await client.next('events')
    t.is(came, bytes)
    t.deepEqual(events.map(dataOf), [JSON.parse(String(data))], `${bytes} bytes`)
  }
})

test('events, texts, pongs and the end on a socket that is full: no frame comes into another one', async (t) => {
  const { replica, url, server } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/a`)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 1, topics: ['a'], credit: 60_000_000 })
  await client.next('subscribed')
  const pongs: string[] = []
  client.socket.on('pong', (data) => pongs.push(String(data)))
  client.socket.pause()
  const published: string[] = []
  let most = 0
  for (let n = 0; n < 600; n++) {
    const data = dataFor(n % 3 === 0 ? 100 : 30_000 + n)
    published.push(String(data))
    await replica.publish({ topic: 'a', events: [{ data }] })
    if (n % 30 === 0) {
      client.say({ op: 'ping', id: n })
      client.socket.ping(String(n))
    }
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, server.webSockets.pendingBytes)
  }
  t.true(most > 0, 'the socket was never full: publish more')
  t.true(most < 256 * 1024, `${most} bytes unsent`)
  client.socket.resume()
  const texts: string[] = []
  while (texts.length < published.length)
    texts.push(...(await client.next('events')).events.map((event: { data: unknown }) => JSON.stringify(event.data)))
  t.true(
    texts.every((text, i) => text === published[i]),
    'all of it, in order, to the byte',
  )
  const asked = Array.from({ length: 20 }, (_, i) => 30 * i)
  for (const id of asked) t.is((await client.next('pong'))['id'], id)
  while (pongs.length < asked.length) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(pongs, asked.map(String))
  await server.close(1000)
  t.is(await client.closed, 1001)
})
