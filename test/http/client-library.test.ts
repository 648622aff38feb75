// The client library as replicas serve it.

import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import test from 'ava'
import { eventually, send, serve } from './served.ts'

test('client.js: a module for pages of any host, bundled once, and the bundler is gone afterwards', async (t) => {
  const started: ChildProcess[] = []
  const onStart = (message: unknown): void => {
    started.push((message as { process: ChildProcess }).process)
  }
  subscribe('child_process', onStart)
  t.teardown(() => unsubscribe('child_process', onStart))
  const [one, other] = await Promise.all([serve(t), serve(t)])
  const urls = [one, one, other].map(({ url }) => `${url}/client.js`)
  const replies = await Promise.all(urls.map((url) => send(url, { headers: { Origin: 'http://page.example' } })))
  for (const { status, headers, text } of replies) {
    t.is(status, 200)
    t.is(headers.get('content-type'), 'text/javascript; charset=utf-8')
    t.is(headers.get('access-control-allow-origin'), '*')
    t.is(text, replies[0]!.text)
  }
  const library = (await import(`data:text/javascript,${encodeURIComponent(replies[0]!.text)}`)) as object
  t.deepEqual(Object.keys(library).sort(), ['Client', 'LockstepError', 'connect'])
  t.is(started.length, 1, 'one bundler for all')
  await eventually('the end of the bundler', () => started[0]!.exitCode !== null || started[0]!.signalCode !== null)
  t.deepEqual([...one.bugs, ...other.bugs], [])
})

test('client.js: who has it is told so, and it is sent compressed to those that take that', async (t) => {
  const { url } = await serve(t)
  const get = (headers: Record<string, string>, method = 'GET') => send(`${url}/client.js`, { method, headers })
  const plain = await get({ 'Accept-Encoding': 'identity' })
  t.is(plain.headers.get('content-encoding'), null)
  t.is(plain.headers.get('cache-control'), 'no-cache')
  t.is(plain.headers.get('vary'), 'Origin, Accept-Encoding')
  for (const [accepted, encoding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
  ] as const) {
    const { headers, text } = await get({ 'Accept-Encoding': accepted })
    t.is(headers.get('content-encoding'), encoding)
    t.true(Number(headers.get('content-length')) < plain.text.length / 2)
    t.is(text, plain.text)
  }
  const etag = plain.headers.get('etag') as string
  const again = await get({ 'If-None-Match': etag, 'Cache-Control': 'max-age=0' }) // As browsers ask.
  t.deepEqual([again.status, again.text.length], [304, 0])
  t.is((await get({ 'If-None-Match': 'W/"another"', 'Cache-Control': 'max-age=0' })).status, 200)
  const head = await get({ 'Accept-Encoding': 'identity' }, 'HEAD')
  t.deepEqual([head.status, head.headers.get('content-length'), head.text], [200, String(plain.text.length), ''])
})
