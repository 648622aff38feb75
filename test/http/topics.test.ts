import test from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { post, send, sendJson, serve } from './served.ts'

const SCHEMA = { type: 'object', properties: { qty: { type: 'integer' } } }

test('a topic is created, described, changed and deleted', async (t) => {
  const { url } = await serve(t)
  const topic = `${url}/v1/topics/orders.eu`
  const created = await sendJson('PUT', topic, { schema: SCHEMA, retention: { events: 10 } })
  t.is(created.status, 201)
  t.is(created.headers.get('location'), '/v1/topics/orders.eu')
  t.like(created.value, { topic: 'orders.eu', schemaVersion: 1, offset: 0 })
  t.deepEqual(created.value.retention, { events: 10, bytes: 0, ageMs: 0 })

  const changed = await sendJson('PUT', topic, { retention: { ageMs: 1000 } })
  t.is(changed.status, 200)
  t.deepEqual(changed.value.retention, { events: 10, bytes: 0, ageMs: 1000 })
  t.deepEqual((await send(topic)).value, changed.value)

  const gone = await send(topic, { method: 'DELETE' })
  t.is(gone.status, 204)
  t.is(gone.text, '')
  t.is((await send(topic)).status, 404)
  t.is((await send(topic, { method: 'DELETE' })).status, 404)
})

test('PUT without a body makes an untyped topic', async (t) => {
  const { url } = await serve(t)
  const { status, value } = await send(`${url}/v1/topics/any`, { method: 'PUT' })
  t.is(status, 201)
  t.is(value.schemaVersion, 0)
})

test('the list is sorted and comes in parts', async (t) => {
  const { url, replica } = await serve(t)
  for (const n of [3, 1, 2]) await replica.putTopic(`t${n}`, {})
  const names = (value: { topics: { topic: string }[] }) => value.topics.map(({ topic }) => topic)
  const all = await send(`${url}/v1/topics`)
  t.deepEqual(names(all.value), ['t1', 't2', 't3'])
  t.is(all.value.next, undefined)
  const part = await send(`${url}/v1/topics?limit=2`)
  t.deepEqual([names(part.value), part.value.next], [['t1', 't2'], 't2'])
  const rest = await send(`${url}/v1/topics?limit=2&after=t2`)
  t.deepEqual([names(rest.value), rest.value.next], [['t3'], undefined])
  for (const query of ['limit=0', 'limit=10001', 'limit=x', 'page=2']) {
    t.is((await send(`${url}/v1/topics?${query}`)).status, 400, query)
  }
})

test('10,000 topics: the list is whole', async (t) => {
  const { url, replica } = await serve(t)
  for (let n = 0; n < 10_000; n++) await replica.putTopic(`t${n}`, {})
  t.is((await send(`${url}/v1/topics`)).value.topics.length, 10_000)
})

test('schemas by version', async (t) => {
  const { url } = await serve(t)
  const topic = `${url}/v1/topics/orders`
  const second = { ...SCHEMA, title: 'second' }
  await sendJson('PUT', topic, { schema: SCHEMA })
  await sendJson('PUT', topic, { schema: second })
  t.deepEqual((await send(`${topic}/schemas/1`)).value, { topic: 'orders', version: 1, schema: SCHEMA })
  t.deepEqual((await send(`${topic}/schemas/latest`)).value, { topic: 'orders', version: 2, schema: second })
  t.is((await send(`${topic}/schemas/3`)).status, 404)
  for (const version of ['0', '-1', 'newest', '1.0', '%zz']) {
    t.is((await send(`${topic}/schemas/${version}`)).status, 400, version)
  }
})

