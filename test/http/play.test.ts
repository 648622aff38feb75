// The paths of play: what they take, from whom, and that there is nothing at them where there is no play.

import test from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import type { Act, Play, PlayState } from '../../broker/http/play.ts'
import { eventually, send, serve } from './served.ts'

const OWN = 'http://127.0.0.1:7400'
const STRANGER = 'http://page.example'
const STATE: PlayState = { replicas: [{ name: 'a', url: OWN, condition: 'running' }], cut: [], loss: 0 }
const JSON_TYPE = { 'Content-Type': 'application/json' }

class FakePlay implements Play {
  readonly done: Act[] = []
  answered = 0
  isOwn = (origin: string): boolean => origin === OWN
  state = async (): Promise<PlayState> => STATE
  perform = async (act: Act, answered: Promise<void>): Promise<PlayState> => {
    if (act.act === 'restart') throw new BrokerError('CONFLICT', 'The replica a is running, not killed.')
    this.done.push(act)
    void answered.then(() => this.answered++)
    return STATE
  }
}

const ACTS: [string, object][] = [
  ['pause', { replica: 'a' }],
  ['resume', { replica: 'a' }],
  ['kill', { replica: 'a' }],
  ['cut', { side: ['a', 'b'] }],
  ['heal', {}],
  ['loss', { share: 0.9 }],
  ['anew', {}],
]

test('each act is handed on, and answered with the state; what is refused is a problem', async (t) => {
  const play = new FakePlay()
  const { url } = await serve(t, {}, { play })
  const { play: path } = (await send(`${url}/v1/cluster`)).value
  t.deepEqual((await send(url + path)).value, STATE)
  for (const [act, body] of ACTS) {
    const reply = await send(`${url}/dev/play/${act}`, {
      method: 'POST',
      headers: { ...JSON_TYPE, Origin: OWN },
      body: JSON.stringify(body),
    })
    t.is(reply.status, 200, act)
    t.deepEqual(reply.value, STATE)
    t.deepEqual(play.done.at(-1), { act, ...body } as Act)
  }
  await eventually('word that its answers have left', () => play.answered === ACTS.length)
  const body = '{"replica":"a"}'
  const refused = await send(`${url}/dev/play/restart`, { method: 'POST', headers: JSON_TYPE, body })
  t.like(refused, { status: 409, value: { type: 'urn:lockstep:problem:conflict' } })
  t.is((await send(`${url}/dev/play/explode`, { method: 'POST', headers: JSON_TYPE, body: '{}' })).status, 404)
  t.is((await send(`${url}/dev/play/heal`)).status, 405)
})

test('what is not understood is refused, and says where', async (t) => {
  const play = new FakePlay()
  const { url } = await serve(t, {}, { play })
  const bodies: [string, string, string][] = [
    ['kill', '{}', ''],
    ['kill', '{"replica":7}', '/replica'],
    ['kill', '{"replica":"a","now":true}', ''],
    ['cut', '{"side":[]}', '/side'],
    ['cut', '{"side":["a","a"]}', '/side'],
    ['cut', `{"side":["${'a'.repeat(65)}"]}`, '/side/0'],
    ['loss', '{"share":0.91}', '/share'],
    ['loss', '{"share":-0.1}', '/share'],
    ['heal', '[]', ''],
    ['heal', '{', ''],
  ]
  for (const [act, body, path] of bodies) {
    const reply = await send(`${url}/dev/play/${act}`, { method: 'POST', headers: JSON_TYPE, body })
    t.is(reply.status, 400, `${act} ${body}`)
    t.true(reply.value.errors[0].path.startsWith(path), `${act} ${body}: ${reply.text}`)
  }
  const large = JSON.stringify({ replica: 'a'.repeat(5000) })
  t.is((await send(`${url}/dev/play/kill`, { method: 'POST', headers: JSON_TYPE, body: large })).status, 413)
  t.deepEqual(play.done, [])
})

test("another page in somebody's browser can neither act nor look", async (t) => {
  const play = new FakePlay()
  const { url } = await serve(t, {}, { play })
  const act = (headers: Record<string, string>) =>
    send(`${url}/dev/play/kill`, { method: 'POST', headers, body: '{"replica":"a"}' })
  t.is((await act({ ...JSON_TYPE, Origin: STRANGER })).status, 403)
  t.is((await act({ ...JSON_TYPE, Origin: 'null' })).status, 403, 'of a file, or a sandbox')
  // What a page may post without being asked for its origin first.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    t.is((await act({ 'Content-Type': type })).status, 415)
  t.deepEqual(play.done, [])

  const asked = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' }
  const allowed = async (path: string, origin: string, init: RequestInit = {}): Promise<string | null> => {
    const { headers } = await send(url + path, { ...init, headers: { ...asked, Origin: origin } })
    return headers.get('access-control-allow-origin')
  }
  for (const init of [{}, { method: 'OPTIONS' }]) {
    t.is(await allowed('/dev/play', STRANGER, init), null)
    t.is(await allowed('/dev/play', OWN, init), OWN)
    t.is(await allowed('/v1/cluster', STRANGER, init), '*', 'elsewhere every page may read')
  }
  t.is(await allowed('/dev/play/kill', STRANGER, { method: 'OPTIONS' }), null)
})

test('a replica without play, as `lockstep start` runs it, has nothing at these paths', async (t) => {
  const { url } = await serve(t)
  t.is((await send(`${url}/dev/play`)).status, 404)
  t.false('play' in (await send(`${url}/v1/cluster`)).value)
  for (const act of [...ACTS.map(([name]) => name), 'restart']) {
    const reply = await send(`${url}/dev/play/${act}`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: '{"replica":"a"}',
    })
    t.like(reply, { status: 404, value: { type: 'urn:lockstep:problem:not-found' } })
  }
})
