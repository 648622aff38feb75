import test, { type ExecutionContext } from 'ava'
import type { NewEvent } from '../../broker/http/operations.ts'
import { post, type Served, Subscriber, sendJson, serve } from './served.ts'

const STRUCTURED = 'application/cloudevents+json'
const BATCH = 'application/cloudevents-batch+json'
const MINIMAL = { specversion: '1.0', id: '1', source: '/s', type: 't' }

async function serveTopic(t: ExecutionContext, schema?: object): Promise<Served & { events: string }> {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/any`, schema === undefined ? {} : { schema })
  return { ...served, events: `${served.url}/v1/topics/any/events` }
}

function taken({ replica }: Served): (Omit<NewEvent, 'data'> & { data: string })[] {
  return replica.requests.flatMap(({ events }) =>
    events.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString() })),
  )
}

const full = {
  specversion: '1.0',
  id: 'e-1',
  source: 'https://example.com/orders?x=1',
  type: 'com.example.order',
  time: '2026-01-31T12:00:00.000Z',
  subject: 'order "7" – 100%',
  dataschema: 'https://example.com/schema',
  datacontenttype: 'application/json',
  partitionkey: 'k 1',
  traceparent: '00-abc-def-01',
  data: { qty: 1, note: 'ünï' },
}

const fields = {
  id: 'e-1',
  source: 'https://example.com/orders?x=1',
  type: 'com.example.order',
  time: '2026-01-31T12:00:00.000Z',
  key: 'k 1',
  extensions: {
    subject: 'order "7" – 100%',
    dataschema: 'https://example.com/schema',
    traceparent: '00-abc-def-01',
  },
  data: '{"qty":1,"note":"ünï"}',
}

test('structured: every attribute arrives', async (t) => {
  const served = await serveTopic(t)
  const { status, value } = await post(served.events, STRUCTURED, JSON.stringify(full))
  t.is(status, 200)
  t.deepEqual(value, { history: 'cafe01', seq: 1, offset: 1, duplicate: false })
  t.like(taken(served)[0], fields)
})

test('binary: every attribute arrives', async (t) => {
  const served = await serveTopic(t)
  const { data, datacontenttype, ...attributes } = { ...full, subject: 'plain' }
  const { status } = await post(served.events, datacontenttype, JSON.stringify(data), binary(attributes))
  t.is(status, 200)
  t.like(taken(served)[0], { ...fields, extensions: { ...fields.extensions, subject: 'plain' } })
})

test('the media type of data that is more than JSON is kept; that they are JSON goes without saying', async (t) => {
  const served = await serveTopic(t)
  for (const type of ['application/vnd.x+json; v=1', 'application/json; charset=utf-8', 'application/json']) {
    await post(served.events, STRUCTURED, JSON.stringify({ ...MINIMAL, datacontenttype: type, data: 1 }))
    await post(served.events, type, '1', binary(MINIMAL))
  }
  const more = { datacontenttype: 'application/vnd.x+json; v=1' }
  t.deepEqual(
    taken(served).map(({ extensions }) => extensions),
    [more, more, ...Array(4).fill(undefined)],
  )
})

test('binary: percent-encoding, quotes and bare UTF-8 in headers', async (t) => {
  const served = await serveTopic(t)
  const subjects = [
    'order%20%227%22%20%E2%80%93%20100%25',
    '"order \\"7\\" %E2%80%93 100%25"',
    latin('order "7" – 100%25'),
  ]
  for (const subject of subjects) {
    const headers = { ...binary(MINIMAL), 'ce-subject': subject }
    t.is((await post(served.events, 'application/json', '1', headers)).status, 200, subject)
  }
  t.deepEqual(
    taken(served).map(({ extensions }) => extensions?.['subject']),
    Array(3).fill('order "7" – 100%'),
  )
  for (const subject of ['100%', '%zz', '%ff', latin('\u00ff').slice(0, 1)]) {
    const { status, value } = await post(served.events, 'application/json', '1', {
      ...binary(MINIMAL),
      'ce-subject': subject,
    })
    t.is(status, 400, subject)
    t.is(value.errors[0].path, 'ce-subject')
  }
})

test('batched: events in order, one request; data as they came in', async (t) => {
  const served = await serveTopic(t)
  const body = `[ ${JSON.stringify(full)},\n {"data": [1.0, 1e400],"specversion":"1.0","id":"2","source":"s","type":"t"} ]`
  const { value } = await post(served.events, BATCH, body)
  t.deepEqual(
    value.events.map(({ seq }: { seq: number }) => seq),
    [1, 2],
  )
  t.like(taken(served), [fields, { id: '2', data: '[1.0, 1e400]' }])
  t.is(served.replica.requests.length, 1)
})

test('without data, or with data null: null', async (t) => {
  const served = await serveTopic(t)
  await post(served.events, STRUCTURED, JSON.stringify(MINIMAL))
  await post(served.events, STRUCTURED, JSON.stringify({ ...MINIMAL, data: null }))
  await post(served.events, undefined, '', binary(MINIMAL))
  t.deepEqual(
    taken(served).map(({ data, value }) => [data, value]),
    Array(3).fill(['null', null]),
  )
})

test('attributes that are null are not there, and what another Lockstep said of its places is dropped', async (t) => {
  const served = await serveTopic(t)
  const event = { ...MINIMAL, time: null, subject: null, lockstepseq: '7', lockstepoffset: '3', num: -5, flag: false }
  t.is((await post(served.events, STRUCTURED, JSON.stringify(event))).status, 200)
  t.deepEqual(taken(served)[0]?.extensions, { num: -5, flag: false })
  t.is(taken(served)[0]?.time, undefined)
})

test('Lockstep-Key goes before partitionkey', async (t) => {
  const served = await serveTopic(t)
  const event = JSON.stringify({ ...MINIMAL, partitionkey: 'a' })
  await post(served.events, STRUCTURED, event)
  await post(served.events, STRUCTURED, event, { 'Lockstep-Key': 'b' })
  t.deepEqual(
    taken(served).map(({ key }) => key),
    ['a', 'b'],
  )
})

test('what is no CloudEvent is refused with the attribute and the reason', async (t) => {
  const { events, replica } = await serveTopic(t)
  const bad: [object | string, string, RegExp][] = [
    [{ ...MINIMAL, specversion: '0.3' }, '/specversion', /"1.0"/],
    [{ id: '1', source: 's', type: 't' }, '/specversion', /missing/],
    [{ ...MINIMAL, id: undefined }, '/id', /missing/],
    [{ ...MINIMAL, id: '' }, '/id', /empty/],
    [{ ...MINIMAL, id: 7 }, '/id', /text/],
    [{ ...MINIMAL, source: 'a b' }, '/source', /URI/],
    [{ ...MINIMAL, type: 'x'.repeat(1025) }, '/type', /1024/],
    [{ ...MINIMAL, time: 'yesterday' }, '/time', /RFC 3339/],
    [{ ...MINIMAL, time: '2026-02-30T00:00:00Z' }, '/time', /RFC 3339/],
    [{ ...MINIMAL, dataschema: 'relative' }, '/dataschema', /absolute/],
    [{ ...MINIMAL, subject: 5 }, '/subject', /text/],
    [{ ...MINIMAL, Upper: 'x' }, '/Upper', /lower-case/],
    [{ ...MINIMAL, under_score: 'x' }, '/under_score', /lower-case/],
    [{ ...MINIMAL, abcdefghijklmnopqrstu: 'x' }, '/abcdefghijklmnopqrstu', /1 to 20/],
    [{ ...MINIMAL, ext: {} }, '/ext', /a text, a boolean or an integer/],
    [{ ...MINIMAL, ext: 1.5 }, '/ext', /32 bits/],
    [{ ...MINIMAL, ext: 2 ** 31 }, '/ext', /32 bits/],
    [{ ...MINIMAL, ext: 'a\u0000' }, '/ext', /control/],
    [`{"id":"\\ud800","specversion":"1.0","source":"s","type":"t"}`, '/id', /surrogate/],
    [`{"__proto__":"x","id":"1","specversion":"1.0","source":"s","type":"t"}`, '/__proto__', /lower-case/],
    ['[]', '', /object/],
    ['1', '', /object/],
    ['{', '', /not JSON/],
    [`{"data":${'['.repeat(65)}${']'.repeat(65)}}`, '/data', /65 levels/],
    [`{"data":${'['.repeat(5000)}${']'.repeat(5000)}}`, '', /levels/],
    [
      Object.fromEntries(
        Object.entries({ ...MINIMAL, ...Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`e${i}`, i])) }),
      ),
      '/e32',
      /32 extensions/,
    ],
  ]
  for (const [event, path, message] of bad) {
    const text = typeof event === 'string' ? event : JSON.stringify(event)
    const { status, value } = await post(events, STRUCTURED, text)
    t.is(status, 400, text.slice(0, 90))
    t.is(value.errors[0].path, path, text.slice(0, 90))
    t.regex(value.errors[0].message, message)

    const batch = await post(events, BATCH, `[${JSON.stringify(MINIMAL)},${text}]`)
    t.is(batch.status, 400, text.slice(0, 90))
    if (path !== '') t.is(batch.value.errors[0].path, `/1${path}`)
  }
  t.is((await post(events, BATCH, '{}')).status, 400)
  t.is((await post(events, BATCH, '[]')).status, 400)
  const noVersion = await post(events, 'application/json', '1', { 'ce-id': '1' })
  t.is(noVersion.value.errors[0].path, 'ce-specversion')
  t.is(replica.requests.length, 0)
})

test('data that are not JSON: 415 and the reason', async (t) => {
  const { events } = await serveTopic(t)
  const base64 = await post(events, STRUCTURED, JSON.stringify({ ...MINIMAL, data_base64: 'AAAA' }))
  t.is(base64.status, 415)
  t.is(base64.value.errors[0].path, '/data_base64')
  const xml = await post(events, BATCH, JSON.stringify([{ ...MINIMAL, datacontenttype: 'text/xml', data: '<a/>' }]))
  t.is(xml.status, 415)
  t.is(xml.value.errors[0].path, '/0/datacontenttype')
  t.is((await post(events, 'text/plain', 'hello', binary(MINIMAL))).status, 415)
  t.is((await post(events, undefined, 'hello', binary(MINIMAL))).status, 415)
  for (const datacontenttype of ['application/json; charset=utf-8', 'application/vnd.x+json']) {
    const { status } = await post(events, STRUCTURED, JSON.stringify({ ...MINIMAL, datacontenttype, data: 1 }))
    t.is(status, 200)
  }
  t.is((await post(events, 'application/vnd.x+json', '1', binary(MINIMAL))).status, 200)
})

test('data that do not fit the schema: the path leads through the event to them', async (t) => {
  const { events } = await serveTopic(t, { type: 'object', properties: { qty: { type: 'integer' } } })
  const good = { ...MINIMAL, data: { qty: 1 } }
  const wrong = { ...MINIMAL, data: { qty: 'x' } }
  const paths = async (type: string, body: unknown, headers = {}) => {
    const { status, value } = await post(events, type, JSON.stringify(body), headers)
    t.is(status, 422)
    return value.errors.map(({ path }: { path: string }) => path)
  }
  t.deepEqual(await paths(STRUCTURED, wrong), ['/data/qty'])
  t.deepEqual(await paths(BATCH, [good, wrong]), ['/1/data/qty'])
  t.deepEqual(await paths('application/json', wrong.data, binary(MINIMAL)), ['/qty'])
})

test('out: Accept asks for CloudEvents, and our places are extensions', async (t) => {
  const served = await serveTopic(t)
  await post(served.events, 'application/json', '[\n1.0]')
  const url = `${served.url}/v1/events?topics=any&from=start`
  const subscriber = await Subscriber.open(t, url, { Accept: STRUCTURED })
  await subscriber.events(1)
  const event = JSON.parse(subscriber.messages[0]?.data ?? '')
  t.like(event, { lockstepseq: '1', lockstepoffset: '1', locksteptopic: 'any', lockstepschema: 0 })
  t.like(event, { id: 'cafe01-1', type: 'any', source: '/topics/any', datacontenttype: 'application/json' })
  t.true(subscriber.text.includes('"data":[\ndata: 1.0]}'))
  for (const name of Object.keys(event)) t.regex(name, /^[a-z0-9]{1,20}$/)
})

test('out: what was read can be published again elsewhere', async (t) => {
  const served = await serveTopic(t)
  await post(served.events, STRUCTURED, JSON.stringify({ ...MINIMAL, ext: 'x', data: 1 }))
  const url = `${served.url}/v1/events?topics=any&from=start`
  const accept = `text/event-stream;q=0.5, ${STRUCTURED}`
  const subscriber = await Subscriber.open(t, url, { Accept: accept })
  await subscriber.events(1)
  t.is((await post(served.events, STRUCTURED, subscriber.messages[0]?.data ?? '')).status, 200)
  const [first, second] = taken(served)
  t.deepEqual(second?.extensions, first?.extensions)
  t.is(second?.data, '1')
})

function binary(attributes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]))
}

/** UTF-8 as the characters that a header may be given as. */
function latin(text: string): string {
  return Buffer.from(text).toString('latin1')
}
