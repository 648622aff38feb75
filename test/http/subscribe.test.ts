import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { compileSchema, eventually, post, type Served, Subscriber, send, sendJson, serve } from './served.ts'

interface ServedTopic extends Served {
  /** Publishes one event and resolves when the answer is there. */
  publish(data: string, topic?: string): Promise<void>
  open(query: string, headers?: Record<string, string>): Promise<Subscriber>
}

async function serveTopics(t: ExecutionContext): Promise<ServedTopic> {
  const served = await serve(t)
  for (const topic of ['a', 'b', 'a.x', 'a.x.y']) await sendJson('PUT', `${served.url}/v1/topics/${topic}`)
  return {
    ...served,
    async publish(data, topic = 'a') {
      const { status } = await post(`${served.url}/v1/topics/${topic}/events`, 'application/json', data)
      t.is(status, 200)
    },
    open: (query, headers) => Subscriber.open(t, `${served.url}/v1/events?${query}`, headers),
  }
}

function seqs(subscriber: Subscriber): number[] {
  return subscriber.data().map(({ seq }) => seq)
}

test('a stream begins at once, says how to come back, and cannot be held up by caches', async (t) => {
  const { open } = await serveTopics(t)
  const subscriber = await open('topics=a')
  await subscriber.until('the beginning', ({ text }) => text.includes('id: '))
  t.is(subscriber.text, 'retry: 1000\n: lockstep\n\nid: cafe01:0\n\n')
  t.like(subscriber.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
  })
})

test('events come as they are published, each as its schema says, with its token as id', async (t) => {
  const { open, publish, url } = await serveTopics(t)
  const subscriber = await open('topics=a,b')
  await publish('{"n":1.0}')
  await publish('[]', 'b')
  const ce = { specversion: '1.0', id: 'e', source: '/s', type: 't', time: '2026-01-01T00:00:00Z', ext: 1, data: 'x' }
  await post(`${url}/v1/topics/a/events`, 'application/cloudevents+json', JSON.stringify(ce), {
    'Lockstep-Publisher': 'p',
    'Lockstep-Sequence': '1',
    'Lockstep-Key': 'k',
  })
  await subscriber.events(3)
  t.deepEqual(
    subscriber.messages.map(({ id, event }) => [id, event]),
    [
      ['cafe01:1', 'event'],
      ['cafe01:2', 'event'],
      ['cafe01:3', 'event'],
    ],
  )
  t.is(
    subscriber.messages[0]?.data,
    '{"seq":1,"offset":1,"topic":"a","id":"cafe01-1","type":"a","source":"/topics/a",' +
      '"time":"2026-01-31T12:00:00.000Z","key":null,"schemaVersion":0,"publisher":null,"data":{"n":1.0}}',
  )
  t.like(subscriber.data()[2], { id: 'e', source: '/s', key: 'k', publisher: 'p', extensions: { ext: 1 }, data: 'x' })
  const isEvent = compileSchema('event.schema.json')
  for (const event of subscriber.data()) t.true(isEvent(event), JSON.stringify(isEvent.errors))
})

test('data are copied to the byte; their line ends make several data lines', async (t) => {
  const { open, publish } = await serveTopics(t)
  const spellings = [
    '12345678901234567890',
    '1E400',
    '"\\u0041\u2028\\ud800"',
    '{ "a" :\t-0.0 }',
    '{"data":{"id":": x"}}',
  ]
  const lines = '{\r\n "a":\r1,\n\n"b":"id: 7"}'
  for (const data of [...spellings, lines]) await publish(data)
  const subscriber = await open('topics=a&from=start')
  await subscriber.events(6)
  for (const [index, data] of spellings.entries()) {
    t.true(subscriber.messages[index]?.data.endsWith(`,"data":${data}}`), data)
  }
  t.true(subscriber.messages[5]?.data.endsWith(',"data":{\n "a":\n1,\n\n"b":"id: 7"}}'))
  t.deepEqual(subscriber.data()[5].data, { a: 1, b: 'id: 7' })
  t.false(subscriber.text.includes('\r'))
})

test('from: each way leads to the right event, and Last-Event-ID goes first', async (t) => {
  const { open, publish, url } = await serveTopics(t)
  const at = async (time: string) => {
    const event = { specversion: '1.0', id: 'e', source: '/s', type: 't', time, data: 1 }
    await post(`${url}/v1/topics/a/events`, 'application/cloudevents+json', JSON.stringify(event))
  }
  for (const day of ['01', '02', '03']) await at(`2026-01-${day}T00:00:00Z`)
  const first = async (query: string, headers?: Record<string, string>) =>
    seqs(await (await open(`topics=a&${query}`, headers)).events(1))[0]
  t.is(await first('from=start'), 1)
  t.is(await first('from=2'), 2)
  t.is(await first('from=cafe01:2'), 3)
  t.is(await first('from=2026-01-01T12:00:00Z'), 2)
  t.is(await first('from=2026-01-02T02:00:00%2B02:00'), 2)
  t.is(await first('from=start', { 'Last-Event-ID': 'cafe01:1' }), 2)
  const now = await open('topics=a&from=now')
  await now.until('the beginning', ({ text }) => text.includes('id: cafe01:3\n'))
  await publish('4')
  t.deepEqual(seqs(await now.events(1)), [4])
})

