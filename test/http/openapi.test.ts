// The OpenAPI document against the replica that serves it, both ways: every route is described, everything described is
// there, and requests and answers are what the document says, errors too.

import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import test, { type ExecutionContext } from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { makeRoutes } from '../../broker/http/app.ts'
import { ChangeStreams } from '../../broker/http/change-streams.ts'
import { EventStreams } from '../../broker/http/event-stream.ts'
import { Group } from '../clients/group.ts'
import { type Call, Contract, call, type OpenApi } from './contract.ts'
import { ReplicaModel } from './replica-model.ts'
import { eventually, type Served, send, serve } from './served.ts'

const PACKAGE = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

async function documentOf(url: string): Promise<OpenApi> {
  return (await send(`${url}/openapi.json`)).value as OpenApi
}

test('the document is valid OpenAPI 3.1, whole in itself, and of this version', async (t) => {
  const { url } = await serve(t)
  const { headers, text, value } = await send(`${url}/openapi.json`)
  t.is(headers.get('content-type'), 'application/json')
  const validator = new Validator()
  t.deepEqual(await validator.validate(value as { [name: string]: unknown }), { valid: true })
  t.is(validator.version, '3.1')
  t.is((value as OpenApi).info.version, PACKAGE.version)
  const references = [...text.matchAll(/"\$ref": "([^"]*)"/g)].map(([, ref]) => ref as string)
  t.deepEqual(
    references.filter((ref) => !ref.startsWith('#/')),
    [],
  )
  for (const ref of references) {
    const found = ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, token) => (at as { [name: string]: unknown } | undefined)?.[token], value)
    t.truthy(found, ref)
  }
  const ids = [...new Contract(value as OpenApi).operations.values()].map(({ operationId }) => operationId)
  t.is(new Set(ids).size, ids.length)
})

/** Method and path of every route; HEAD comes with GET. */
function offered(): string[] {
  const operations = new ReplicaModel()
  const changes = new ChangeStreams(operations)
  const parts = { operations, streams: new EventStreams(), changes, unexpected: () => {} }
  return makeRoutes(parts).stack.flatMap(({ methods, path }) =>
    methods
      .filter((method) => method !== 'HEAD')
      .map((method) => `${method} ${String(path).replaceAll(/:(\w+)/g, '{$1}')}`),
  )
}

test('every route is described, and what is described is there', async (t) => {
  const { url } = await serve(t)
  const described = [...new Contract(await documentOf(url)).operations.keys()]
  t.deepEqual(described.sort(), offered().sort())
})