test('a schema that is none, or an incompatible one: 400 and 409, with the places', async (t) => {
  const { url } = await serve(t)
  const topic = `${url}/v1/topics/orders`
  const wrong = await sendJson('PUT', topic, { schema: { type: 'object', properties: { a: { type: 'text' } } } })
  t.is(wrong.status, 400)
  t.is(wrong.value.errors[0].path, '/schema/properties/a/type')
  const remote = await sendJson('PUT', topic, { schema: { $ref: 'http://169.254.169.254/' } })
  t.is(remote.value.errors[0].path, '/schema/$ref')
  await sendJson('PUT', topic, { schema: SCHEMA })
  const incompatible = await sendJson('PUT', topic, { schema: { ...SCHEMA, required: ['qty'] } })
  t.is(incompatible.status, 409)
  t.is(incompatible.value.errors[0].path, '/schema/required')
  t.is(incompatible.value.outcome, undefined)
})

test('settings that cannot be are refused with the place', async (t) => {
  const { url, replica } = await serve(t, { schemaBytesMax: 2000 })
  const topic = `${url}/v1/topics/orders`
  const bad: [string, string][] = [
    ['[]', ''],
    ['null', ''],
    ['{"retain":{}}', ''],
    ['{"schema":"x"}', '/schema'],
    ['{"schema":null}', '/schema'],
    ['{"retention":{"events":-1}}', '/retention/events'],
    ['{"retention":{"bytes":1.5}}', '/retention/bytes'],
    ['{"retention":{"ageMs":"1h"}}', '/retention/ageMs'],
    ['{"retention":{"age":1}}', '/retention'],
    ['{"retention":{"events":1e300}}', '/retention/events'],
    ['{"compatibility":"forward"}', '/compatibility'],
    ['{"__proto__":{}}', ''],
    ['{"schema":{}', ''],
    [`{"schema":${'['.repeat(200)}${']'.repeat(200)}}`, ''],
    [`{"schema":${'{"not":'.repeat(102)}true${'}'.repeat(102)}}`, ''],
    [`{"schema":${'{"not":'.repeat(100)}{}${'}'.repeat(100)}}`, `/schema${'/not'.repeat(100)}`],
  ]
  for (const [body, path] of bad) {
    const { status, value } = await send(topic, {
      method: 'PUT',
      body,
      headers: { 'Content-Type': 'application/json' },
    })
    t.is(status, 400, body.slice(0, 60))
    t.is(value.errors[0].path, path, body.slice(0, 60))
  }
  t.is((await send(topic, { method: 'PUT', body: '{}' })).status, 415)
  const large = await sendJson('PUT', topic, { schema: { description: 'x'.repeat(2000) } })
  t.is(large.status, 400)
  t.regex(large.value.errors[0].message, /limit is schemaBytesMax = 2000/)
  t.is((await sendJson('PUT', topic, { schema: { description: 'x'.repeat(9000) } })).status, 413)
  t.is(replica.listTopics().length, 0)
})

test("the system's topics can be read and not changed", async (t) => {
  const { url } = await serve(t)
  const topic = `${url}/v1/topics/$sys.views`
  t.is((await sendJson('PUT', topic, {})).status, 400)
  t.is((await send(topic, { method: 'DELETE' })).status, 400)
  t.is((await post(`${topic}/events`, 'application/json', '1')).status, 400)
  t.is((await send(topic)).status, 404) // That of the model, which has none.
})

