import test, { type ExecutionContext } from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { eventually, post, type Served, send, sendJson, serve } from './served.ts'

const JSON_TYPE = 'application/json'
const ORDER = { type: 'object', required: ['qty'], properties: { qty: { type: 'integer' } } }

async function serveOrders(t: ExecutionContext): Promise<Served & { events: string }> {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/orders`, { schema: ORDER })
  await sendJson('PUT', `${served.url}/v1/topics/any`)
  return { ...served, events: `${served.url}/v1/topics/any/events` }
}

function stored({ replica }: Served): string[] {
  return replica.requests.flatMap(({ events }) => events.map(({ data }) => Buffer.from(data).toString()))
}

test('application/json: the body is the data, to the byte, and the answer is its place', async (t) => {
  const served = await serveOrders(t)
  const bodies = [
    '{"a": 1.0, "b":12345678901234567890}',
    '"\\ud800"',
    'null',
    '[\r\n1]',
    '{"__proto__":{"a":1}}',
    '"\\u0000ü"',
  ]
  for (const [index, body] of bodies.entries()) {
    const { status, value, headers } = await post(served.events, JSON_TYPE, body)
    t.is(status, 200)
    t.deepEqual(value, { history: 'cafe01', seq: index + 1, offset: index + 1, duplicate: false })
    t.is(headers.get('content-type'), JSON_TYPE)
  }
  t.deepEqual(stored(served), bodies)
})

test('white space around the data is no part of them', async (t) => {
  const served = await serveOrders(t)
  await post(served.events, 'application/json; charset="UTF-8"', ' \n{"a" :1}\r\n')
  t.deepEqual(stored(served), ['{"a" :1}'])
})

test('application/x-ndjson: one event a line, blank lines skipped, all in one request', async (t) => {
  const served = await serveOrders(t)
  const { value } = await post(served.events, 'application/x-ndjson', '\n1.0\r\n\n {"a":2} \n"x"')
  t.deepEqual(stored(served), ['1.0', '{"a":2}', '"x"'])
  t.is(served.replica.requests.length, 1)
  t.deepEqual(value, {
    events: [1, 2, 3].map((n) => ({ history: 'cafe01', seq: n, offset: n, duplicate: false })),
  })
  const one = await post(served.events, 'application/x-ndjson', '1\n')
  t.is(one.value.events.length, 1)
})

test('an event that does not fit the schema: 422, the path in the request, and nothing is published', async (t) => {
  const served = await serveOrders(t)
  const events = `${served.url}/v1/topics/orders/events`
  const wrong = await post(events, JSON_TYPE, '{"qty":1.5}')
  t.is(wrong.status, 422)
  t.like(wrong.value, { type: 'urn:lockstep:problem:invalid-event', outcome: 'not-published' })
  t.deepEqual(wrong.value.errors, [{ path: '/qty', message: 'must be integer' }])

  const lines = await post(events, 'application/x-ndjson', '{"qty":1}\n\n{"qty":"2"}\n{"qty":null}')
  t.deepEqual(
    lines.value.errors.map(({ path }: { path: string }) => path),
    ['/1/qty', '/2/qty'],
  )
  t.deepEqual(stored(served), [])
})

test('a publisher that retries is answered with the first place, and its event is there once', async (t) => {
  const served = await serveOrders(t)
  const headers = { 'Lockstep-Publisher': 'p-1', 'Lockstep-Sequence': '7' }
  const first = await post(served.events, JSON_TYPE, '1', headers)
  const again = await post(served.events, JSON_TYPE, '1', headers)
  t.deepEqual(again.value, { ...first.value, duplicate: true })
  t.deepEqual(served.replica.requests[0]?.publisher, { id: 'p-1', sequence: 7 })
  t.is(served.replica.requests.length, 1)

  const later = await post(served.events, JSON_TYPE, '2', { ...headers, 'Lockstep-Sequence': '9' })
  t.is(later.status, 409)
  t.like(later.value, { expectedSequence: 8, outcome: 'not-published' })
})

test('a duplicate whose place is forgotten: no place is made up', async (t) => {
  const served = await serveOrders(t)
  const headers = { 'Lockstep-Publisher': 'p', 'Lockstep-Sequence': '5' }
  await post(served.events, JSON_TYPE, '1', headers)
  const { value } = await post(served.events, JSON_TYPE, '1', { ...headers, 'Lockstep-Sequence': '4' })
  t.deepEqual(value, { history: 'cafe01', seq: null, offset: null, duplicate: true })
})

test('publisher and sequence: both or neither, once, and well-formed', async (t) => {
  const { events, replica } = await serveOrders(t)
  const bad: [Record<string, string>, string][] = [
    [{ 'Lockstep-Publisher': 'p' }, 'Lockstep-Sequence'],
    [{ 'Lockstep-Sequence': '1' }, 'Lockstep-Publisher'],
    [{ 'Lockstep-Publisher': 'a b', 'Lockstep-Sequence': '1' }, 'Lockstep-Publisher'],
    [{ 'Lockstep-Publisher': 'é', 'Lockstep-Sequence': '1' }, 'Lockstep-Publisher'],
    [{ 'Lockstep-Publisher': '', 'Lockstep-Sequence': '1' }, 'Lockstep-Publisher'],
    [{ 'Lockstep-Publisher': 'p'.repeat(256), 'Lockstep-Sequence': '1' }, 'Lockstep-Publisher'],
    ...['-1', '1.0', '1e3', '', 'one', '0x1', `${2 ** 53}`, '99999999999999999'].map(
      (sequence): [Record<string, string>, string] => [
        { 'Lockstep-Publisher': 'p', 'Lockstep-Sequence': sequence },
        'Lockstep-Sequence',
      ],
    ),
    [{ 'Lockstep-Key': 'k'.repeat(1025) }, 'Lockstep-Key'],
    [{ 'Lockstep-Key': 'k\tk' }, 'Lockstep-Key'],
    [{ 'Lockstep-Key': '\xff' }, 'Lockstep-Key'],
  ]
  for (const [headers, path] of bad) {
    const { status, value } = await post(events, JSON_TYPE, '1', headers)
    t.is(status, 400, JSON.stringify(headers))
    t.is(value.errors[0].path, path, JSON.stringify(headers))
    t.is(value.outcome, 'not-published')
  }
  t.is(replica.requests.length, 0)
})

test('Lockstep-Key becomes the key of every event; more than ASCII is UTF-8', async (t) => {
  const { events, replica } = await serveOrders(t)
  await post(events, JSON_TYPE, '1', { 'Lockstep-Key': Buffer.from('Zürich').toString('latin1') })
  await post(events, 'application/x-ndjson', '1\n2', { 'Lockstep-Key': 'k'.repeat(1024) })
  t.deepEqual(
    replica.requests.flatMap((request) => request.events.map(({ key }) => key)),
    ['Zürich', 'k'.repeat(1024), 'k'.repeat(1024)],
  )
})

test('content types: what is not understood is 415 and says what is', async (t) => {
  const { events, replica } = await serveOrders(t)
  const types = [
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/vnd.api+json',
    'application/cloudevents+xml',
    'nonsense',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
  ]
  for (const type of types) {
    const { status, value } = await post(events, type, '1')
    t.is(status, 415, type)
    t.is(value.outcome, 'not-published')
    if (type === undefined) t.regex(value.detail, /curl: -H 'Content-Type: application\/json'/)
  }
  const gzip = await post(events, JSON_TYPE, '1', { 'Content-Encoding': 'gzip' })
  t.is(gzip.status, 415)
  t.regex(gzip.value.detail, /gzip/)
  t.is(replica.requests.length, 0)
})

test('bad bodies: each is refused with what is wrong, and the replica goes on', async (t) => {
  const { events, replica, bugs } = await serveOrders(t)
  const latin = Buffer.from('"ü"', 'latin1')
  const bad: [string, string | Uint8Array, RegExp][] = [
    [JSON_TYPE, '', /is empty/],
    [JSON_TYPE, '  \n', /is empty/],
    [JSON_TYPE, '{', /not JSON/],
    [JSON_TYPE, "{'a':1}", /not JSON/],
    [JSON_TYPE, '1 2', /not JSON/],
    [JSON_TYPE, 'NaN', /not JSON/],
    [JSON_TYPE, '01', /not JSON/],
    [JSON_TYPE, '"\u0000"', /not JSON/],
    [JSON_TYPE, '\ufeff1', /not JSON/],
    [JSON_TYPE, '"a\nb"', /not JSON/],
    [JSON_TYPE, latin, /not UTF-8/],
    [JSON_TYPE, Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /not UTF-8/],
    [JSON_TYPE, `${'['.repeat(65)}${']'.repeat(65)}`, /65 levels deep; the limit is 64/],
    [JSON_TYPE, '['.repeat(400_000), /levels deep/],
    [JSON_TYPE, `${'{"a":'.repeat(80_000)}1${'}'.repeat(80_000)}`, /levels deep/],
    ['application/x-ndjson', '', /no event/],
    ['application/x-ndjson', '\n \r\n', /no event/],
    ['application/x-ndjson', '1\n\n{"a":\n2', /Line 3 is not JSON/],
    ['application/x-ndjson', `1\n${'['.repeat(70)}`, /Line 2 is nested 70 levels/],
  ]
  for (const [type, body, detail] of bad) {
    const { status, value } = await post(events, type, body)
    const shown = Buffer.from(body).toString().slice(0, 30)
    t.is(status, 400, shown)
    t.regex(value.detail, detail, shown)
    t.is(value.outcome, 'not-published', shown)
  }
  t.is(replica.requests.length, 0)
  t.is((await post(events, JSON_TYPE, `${'['.repeat(64)}${']'.repeat(64)}`)).status, 200)
  t.deepEqual(bugs, [])
})

test('sizes: an event, a request and a count over the limit are 413 and name the limit', async (t) => {
  const served = await serve(t, { eventBytesMax: 100, requestBytesMax: 1000, requestEventsMax: 10 })
  await sendJson('PUT', `${served.url}/v1/topics/any`)
  const events = `${served.url}/v1/topics/any/events`
  const text = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`
  t.is((await post(events, JSON_TYPE, text(100))).status, 200)
  const event = await post(events, 'application/x-ndjson', `1\n${text(101)}`)
  t.is(event.status, 413)
  t.deepEqual(event.value.errors, [{ path: '/1', message: 'has 101 bytes of data; the limit is 100' }])
  const body = await post(events, JSON_TYPE, text(1001))
  t.is(body.status, 413)
  t.regex(body.value.detail, /1001 bytes; .* 1000/)
  t.is((await post(events, 'application/x-ndjson', '1\n'.repeat(10))).status, 200)
  const count = await post(events, 'application/x-ndjson', '1\n'.repeat(11))
  t.is(count.status, 413)
  t.regex(count.value.detail, /11 events in the request; the limit is 10/)
})

