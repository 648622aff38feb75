// The grammar of W3C Trace Context, and that a publish's trace is kept with its events, whichever way they come in.

import test from 'ava'
import { cleanTracestate, parseTraceparent, readTraceContext } from '../../broker/http/trace-context.ts'
import { traceExtensions } from '../../clients/src/trace-context.ts'
import { post, Subscriber, send, sendJson, serve } from './served.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PARENT = `00-${TRACE}-${SPAN}-01`
const OTHER = `00-${SPAN}${SPAN}-${SPAN}-00`

const INVALID = [
  '',
  'x',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}-01-`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE}-${SPAN}-01 `,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-0G`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}0-${SPAN.slice(1)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `0-${TRACE}-${SPAN}-01`,
  `cc-${TRACE}-${SPAN}-01.more`,
  `cc-${TRACE}-${SPAN}-01-two headers, joined`,
  `${PARENT}, ${PARENT}`,
]

test('traceparent: version 00 to the letter, later versions with more behind, and nothing else; at both ends', (t) => {
  t.deepEqual(parseTraceparent(PARENT), { traceId: TRACE, spanId: SPAN, flags: 1 })
  t.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-ff`)?.flags, 255)
  for (const later of [`01-${TRACE}-${SPAN}-00`, `cc-${TRACE}-${SPAN}-03-`, `fe-${TRACE}-${SPAN}-00-what-the.future`]) {
    t.like(parseTraceparent(later), { traceId: TRACE, spanId: SPAN }, later)
    t.deepEqual(traceExtensions(later, 'a=1'), { traceparent: later, tracestate: 'a=1' })
  }
  for (const invalid of INVALID) {
    t.is(parseTraceparent(invalid), undefined, invalid)
    t.is(traceExtensions(invalid, 'a=1'), undefined, invalid)
  }
  for (const invalid of [undefined, 5, null, {}]) t.is(parseTraceparent(invalid), undefined)
  t.deepEqual(traceExtensions(PARENT, 'a=\n'), { traceparent: PARENT })
})

test('tracestate: kept as it is if all of it is by the grammar, dropped as a whole otherwise', (t) => {
  const long = 'x'.repeat(256)
  const valid = [
    'a=1',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    'tenant@system=1',
    '0a=1',
    'a=1, ,b=2,',
    'a= 1',
    `a=${long}`,
  ]
  for (const text of valid) t.is(cleanTracestate(text), text, text)
  const invalid = [
    '',
    ' , ',
    'a',
    'a=',
    'A=1',
    'a=1=2',
    'a =1',
    '=1',
    'a=\u00e4',
    `a=${long}x`,
    `${long}x=1`,
    'a=1;b=2,c',
  ]
  for (const text of invalid) t.is(cleanTracestate(text), undefined, text)
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=1`).join()
  t.is(cleanTracestate(many(32)), many(32))
  t.is(cleanTracestate(many(33)), undefined)
  t.is(cleanTracestate('a=1,\tb=2 '), 'a=1,b=2', 'a tab would be no attribute')
})

test('a tracestate of more than an attribute may have: long members go first, then the last ones', (t) => {
  const member = (name: string, length: number): string => `${name}=${'x'.repeat(length)}`
  const long = [member('a', 100), ...['b', 'c', 'd', 'e', 'f'].map((name) => member(name, 200)), member('g', 100)]
  t.is(cleanTracestate(long.join()), [0, 1, 2, 3, 4, 6].map((i) => long[i]).join())
  const short = Array.from({ length: 20 }, (_, i) => member(`k${i}`, 90))
  const kept = cleanTracestate(short.join())!
  t.true(kept.length <= 1024 && kept.length > 900)
  t.true(short.join().startsWith(kept))
})

test('headers: the state is nothing without its parent', (t) => {
  t.deepEqual(readTraceContext({ traceparent: PARENT, tracestate: 'a=1' }), { traceparent: PARENT, tracestate: 'a=1' })
  t.deepEqual(readTraceContext({ traceparent: PARENT, tracestate: 'A' }), { traceparent: PARENT })
  t.is(readTraceContext({ tracestate: 'a=1' }), undefined)
  t.is(readTraceContext({ traceparent: 'x', tracestate: 'a=1' }), undefined)
})

test('whatever the content type, each event has the trace of its request, but for one with a trace of its own', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/t`, {})
  const headers = { traceparent: PARENT, tracestate: 'a=1,b=2' }
  const cloudEvent = (more: object = {}): object => {
    return { specversion: '1.0', id: '1', source: '/s', type: 't', data: 1, ...more }
  }
  const own = { traceparent: OTHER }
  const bodies: [type: string, body: string, more?: Record<string, string>][] = [
    ['application/json', '1'],
    ['application/x-ndjson', '1\n2\n'],
    ['application/cloudevents+json', JSON.stringify(cloudEvent({ tracestate: 'left=alone' }))],
    ['application/cloudevents-batch+json', JSON.stringify([cloudEvent(own), cloudEvent(), cloudEvent({ mine: true })])],
    ['application/json', '1', { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }],
    [
      'application/json',
      '1',
      { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't', 'ce-traceparent': OTHER },
    ],
  ]
  for (const [type, body, more] of bodies) {
    const { status, text } = await post(`${url}/v1/topics/t/events`, type, body, { ...headers, ...more })
    t.is(status, 200, text)
  }
  const traced = { traceparent: PARENT, tracestate: 'a=1,b=2' }
  const expected = [traced, traced, traced, traced, own, traced, { mine: true, ...traced }, traced, own]
  const subscriber = await Subscriber.open(t, `${url}/v1/events?topics=t&from=start&limit=9`)
  await subscriber.end()
  t.deepEqual(
    subscriber.data().map(({ extensions }) => extensions),
    expected,
  )

  const accept = { Accept: 'application/cloudevents+json' }
  const asCloudEvents = await Subscriber.open(t, `${url}/v1/events?topics=t&from=start&limit=9`, accept)
  await asCloudEvents.end()
  t.deepEqual(
    asCloudEvents.data().map(({ traceparent }) => traceparent),
    expected.map(({ traceparent }) => traceparent),
  )
})

test('a trace that is none is ignored: the publish is taken, and its event has none', async (t) => {
  const { url } = await serve(t)
  await sendJson('PUT', `${url}/v1/topics/t`, {})
  // HTTP takes spaces off the ends.
  const invalid = INVALID.filter((text) => parseTraceparent(text.trim()) === undefined)
  for (const traceparent of invalid) {
    const { status } = await sendJson('POST', `${url}/v1/topics/t/events`, 1, { traceparent, tracestate: 'a=1' })
    t.is(status, 200, traceparent)
  }
  const subscriber = await Subscriber.open(t, `${url}/v1/events?topics=t&from=start&limit=${invalid.length}`)
  await subscriber.end()
  t.notRegex(subscriber.text, /trace/)
})

test('pages of other origins may send it', async (t) => {
  const { url } = await serve(t)
  const preflight = await send(`${url}/v1/topics/t/events`, {
    method: 'OPTIONS',
    headers: { Origin: 'http://elsewhere', 'Access-Control-Request-Method': 'POST' },
  })
  t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /Traceparent,Tracestate/)
})