test('cluster, metrics, health and readiness', async (t) => {
  const { url, replica, bugs } = await serve(t)
  const cluster = await send(`${url}/v1/cluster`)
  t.deepEqual(cluster.value, JSON.parse(JSON.stringify(replica.cluster())))
  const metrics = await send(`${url}/metrics`)
  t.is(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  t.true(metrics.text.startsWith('# HELP'))
  t.deepEqual((await send(`${url}/healthz`)).value, { status: 'alive' })
  t.deepEqual((await send(`${url}/readyz`)).value, { status: 'ready', view: 1 })

  replica.primary = false
  replica.reason = 'it is catching up'
  const waiting = await send(`${url}/readyz`)
  t.is(waiting.status, 503)
  t.like(waiting.value, {
    type: 'urn:lockstep:problem:not-primary',
    detail: 'This replica is not ready: it is catching up.',
  })
  t.is((await send(`${url}/healthz`)).status, 200)
  replica.reason = undefined
  t.regex((await send(`${url}/readyz`)).value.detail, /state is observer/)

  replica.failure = new Error('a bug')
  t.is((await send(`${url}/metrics`)).status, 500)
  t.deepEqual(bugs, [replica.failure])
})

test('schemas and the first steps are served, and no other file', async (t) => {
  const { url } = await serve(t)
  for (const file of ['event', 'problem', 'topic-settings']) {
    const { headers, value } = await send(`${url}/schemas/${file}.schema.json`)
    t.is(headers.get('content-type'), 'application/schema+json')
    t.is(value.$id, `https://lockstep.example/schemas/${file}.schema.json`)
  }
  for (const file of ['README.md', '..%2fpackage.json', '%2e%2e/package.json', 'none', '__proto__', '%zz']) {
    t.is((await send(`${url}/schemas/${file}`)).status, 404, file)
  }
  const home = await send(`${url}/`)
  t.is(home.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.is(home.text.split('\n').filter((line) => line.startsWith('curl ') && line.includes(url)).length, 3)
})

test('no such path, no such method: said so, with what there is', async (t) => {
  const { url } = await serve(t)
  for (const path of ['/v1', '/v2/topics', '/V1/topics', '/v1/topics/a/b/c', '/%zz', '/v1/streams']) {
    const { status, value } = await send(url + path)
    t.is(status, 404, path)
    t.regex(value.detail, /\/v1\/topics/)
  }
  const wrong: [string, string, string][] = [
    ['POST', '/v1/topics/a', 'HEAD, PUT, GET, DELETE'],
    ['GET', '/v1/topics/a/events', 'POST'],
    ['DELETE', '/v1/events', 'HEAD, GET'],
    ['PATCH', '/v1/topics/a', 'HEAD, PUT, GET, DELETE'],
  ]
  for (const [method, path, allow] of wrong) {
    const { status, headers, value } = await send(url + path, { method })
    t.is(status, 405, path)
    t.deepEqual(headers.get('allow')?.split(', ').sort(), allow.split(', ').sort())
    t.regex(value.detail, new RegExp(`^${method} is not offered`))
  }
  t.is((await send(`${url}/v1/topics`, { method: 'PROPFIND' })).status, 501)
  const options = await send(`${url}/v1/topics/a`, { method: 'OPTIONS' })
  t.is(options.status, 200)
  t.regex(options.headers.get('allow') ?? '', /DELETE/)
})

test('HEAD answers as GET, without a body, also when it is a problem', async (t) => {
  const { url } = await serve(t)
  for (const path of ['/v1/cluster', '/v1/topics/none', '/none', '/metrics']) {
    const get = await send(url + path)
    const head = await send(url + path, { method: 'HEAD' })
    t.is(head.status, get.status)
    t.is(head.text, '')
    t.is(head.headers.get('content-length'), get.headers.get('content-length'), path)
    t.is(head.headers.get('content-type'), get.headers.get('content-type'))
  }
})

test('pages of other origins may publish and subscribe', async (t) => {
  const { url, replica } = await serve(t)
  const preflight = await send(`${url}/v1/topics/a/events`, {
    method: 'OPTIONS',
    headers: { Origin: 'https://page.test', 'Access-Control-Request-Method': 'POST' },
  })
  t.is(preflight.status, 204)
  t.is(preflight.headers.get('access-control-allow-origin'), '*')
  const allowed = preflight.headers.get('access-control-allow-headers') ?? ''
  for (const name of ['Content-Type', 'Last-Event-ID', 'Lockstep-Publisher', 'Lockstep-Sequence', 'Lockstep-Key']) {
    t.true(allowed.includes(name), name)
  }
  t.regex(preflight.headers.get('access-control-allow-methods') ?? '', /PUT/)

  replica.failure = new BrokerError('OVERLOADED', 'Full.')
  const refused = await send(`${url}/v1/topics/a`, { headers: { Origin: 'https://page.test' } })
  t.is(refused.status, 503)
  t.is(refused.headers.get('access-control-allow-origin'), '*')
  t.regex(refused.headers.get('access-control-expose-headers') ?? '', /Retry-After/)
  t.is(refused.headers.get('x-content-type-options'), 'nosniff')
})