test('topics: one that is not there is 404, and a name that cannot be is 400', async (t) => {
  const { url } = await serveOrders(t)
  t.is((await post(`${url}/v1/topics/none/events`, JSON_TYPE, '1')).status, 404)
  const names = [
    'a..b',
    '.a',
    'a.',
    'a%20b',
    '%zz',
    '%ff',
    'a%2Fb',
    '*',
    '%3E',
    'ä',
    '%00',
    '$sys.views',
    'a'.repeat(256),
  ]
  for (const name of names) {
    const { status, value } = await post(`${url}/v1/topics/${name}/events`, JSON_TYPE, '1')
    t.is(status, 400, name)
    t.is(value.outcome, 'not-published', name)
  }
})

test('refusals of the group: 503 with Retry-After, and what is known of the events', async (t) => {
  const { events, replica } = await serveOrders(t)
  replica.failure = new BrokerError('NOT_PRIMARY', 'Cut off.', { outcome: 'unknown', retryAfterMs: 2500 })
  const cutOff = await post(events, JSON_TYPE, '1')
  t.is(cutOff.status, 503)
  t.is(cutOff.headers.get('retry-after'), '3')
  t.like(cutOff.value, { type: 'urn:lockstep:problem:not-primary', detail: 'Cut off.', outcome: 'unknown' })

  replica.failure = new BrokerError('OVERLOADED', 'Full.', { outcome: 'not-published' })
  const full = await post(events, JSON_TYPE, '1')
  t.is(full.headers.get('retry-after'), '1')
  t.is(full.value.outcome, 'not-published')

  replica.failure = new BrokerError('LIMIT', 'Too many.')
  const limit = await post(events, JSON_TYPE, '1')
  t.like(limit, { status: 429, value: { outcome: 'not-published' } })
  t.is(limit.headers.get('retry-after'), '1')
})

test('a bug: 500 without a word of it, the outcome unknown, and the log is told', async (t) => {
  const { events, replica, bugs } = await serveOrders(t)
  replica.failure = new TypeError('secret is undefined')
  const { status, text, value } = await post(events, JSON_TYPE, '1')
  t.is(status, 500)
  t.is(value.outcome, 'unknown')
  t.notRegex(text, /secret/)
  t.deepEqual(bugs, [replica.failure])
})

test('a client that leaves before its answer harms nobody', async (t) => {
  const served = await serveOrders(t)
  let open = () => {}
  served.replica.gate = new Promise((resolve) => {
    open = resolve
  })
  const abort = new AbortController()
  const lost = send(served.events, {
    method: 'POST',
    headers: { 'Content-Type': JSON_TYPE },
    body: '1',
    signal: abort.signal,
  })
  await eventually('the connection', () => served.server.connections > 0)
  abort.abort()
  await t.throwsAsync(lost, { name: 'AbortError' })
  open()
  t.is((await post(served.events, JSON_TYPE, '2')).status, 200)
  t.deepEqual(served.bugs, [])
})