test('wildcards, topics that are not there yet, and several patterns', async (t) => {
  const { open, publish, url } = await serveTopics(t)
  const one = await open('topics=a.*')
  const rest = await open('topics=a.>,later')
  await publish('1')
  await publish('2', 'a.x')
  await publish('3', 'a.x.y')
  await sendJson('PUT', `${url}/v1/topics/later`)
  await publish('4', 'later')
  t.deepEqual(seqs(await rest.events(3)), [2, 3, 4])
  t.deepEqual(seqs(await one.events(1)), [2])
})

test('views=true: views at their places, else not', async (t) => {
  const { open, publish, replica } = await serveTopics(t)
  const withViews = await open('topics=a&views=true')
  const without = await open('topics=a&views=false')
  await publish('1')
  const members = replica.cluster().view.members
  replica.installView({ number: 2, members, joined: [], left: [], failed: ['b'] })
  await publish('2')
  await withViews.events(3)
  t.deepEqual(
    withViews.messages.map(({ id, event }) => [id, event]),
    [
      ['cafe01:1', 'event'],
      ['cafe01:2', 'view'],
      ['cafe01:3', 'event'],
    ],
  )
  t.deepEqual(withViews.data('view'), [{ seq: 2, number: 2, members, joined: [], left: [], failed: ['b'] }])
  t.deepEqual(seqs(await without.events(2)), [1, 3])
})

test('limit: the stream ends after so many events, views and gaps not counted', async (t) => {
  const { open, publish, replica } = await serveTopics(t)
  await publish('1')
  replica.installView({ number: 2, members: [], joined: [], left: [], failed: [] })
  for (const data of ['2', '3']) await publish(data)
  const subscriber = await open('topics=a&from=start&views=true&limit=2')
  await subscriber.end()
  t.deepEqual(seqs(subscriber), [1, 3])
  t.is(replica.cursors.size, 0)
})

test('a heartbeat is a comment, or the new place when events went by that did not match', async (t) => {
  const { open, publish, beat } = await serveTopics(t)
  const subscriber = await open('topics=a')
  await subscriber.until('the beginning', ({ text }) => text.includes('id: cafe01:0\n'))
  beat()
  await subscriber.until('a heartbeat', ({ text }) => text.endsWith(': heartbeat\n\n'))
  await publish('1', 'b')
  await publish('2', 'b')
  beat()
  await subscriber.until('the place', ({ text }) => text.endsWith('\n\nid: cafe01:2\n\n'))
  beat()
  await subscriber.until('a heartbeat', ({ text }) => text.endsWith('id: cafe01:2\n\n: heartbeat\n\n'))
  t.deepEqual(subscriber.messages, [])
})

test('a token of another history: a gap says so, then everything that is there, under the new history', async (t) => {
  const { open, publish } = await serveTopics(t)
  await publish('1')
  const subscriber = await open('topics=a', { 'Last-Event-ID': 'beef:77' })
  await subscriber.events(2)
  t.is(subscriber.messages[0]?.event, 'gap')
  t.like(subscriber.data('gap')[0], { reason: 'history-changed' })
  t.deepEqual(
    subscriber.messages.map(({ id }) => id),
    ['cafe01:0', 'cafe01:1'],
  )
  // No place of the new history is told before the gap is: a client cut off in between would never learn of it.
  t.regex(subscriber.text, /^retry: 1000\n: lockstep\n\nid: cafe01:0\nevent: gap\n/)
})

test('what retention took is a gap; events left within it follow, and to resume at the gap loses none of them', async (t) => {
  const { open, publish, replica } = await serveTopics(t)
  for (const topic of ['a', 'b', 'a', 'b']) await publish('1', topic)
  replica.lose('a', 3)
  const subscriber = await open('topics=a,b&from=1')
  await subscriber.events(3)
  t.deepEqual(subscriber.data('gap'), [{ from: 1, to: 3, reason: 'retention' }])
  t.deepEqual(seqs(subscriber), [2, 4])
  const resumed = await open('topics=a,b', { 'Last-Event-ID': subscriber.messages[0]?.id ?? '' })
  await resumed.until('the events', ({ messages }) => messages.at(-1)?.id === 'cafe01:4')
  t.deepEqual(seqs(resumed), [2, 4])
})