const JSON_TYPE = { 'content-type': 'application/json' }
const SCHEMA = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
const CLOUD_EVENT = {
  specversion: '1.0',
  id: '1',
  source: '/till',
  type: 'order',
  subject: 'x',
  mine: 1,
  data: { n: 1 },
}
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'sec-websocket-version': '13',
}
const put = (topic: string, settings?: object): Call => ({
  method: 'PUT',
  path: `/v1/topics/${topic}`,
  ...(settings !== undefined && { headers: JSON_TYPE, body: JSON.stringify(settings) }),
})
const publish = (body: unknown, headers: { [name: string]: string } = {}, topic = 'orders'): Call => ({
  method: 'POST',
  path: `/v1/topics/${topic}/events`,
  headers: { ...JSON_TYPE, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const numbered = (sequence: number) => ({ 'lockstep-publisher': 'till-1', 'lockstep-sequence': String(sequence) })

/** In this order, on any replica; and its status. */
const GOOD: readonly [Call, number][] = [
  [put('orders', { schema: SCHEMA, retention: { events: 100 }, compatibility: 'backward' }), 201],
  [put('orders', { schema: { ...SCHEMA, title: 'Order' } }), 200],
  [put('untyped'), 201],
  [{ path: '/v1/topics' }, 200],
  [{ path: '/v1/topics?limit=1&after=orders' }, 200],
  [{ path: '/v1/topics/orders' }, 200],
  [{ path: '/v1/topics/orders/schemas/latest' }, 200],
  [{ path: '/v1/topics/orders/schemas/1' }, 200],
  [publish({ n: 1 }), 200],
  [publish({ n: 1 }, { ...numbered(1), 'lockstep-key': 'k' }), 200],
  [publish({ n: 1 }, numbered(1)), 200],
  [publish('{"n":1}\n{"n":2}\n', { 'content-type': 'application/x-ndjson' }), 200],
  [publish(CLOUD_EVENT, { 'content-type': 'application/cloudevents+json' }), 200],
  [publish([CLOUD_EVENT], { 'content-type': 'application/cloudevents-batch+json' }), 200],
  [
    publish(
      { n: 1 },
      {
        'ce-specversion': '1.0',
        'ce-id': '2',
        'ce-source': '/till',
        'ce-type': 'order',
        'ce-time': '2026-01-31T12:00:00Z',
        'ce-subject': 'tea',
        'ce-partitionkey': 'k',
      },
    ),
    200,
  ],
  [{ path: '/v1/events?topics=orders,$sys.*&from=start&order=safe&limit=1&views=false' }, 200],
  ...['fifo', 'causal', 'agreed'].map((order): [Call, number] => [
    { path: `/v1/events?topics=orders&from=start&order=${order}&limit=1` },
    200,
  ]),
  [{ path: '/v1/stream', headers: { ...UPGRADE, 'sec-websocket-protocol': 'lockstep.v1' } }, 101],
  [{ path: '/v1/cluster' }, 200],
  [{ path: '/healthz' }, 200],
  [{ path: '/readyz' }, 200],
  [{ path: '/metrics' }, 200],
  [{ path: '/metrics', headers: { accept: 'application/openmetrics-text' } }, 200],
  [{ path: '/schemas/event.schema.json' }, 200],
  [{ path: '/openapi.json' }, 200],
  [{ path: '/asyncapi.json' }, 200],
  [{ path: '/' }, 200],
  [{ path: '/', headers: { accept: 'text/html,*/*;q=0.8' } }, 200],
  [{ path: '/console/console.js' }, 200],
  [{ path: '/console/console.css' }, 200],
  [{ path: '/console/icon.svg' }, 200],
  [{ method: 'DELETE', path: '/v1/topics/untyped' }, 204],
]

const BAD: readonly [Call, number][] = [
  [{ path: '/v1/topics?limit=0' }, 400],
  [put('orders', { retention: { events: -1 } }), 400],
  [put('orders', { schema: { ...SCHEMA, required: ['n', 'm'] } }), 409],
  [put('orders', { schema: { description: 'x'.repeat(10_000) } }), 413],
  [{ ...put('orders', {}), headers: { 'content-type': 'text/plain' } }, 415],
  [{ path: '/v1/topics/a..b' }, 400],
  [{ path: '/v1/topics/nowhere' }, 404],
  [{ method: 'DELETE', path: '/v1/topics/$sys.views' }, 400],
  [{ method: 'DELETE', path: '/v1/topics/nowhere' }, 404],
  [{ path: '/v1/topics/orders/schemas/first' }, 400],
  [{ path: '/v1/topics/orders/schemas/99' }, 404],
  [publish({ n: 1 }, { 'lockstep-sequence': '1' }), 400],
  [publish({ n: 1 }, {}, 'nowhere'), 404],
  [publish({ n: 1 }, numbered(9)), 409],
  [publish({ n: 1, filler: 'x'.repeat(10_000) }), 413],
  [publish('n=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415],
  [publish({ n: 'x' }), 422],
  [{ path: '/v1/events' }, 400],
  [{ path: '/v1/events?topics=orders&order=fifo', headers: { accept: 'application/cloudevents+json' } }, 400],
  [{ path: `/v1/events?topics=${'a,'.repeat(1000)}a` }, 429],
  [{ path: '/v1/stream', headers: UPGRADE }, 400],
  [{ path: '/v1/stream' }, 426],
  [{ path: '/schemas/nothing.schema.json' }, 404],
  [{ path: '/console/nothing.js' }, 404],
]

async function judgeAll(
  t: ExecutionContext,
  contract: Contract,
  url: string,
  calls: readonly (readonly [Call, number])[],
): Promise<void> {
  for (const [one, status] of calls) {
    const answer = await call(url, one)
    t.is(answer.status, status, `${one.method ?? 'GET'} ${one.path}: ${answer.text}`)
    t.notThrows(() => contract.judge(one, answer))
  }
}

const HTML = { accept: 'text/html' }

/** What is bundled, and who has it. */
async function judgeBundled(t: ExecutionContext, contract: Contract, url: string): Promise<void> {
  for (const one of [{ path: '/client.js' }, { path: '/console/console.js' }, { path: '/', headers: HTML }]) {
    await judgeAll(t, contract, url, [[one, 200]])
    const { etag = '' } = (await call(url, one)).headers
    await judgeAll(t, contract, url, [[{ ...one, headers: { ...one.headers, 'if-none-match': etag } }, 304]])
  }
}

/** A stream that ends with the replica alone, and that only so many may read. */
async function judgeChanges(t: ExecutionContext, contract: Contract, { url, server }: Served): Promise<void> {
  const one = { path: '/v1/cluster/changes' }
  const reading = Array.from({ length: 100 }, () => call(url, one))
  await eventually('a hundred readers', () => server.changes.size === 100)
  await judgeAll(t, contract, url, [[one, 429]])
  server.changes.end('the replica is stopping')
  for (const answer of await Promise.all(reading)) {
    t.is(answer.status, 200)
    contract.judge(one, answer)
  }
  await judgeAll(t, contract, url, [[one, 503]])
}

/** What a group, or the end of the replica, does to requests. */
async function judgeLater(t: ExecutionContext, contract: Contract, { url, replica, server }: Served): Promise<void> {
  const changes = [put('orders', {}), publish({ n: 1 })]
  const with503 = [...changes, { method: 'DELETE', path: '/v1/topics/orders' }]
  replica.failure = new BrokerError('LIMIT', 'Too many topics.')
  await judgeAll(
    t,
    contract,
    url,
    changes.map((one) => [one, 429] as const),
  )
  replica.failure = new BrokerError('NOT_PRIMARY', 'Not now.', { outcome: 'unknown' })
  await judgeAll(
    t,
    contract,
    url,
    with503.map((one) => [one, 503] as const),
  )
  replica.failure = new Error('a bug')
  await judgeAll(t, contract, url, [[{ path: '/v1/topics/orders' }, 500]])
  replica.failure = undefined
  replica.primary = false
  replica.reason = 'the group is changing its view'
  await judgeAll(t, contract, url, [
    [{ path: '/readyz' }, 503],
    [{ path: '/v1/cluster' }, 200],
  ])
  server.streams.end('the replica is stopping')
  server.webSockets.end('the replica is stopping')
  await judgeAll(t, contract, url, [
    [{ path: '/v1/events?topics=orders' }, 503],
    [{ path: '/v1/stream', headers: { ...UPGRADE, 'sec-websocket-protocol': 'lockstep.v1' } }, 503],
  ])
}

test('every status that is described is met, by requests and answers that are as described', async (t) => {
  const served = await serve(t, { schemaBytesMax: 5000, requestBytesMax: 5000, eventBytesMax: 5000 })
  const contract = new Contract(await documentOf(served.url))
  await judgeAll(t, contract, served.url, GOOD)
  await judgeAll(t, contract, served.url, BAD)
  await judgeLater(t, contract, served)
  await judgeBundled(t, contract, served.url)
  await judgeChanges(t, contract, served)
  const described = contract.described.filter((one) => !one.endsWith(' default'))
  t.deepEqual(
    described.filter((one) => !contract.seen.has(one)),
    [],
  )
  const unnamed = [...contract.seen].filter((one) => one.endsWith(' default'))
  t.deepEqual(unnamed, ['describeTopic default'], 'all refusals are named, and a bug is answered as described, too')
})

test('a replica in a group answers as described', async (t) => {
  const group = await Group.start(t, 1)
  const [url = ''] = group.urls
  await judgeAll(t, new Contract(await documentOf(url)), url, GOOD)
})

test('the judge complains of what is not as described', async (t) => {
  const { url } = await serve(t)
  const contract = new Contract(await documentOf(url))
  const get = { path: '/healthz' }
  const good = await call(url, get)
  t.notThrows(() => contract.judge(get, good))
  const wrong = (change: object): void => contract.judge(get, { ...good, ...change })
  t.throws(() => wrong({ text: '{"status":"dead"}' }), { message: /status must be equal to constant/ })
  t.throws(() => wrong({ text: '{"status":"alive","more":1}' }), { message: /must NOT have additional properties/ })
  t.throws(() => wrong({ headers: { 'content-type': 'text/html' } }), { message: /text\/html is not described/ })
  t.throws(() => wrong({ status: 503 }), { message: /application\/json is not described/ })
  t.throws(() => contract.judge({ path: '/healthz?x=1' }, good), { message: /query x is not described/ })
  t.throws(() => contract.judge({ path: '/nowhere' }, good), { message: /GET \/nowhere is not described/ })
  const subscribe = { path: '/v1/events?topics=a..b' }
  t.throws(() => contract.judge(subscribe, { status: 200, headers: {}, text: '' }), {
    message: /query topics: .*pattern/,
  })
  const limit = { path: '/v1/events' }
  const problem = { type: 'about:blank', title: 't', status: 429, detail: 'd' }
  const headers = { 'content-type': 'application/problem+json' }
  t.throws(() => contract.judge(limit, { status: 429, headers, text: JSON.stringify(problem) }), {
    message: /the header Retry-After is missing/,
  })
})
