import test from 'ava'
import { Bare, eventually, post, Subscriber, send, sendJson, serve } from './served.ts'

const HEAD = 'POST /v1/topics/a/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

test('what is not HTTP is answered with a problem document, and the connection closed', async (t) => {
  const served = await serve(t)
  const bad: [string, number][] = [
    ['hello\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost x\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: x\r\nA: \u0000\r\n\r\n', 400],
    ['GET / HTTP/9.9\r\nHost: x\r\n\r\n', 400],
    ['\u0016\u0003\u0001\u0002\u0000\u0001', 400],
    [`${HEAD}Content-Length: 3\r\nContent-Length: 4\r\n\r\n1`, 400],
    [`${HEAD}Content-Length: -3\r\n\r\n1`, 400],
    [`${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1`, 400],
    [`${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n1`, 400],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ]
  for (const [text, status] of bad) {
    const bare = await Bare.open(t, served)
    bare.say(text)
    const { problem } = await bare.problem()
    t.is(problem.status, status, text.slice(0, 60))
    await bare.end()
  }
  t.is((await send(`${served.url}/healthz`)).status, 200)
  t.deepEqual(served.bugs, [])
})

test('HTTP/1.1 without Host is refused, HTTP/1.0 without is not, and two of them are refused', async (t) => {
  const served = await serve(t)
  const bare = await Bare.open(t, served)
  bare.say('GET /healthz HTTP/1.1\r\n\r\n')
  t.regex((await bare.problem()).problem.detail, /Host/)
  const twice = await Bare.open(t, served)
  twice.say('GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
  t.regex((await twice.problem()).problem.detail, /Host is given more than once/)
  const old = await Bare.open(t, served)
  old.say('GET /healthz HTTP/1.0\r\n\r\n')
  await old.end()
  t.regex(old.text, /^HTTP\/1.1 200 /)
})

test('headers that come twice: refused where one would be lost', async (t) => {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const twice = [
    'Lockstep-Key: a\r\nLockstep-Key: b\r\n',
    'Lockstep-Publisher: p\r\nLockstep-Sequence: 1\r\nLockstep-Sequence: 1\r\n',
  ]
  for (const headers of twice) {
    const bare = await Bare.open(t, served)
    bare.say(`${HEAD}${headers}Content-Length: 1\r\n\r\n1`)
    const { problem } = await bare.problem()
    t.is(problem.status, 400)
    t.is(problem.errors?.[0]?.message, 'must be given once')
  }
  t.is(served.replica.requests.length, 0)
})

test('a body said to be too large is refused before it is sent', async (t) => {
  const served = await serve(t)
  const bare = await Bare.open(t, served)
  bare.say(`${HEAD}Content-Length: 100000000000\r\n\r\n`)
  const { head, problem } = await bare.problem()
  t.is(problem.status, 413)
  t.is(problem.outcome, 'not-published')
  t.regex(head, /^Connection: close$/im)
  await bare.end()

  const asking = await Bare.open(t, served)
  asking.say(`${HEAD}Content-Length: 600000\r\nExpect: 100-continue\r\n\r\n`)
  t.is((await asking.problem()).problem.status, 413)
  t.notRegex(asking.text, /100 Continue/)
})

test('whoever asks before sending a good body is told to go on', async (t) => {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const bare = await Bare.open(t, served)
  bare.say(`${HEAD}Content-Length: 1\r\nExpect: 100-continue\r\n\r\n`)
  await bare.until('100 Continue', (text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  bare.say('7')
  await bare.until('the answer', (text) => text.includes('"seq":1'))
  const other = await Bare.open(t, served)
  other.say(`${HEAD}Content-Length: 1\r\nExpect: magic\r\n\r\n1`)
  t.is((await other.problem()).problem.status, 417)
})

test('a body in chunks is cut off at the limit, the answer arrives, and the connection goes on', async (t) => {
  const served = await serve(t, { requestBytesMax: 1000 })
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const bare = await Bare.open(t, served)
  bare.say(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
  const chunk = `100\r\n${'x'.repeat(256)}\r\n`
  bare.say(chunk.repeat(5))
  const { problem } = await bare.problem()
  t.is(problem.status, 413)
  bare.say(`${chunk.repeat(200)}0\r\n\r\n`)
  bare.say('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await bare.until('the next answer', (text) => text.includes('"alive"'))
})

test('a transfer encoding that is not understood is refused, and not taken for what it holds', async (t) => {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const bare = await Bare.open(t, served)
  bare.say(`${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\n7\r\n0\r\n\r\n`)
  const { problem } = await bare.problem()
  t.like(problem, { status: 415, outcome: 'not-published' })
  t.regex(problem.detail, /gzip, chunked is not understood/)
  t.is(served.replica.requests.length, 0)
})

test('bodies under way are bounded together: who is over the limit comes again, what is whole at once gets through', async (t) => {
  const served = await serve(t, { bodiesBytesMax: 1000, requestBytesMax: 800 })
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const text = `"${'x'.repeat(698)}"`
  const begin = `${HEAD}Content-Length: 700\r\n\r\n${text.slice(0, 600)}`
  const slow = [await Bare.open(t, served), await Bare.open(t, served)]
  for (const bare of slow) bare.say(begin)
  await eventually('a refusal', () => slow.some((bare) => bare.text.includes('bodiesBytesMax = 1000')))
  const refused = slow.find((bare) => bare.text !== '')!
  const taken = slow.find((bare) => bare !== refused)!
  const { head, problem } = await refused.problem()
  t.like(problem, { status: 503, outcome: 'not-published' })
  t.regex(head, /^Retry-After: 1$/im)
  t.is(taken.text, '')

  const whole = await Bare.open(t, served)
  whole.say(`${HEAD}Content-Length: 700\r\n\r\n${text}`)
  await whole.until('an answer', (answer) => answer.includes('"seq":1'))
  taken.say(text.slice(600))
  await taken.until('an answer', (answer) => answer.includes('"seq":2'))
  // The rest of what was refused is read and dropped, and there is room again.
  refused.say(text.slice(600))
  refused.say(begin)
  refused.say(text.slice(600))
  await refused.until('an answer', (answer) => answer.includes('"seq":3'))
})

test('a body that breaks off makes room again', async (t) => {
  const served = await serve(t, { bodiesBytesMax: 1000, requestBytesMax: 800 })
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  for (let i = 0; i < 3; i++) {
    const bare = await Bare.open(t, served)
    bare.say(`${HEAD}Content-Length: 700\r\nExpect: 100-continue\r\n\r\n`)
    await bare.until('100 Continue', (text) => text !== '')
    bare.say('1'.repeat(600))
    bare.socket.end()
    await bare.end()
  }
  const last = await Bare.open(t, served)
  last.say(`${HEAD}Content-Length: 700\r\n\r\n${'1'.repeat(600)}`)
  await send(`${served.url}/healthz`)
  last.say('1'.repeat(100))
  t.regex(await last.until('an answer', (text) => text !== ''), /"seq":1/)
})

test('a body somewhat too large: fetch gets its answer, and goes on', async (t) => {
  const { url } = await serve(t)
  for (let i = 0; i < 3; i++) {
    const { status } = await post(`${url}/v1/topics/a/events`, 'application/json', 'x'.repeat(2_000_000))
    t.is(status, 413)
  }
})

test('half a request, then nothing: 408 in time; half a request, then gone: nothing', async (t) => {
  const served = await serve(t, {}, { headersMs: 150, requestMs: 300 })
  const started = performance.now()
  const halves = ['GET /healthz HTT', `${HEAD}Content-Length: 10\r\n\r\n123`]
  for (const half of halves) {
    const gone = await Bare.open(t, served)
    gone.say(half)
    gone.socket.end()
  }
  await Promise.all(
    halves.map(async (half) => {
      const bare = await Bare.open(t, served)
      bare.say(half)
      t.is((await bare.problem()).problem.status, 408, half)
      await bare.end()
    }),
  )
  t.true(performance.now() - started < 8000)
  await eventually('no connection is left', () => served.server.connections === 0)
  t.deepEqual(served.bugs, [])
})

test('pipelined: a publish that came whole before something broken is answered, and only then the connection closed', async (t) => {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  const broken = ['nonsense\r\n\r\n', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n1`]
  for (const rest of broken) {
    let open = () => {}
    served.replica.gate = new Promise((resolve) => {
      open = resolve
    })
    const bare = await Bare.open(t, served)
    bare.say(`${HEAD}Content-Length: 1\r\n\r\n1${rest}`)
    // The answer to another connection: what came on the first one before it was seen.
    await send(`${served.url}/healthz`)
    t.false(bare.closed)
    open()
    await bare.end()
    t.regex(bare.text, /^HTTP\/1.1 200 OK\r\n.*"seq":\d+.*"duplicate":false}\n$/s)
    t.regex(bare.text, /^Connection: close\r$/m)
  }
  await eventually('no connection is left', () => served.server.streams.size === 0)
  t.deepEqual(served.bugs, [])
})

test('pipelined: something broken behind a stream does not keep the stream open when its reader has gone', async (t) => {
  const served = await serve(t)
  for (const leave of ['end', 'destroy'] as const) {
    const bare = await Bare.open(t, served)
    bare.say('GET /v1/events?topics=a HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n')
    await bare.until('the stream', (text) => text.includes('retry: 1000'))
    t.notRegex(bare.text, /^HTTP\/1.1 400/m)
    bare.socket[leave]()
    await eventually('no stream is left', () => served.server.streams.size === 0 && served.replica.cursors.size === 0)
  }
})

test('pipelined: a request is taken up when the one before it is answered, so a connection has one stream at most', async (t) => {
  const served = await serve(t)
  const { replica, server } = served
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  let open = () => {}
  replica.gate = new Promise((resolve) => {
    open = resolve
  })
  const bare = await Bare.open(t, served)
  const subscribe = 'GET /v1/events?topics=a&from=start&limit=1 HTTP/1.1\r\nHost: x\r\n\r\n'
  const endless = subscribe.replace('&limit=1', '')
  bare.say(`${HEAD}Content-Length: 1\r\n\r\n1${subscribe.repeat(2)}${endless.repeat(10)}`)
  await send(`${served.url}/healthz`)
  t.is(replica.cursors.size, 0)
  open()
  await bare.until('the third stream', (text) => text.split('"data":1}').length === 4)
  t.is(bare.text.split('HTTP/1.1 200 OK').length, 5)
  t.is(bare.text.split(': limit reached').length, 3)
  t.deepEqual([replica.cursors.size, server.streams.size], [1, 1])
  bare.socket.destroy()
  await eventually('no stream is left', () => server.streams.size === 0 && replica.cursors.size === 0)
  t.deepEqual(served.bugs, [])
})

test('pipelined: more requests ahead than are remembered, and the connection is cut off', async (t) => {
  const served = await serve(t)
  const within = await Bare.open(t, served)
  within.say('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(32))
  await within.until('all answers', (text) => text.split('"alive"').length === 33)
  const over = await Bare.open(t, served)
  over.say('GET /v1/events?topics=a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(33))
  await over.end()
  await eventually('no stream is left', () => served.server.streams.size === 0 && served.replica.cursors.size === 0)
  t.is((await send(`${served.url}/healthz`)).status, 200)
})

test('connections over the limit are told so, and those within it are served', async (t) => {
  const served = await serve(t, { connectionsMax: 3 })
  const within = await Promise.all([1, 2, 3].map(() => Bare.open(t, served)))
  await eventually('three connections', () => served.server.connections === 3)
  const over = await Bare.open(t, served)
  over.say('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  const { head, problem } = await over.problem()
  t.is(problem.status, 429)
  t.regex(problem.detail, /its 3 connections/)
  t.regex(head, /^Retry-After: 1$/im)
  await over.end()
  for (const bare of within) {
    bare.say('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    await bare.until('an answer', (text) => text.startsWith('HTTP/1.1 200'))
  }
})

test('drain: streams end cleanly, requests finish, nothing new is taken', async (t) => {
  const served = await serve(t)
  const { url, replica, server } = served
  await sendJson('PUT', `${url}/v1/topics/a`)
  let open = () => {}
  replica.gate = new Promise((resolve) => {
    open = resolve
  })
  const subscriber = await Subscriber.open(t, `${url}/v1/events?topics=a`)
  const publishing = post(`${url}/v1/topics/a/events`, 'application/json', '1')
  const idle = await Bare.open(t, served)
  await eventually('all connected', () => server.connections >= 3)
  const kept = await Bare.open(t, served)
  kept.say('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/events?topics=a HTTP/1.1\r\nHost: x\r\n')
  await kept.until('the first answer', (text) => text.includes('"alive"'))

  const closed = server.close(10_000)
  await subscriber.end()
  t.true(subscriber.text.endsWith(': the replica is stopping; the stream goes on at another one\n\n'))
  await t.throwsAsync(fetch(`${url}/healthz`))
  kept.say('\r\n') // A request that was begun before is answered: no stream any more.
  await kept.until('a refusal', (text) => text.includes('No new streams'))
  open()
  const { status, headers } = await publishing
  t.is(status, 200)
  t.is(headers.get('connection'), 'close')
  await idle.end()
  await closed
  await eventually('no connection is left', () => server.connections === 0)
  t.is(replica.cursors.size, 0)
})

test('drain: what does not finish is cut off at the deadline', async (t) => {
  const served = await serve(t)
  await sendJson('PUT', `${served.url}/v1/topics/a`)
  served.replica.gate = new Promise(() => {})
  const bare = await Bare.open(t, served)
  bare.say(`${HEAD}Content-Length: 1\r\n\r\n1`)
  await eventually('the request', () => served.server.connections >= 1)
  await served.server.close(50)
  await bare.end()
  await eventually('no connection is left', () => served.server.connections === 0)
  t.regex(bare.text, /^$/)
})

test('a port that is taken: listening fails with the reason', async (t) => {
  const { server } = await serve(t)
  await t.throwsAsync(serve(t, {}, { port: server.port }), { code: 'EADDRINUSE' })
})