test('cut off anywhere and resumed: every event once, in order', async (t) => {
  const { open, publish } = await serveTopics(t)
  for (let n = 1; n <= 20; n++) await publish(String(n), n % 3 === 0 ? 'b' : 'a')
  const seen: number[] = []
  let headers: Record<string, string> = {}
  while (seen.length < 14) {
    const part = await open('topics=a&from=start&limit=3', headers)
    await part.until('some', ({ messages }) => messages.length >= Math.min(3, 14 - seen.length))
    seen.push(...part.data().map(({ data }) => data))
    headers = { 'Last-Event-ID': part.messages.at(-1)?.id ?? '' }
    part.close()
  }
  t.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, i) => i + 1).filter((n) => n % 3 !== 0),
  )
})

test('a reader that does not read costs no more than one piece, however much is published; then it gets all', async (t) => {
  const { replica, server } = await serveTopics(t)
  const socket = connect(server.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET /v1/events?topics=a HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually('the stream', () => server.streams.size === 1)

  const data = Buffer.from(`"${'x'.repeat(4000)}"`)
  const batch = Array.from({ length: 100 }, () => ({ data }))
  let most = 0
  for (let published = 0; published < 8000; published += batch.length) {
    await replica.publish({ topic: 'a', events: batch })
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, server.streams.pendingBytes)
  }
  t.true(most > 0, 'the socket was never full: publish more')
  t.true(most <= 64 * 1024, `${most} bytes were pending`)
  const cursor = [...replica.cursors][0]
  t.true(cursor !== undefined && cursor.seq < 8000)

  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  await eventually('all of it', () => bytes > 8000 * 4000 && cursor?.seq === 8000 && server.streams.pendingBytes === 0)
  t.true(server.streams.size === 1)
})

test('one piece at a time: however much there is to read, others have their turn before the next one', async (t) => {
  const { open, replica } = await serveTopics(t)
  const subscriber = await open('topics=a')
  await subscriber.until('the beginning', ({ text }) => text.includes('id: '))
  const cursor = [...replica.cursors][0]
  const data = Buffer.from(`"${'x'.repeat(4000)}"`)
  await replica.publish({ topic: 'a', events: Array.from({ length: 100 }, () => ({ data })) })
  let longest = 0
  for (let before = 0; cursor !== undefined && before < 100; before = cursor.seq) {
    await new Promise((resolve) => setImmediate(resolve))
    longest = Math.max(longest, cursor.seq - before)
  }
  // In one turn there may be one piece of the turn before, and one of this.
  t.true(longest <= 14, `${longest} events in one turn`)
  t.deepEqual(
    seqs(await subscriber.events(100)),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
})

test('a heartbeat adds nothing for a reader that does not read', async (t) => {
  const { replica, server, beat } = await serveTopics(t)
  const socket = connect(server.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET /v1/events?topics=a HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually('the stream', () => server.streams.size === 1)
  const events = Array.from({ length: 50 }, () => ({ data: Buffer.from(`"${'x'.repeat(200_000)}"`) }))
  await replica.publish({ topic: 'a', events })
  const cursor = [...replica.cursors][0]
  let still = 0
  let seen = -1
  await eventually('a full socket', () => {
    still = cursor?.seq === seen && server.streams.pendingBytes > 0 ? still + 1 : 0
    seen = cursor?.seq ?? -1
    return still > 1000
  })
  const before = server.streams.pendingBytes
  for (let i = 0; i < 1000; i++) beat()
  t.is(server.streams.pendingBytes, before)
})

test('one event larger than a piece still goes through whole', async (t) => {
  const { open, publish } = await serveTopics(t)
  const subscriber = await open('topics=a')
  await publish(`"${'y'.repeat(250_000)}"`)
  await subscriber.events(1)
  t.is(subscriber.data()[0].data.length, 250_000)
})

test('a reader that goes away leaves nothing behind', async (t) => {
  const { open, publish, replica, server, bugs } = await serveTopics(t)
  const subscribers = await Promise.all(Array.from({ length: 20 }, () => open('topics=a')))
  t.is(replica.cursors.size, 20)
  for (const subscriber of subscribers) subscriber.close()
  await publish('1')
  await eventually('all closed', () => replica.cursors.size === 0 && server.streams.size === 0)
  t.deepEqual(bugs, [])
})

test('a cursor that refuses ends its stream; one that fails is a bug, and no other stream suffers', async (t) => {
  const { open, publish, replica, bugs } = await serveTopics(t)
  const refused = await open('topics=a')
  const failed = await open('topics=a')
  const other = await open('topics=a')
  const [first, second] = replica.cursors
  Object.assign(first ?? {}, { next: () => throws(new BrokerError('NOT_PRIMARY', 'It is\nover.')) })
  Object.assign(second ?? {}, { next: () => throws(new Error('a bug')) })
  await publish('1')
  await Promise.all([refused.end(), failed.end(), other.events(1)])
  t.true(refused.text.endsWith(': It is over.\n\n'))
  t.deepEqual(bugs, [new Error('a bug')])
  t.is(replica.cursors.size, 1)
})

test('a replica without a history yet tells no place, and the right one as soon as there is one', async (t) => {
  const { open, publish, replica, beat } = await serveTopics(t)
  replica.history = ''
  const subscriber = await open('topics=a')
  beat()
  await subscriber.until('a heartbeat', ({ text }) => text.includes(': heartbeat'))
  t.false(subscriber.text.includes('id:'))
  replica.history = 'beef02'
  await publish('1')
  await subscriber.events(1)
  t.is(subscriber.messages[0]?.id, 'beef02:1')
})

test('HEAD says what GET would, and opens nothing', async (t) => {
  const { url, replica } = await serveTopics(t)
  const { status, headers } = await send(`${url}/v1/events?topics=a`, { method: 'HEAD' })
  t.is(status, 200)
  t.is(headers.get('content-type'), 'text/event-stream')
  t.is(replica.cursors.size, 0)
})

test('parameters that cannot be are refused, each by name, before a stream begins', async (t) => {
  const { url, replica } = await serveTopics(t)
  const bad: [string, string | undefined, RegExp][] = [
    ['', 'topics', /must name/],
    ['topics=', 'topics', /must name/],
    ['topics=a,,b', undefined, /not a pattern/],
    ['topics=a..b', undefined, /not a pattern/],
    ['topics=>.a', undefined, /not a pattern/],
    ['topics=a*', undefined, /not a pattern/],
    ['topics=%00', undefined, /not a pattern/],
    ['topics=%ff', undefined, /not a pattern/],
    [`topics=${'a'.repeat(256)}`, undefined, /256 bytes; the limit is 255/],
    ['topics=a&topics=b', 'topics', /once/],
    ['topic=a', 'topic', /not a parameter/],
    ['topics=a&order=best', 'order', /must be fifo, causal, agreed or safe/],
    ['topics=a&order=', 'order', /must be fifo/],
    ['topics=a&limit=0', 'limit', /from 1/],
    ['topics=a&limit=1e3', 'limit', /from 1/],
    ['topics=a&limit=-1', 'limit', /from 1/],
    ['topics=a&views=yes', 'views', /true or false/],
    ['topics=a&from=then', 'from', /must be now/],
    ['topics=a&from=1.5', 'from', /must be now/],
    ['topics=a&from=2026-01-01T00:00:00+02:00', 'from', /must be now/],
    ['topics=a&__proto__=1', '__proto__', /not a parameter/],
  ]
  for (const [query, path, message] of bad) {
    const { status, value } = await send(`${url}/v1/events?${query}`)
    t.is(status, 400, query)
    t.is(value.errors?.[0]?.path, path, query)
    t.regex(path === undefined ? value.detail : value.errors[0].message, message, query)
  }
  const token = await send(`${url}/v1/events?topics=a`, { headers: { 'Last-Event-ID': 'cafe01:x' } })
  t.is(token.status, 400)
  t.is(token.value.errors[0].path, 'Last-Event-ID')
  const many = await send(`${url}/v1/events?topics=${Array(1001).fill('a')}`)
  t.is(many.status, 429)
  const headers = { accept: 'application/cloudevents+json' }
  for (const order of ['fifo', 'causal', 'agreed', 'safe']) {
    const path = `${url}/v1/events?topics=a&order=${order}`
    t.is((await send(path, { method: 'HEAD' })).status, 200, order)
    const { status, value } = await send(path, { method: order === 'safe' ? 'HEAD' : 'GET', headers })
    t.is(status, order === 'safe' ? 200 : 400, `${order}, as CloudEvents`)
    if (order !== 'safe') t.like(value.errors, [{ path: 'order' }])
  }
  t.is(replica.cursors.size, 0)
})

test('a subscription that the replica refuses is a problem document, not a stream', async (t) => {
  const { url, replica } = await serveTopics(t)
  replica.failure = new BrokerError('NOT_PRIMARY', 'Not yet.')
  const { status, headers } = await send(`${url}/v1/events?topics=a`)
  t.is(status, 503)
  t.is(headers.get('retry-after'), '1')
})

function throws(error: Error): never {
  throw error
}
