// The contract over a real nats-server, and what a server can do to its clients: not be there, go, come back different,
// hang, refuse.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { connectNats, type NatsFabric, type NatsOptions } from '../../broker/fabric/nats.ts'
import { type NatsServer, natsTest, startNats } from '../nats-server.ts'
import { contract, type Place } from './contract.ts'
import { ReplicaEnd } from './replica-end.ts'

contract('NATS', natsTest, async (): Promise<Place> => {
  let server = await startNats()
  return {
    attach: (onBug) =>
      connectNats({ servers: [server.url], group: 'contract', name: 'a', redialMs: 20, onBug, onProblem: () => {} }),
    fail: () => server.stop(),
    recover: async () => {
      server = await startNats({ port: server.port })
    },
    close: () => server.stop(),
  }
})

interface Attached {
  readonly fabric: NatsFabric
  readonly end: ReplicaEnd
  readonly problems: string[]
}

/** Closed when the test ends. */
async function attach(
  t: ExecutionContext,
  servers: readonly string[],
  incarnation = 1,
  options: Partial<NatsOptions> = {},
): Promise<Attached> {
  const problems: string[] = []
  const fabric = await connectNats({
    servers,
    group: 'g',
    name: 'a',
    redialMs: 20,
    onProblem: (text) => problems.push(text),
    onBug: (error) => t.fail(String(error)),
    ...options,
  })
  t.teardown(() => fabric.close())
  return { fabric, end: new ReplicaEnd(fabric, incarnation), problems }
}

async function server(t: ExecutionContext, options?: Parameters<typeof startNats>[0]): Promise<NatsServer> {
  const server = await startNats(options)
  t.teardown(() => server.stop())
  return server
}

/** Until it is so; a turn of the event loop between two looks. */
async function eventually(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never came: ${what}`)
    await new Promise(setImmediate)
  }
}

natsTest('no server yet: unlinked, told once; linked when it comes', async (t) => {
  const gone = await startNats()
  await gone.stop()
  const a = await attach(t, [gone.url])
  t.false(a.fabric.linked)
  t.notThrows(() => a.end.send('everyone', 'into the void'))
  await eventually('further attempts', () => a.fabric.counters.problems > 2)
  t.is(a.problems.length, 1)
  t.regex(a.problems[0]!, new RegExp(`^NATS server 127\\.0\\.0\\.1:${gone.port}: .*ECONNREFUSED`))
  await server(t, { port: gone.port })
  await a.end.untilLinked(true)
})

natsTest('the first of two servers is not there: the second is used', async (t) => {
  const [gone, there] = [await startNats(), await server(t)]
  await gone.stop()
  const a = await attach(t, [gone.url, there.url])
  await a.end.until('link', () => a.fabric.linked)
  t.is(a.problems.length, 1)
})

natsTest('the payload limit is the server’s, and a server that comes back with another is believed', async (t) => {
  const small = await startNats({ config: 'max_payload: 2000' })
  const [a, b] = [await attach(t, [small.url], 1), await attach(t, [small.url], 2)]
  t.is(a.fabric.datagramBytesMax, 2000)
  a.end.send('everyone', 'y'.repeat(100_000))
  await b.end.untilReceived('y'.repeat(100_000))
  await small.stop()
  await server(t, { port: small.port, config: 'max_payload: 3000' })
  await Promise.all([a.end.untilLinked(true), b.end.untilLinked(true)])
  t.is(a.fabric.datagramBytesMax, 3000)
  a.end.send('everyone', 'x'.repeat(3000))
  await b.end.untilReceived('x'.repeat(3000))
})

natsTest('datagrams are not copied: they come in the two buffers that the socket is read into', async (t) => {
  const { url } = await server(t)
  const a = await attach(t, [url], 1)
  const { fabric } = await attach(t, [url], 2)
  const buffers = new Set<ArrayBufferLike>()
  let came = 0
  fabric.listen(
    ({ buffer }) => {
      buffers.add(buffer)
      came++
    },
    () => {},
  )
  for (let i = 0; i < 60; i++) a.end.send('everyone', 'x'.repeat([5, 5000, 32_000, 100_000][i % 4]!))
  await eventually('all of them', () => came === 60)
  t.true(buffers.size <= 2, `${buffers.size} buffers`)
})

natsTest('the server is configured anew with another payload limit: known soon, lower and higher', async (t) => {
  const { url, configure } = await server(t, { config: 'max_payload: 100000' })
  const a = await attach(t, [url], 1, { limitEveryMs: 50 })
  for (const limit of [3000, 200_000]) {
    configure(`max_payload: ${limit}`)
    await eventually(`a limit of ${limit}`, () => a.fabric.linked && a.fabric.datagramBytesMax === limit)
    t.regex(a.problems.at(-1)!, new RegExp(`max_payload is ${limit} now`))
  }
})

natsTest('a server that hangs: what waits for it is bounded, the link ends, and returns with the server', async (t) => {
  const hanging = await server(t)
  const impatient = { pingEveryMs: 250, dialMs: 500, outboundBytesMax: 32 * 1024 * 1024 }
  const [a, b] = [await attach(t, [hanging.url], 1, impatient), await attach(t, [hanging.url], 2, impatient)]
  hanging.pause()
  // More than the sockets' buffers take, so that bytes are waiting inside the client, too.
  const datagram = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 40; i++) a.fabric.send('everyone', datagram)
  t.is(a.fabric.counters.dropped.backlog, 9)
  await Promise.all([a.end.untilLinked(false), b.end.untilLinked(false)])
  await eventually('attempts in vain', () => /no answer/.test(a.problems.at(-1) ?? ''))
  t.regex(a.problems[0]!, /pings were not answered/)
  hanging.resume()
  await Promise.all([a.end.untilLinked(true), b.end.untilLinked(true)])
  a.end.send('everyone', 'fresh')
  await b.end.untilReceived('fresh')
})

natsTest(
  'more than may be on its way is dropped and counted; there is room again once the server has read',
  async (t) => {
    const { url } = await server(t)
    const [a, b] = [await attach(t, [url], 1, { outboundBytesMax: 10_000 }), await attach(t, [url], 2)]
    for (let i = 0; i < 20; i++) a.end.send('everyone', 'x'.repeat(936))
    t.is(a.fabric.counters.sent, 10)
    t.is(a.fabric.counters.dropped.backlog, 10)
    await b.end.until('what had room', () => b.end.received.length === 10)
    await eventually('room', () => {
      a.end.send('everyone', 'more')
      return b.end.received.includes('more')
    })
    // One that is larger than all that may wait goes when nothing waits.
    await eventually('the large one', () => {
      a.end.send('everyone', 'y'.repeat(20_000))
      return b.end.received.includes('y'.repeat(20_000))
    })
  },
)

natsTest('a hundred megabytes sent as the server takes them all come, in many questions and answers', async (t) => {
  const { url } = await server(t)
  const [a, b] = [await attach(t, [url], 1, { outboundBytesMax: 2 * 1024 * 1024 }), await attach(t, [url], 2)]
  const datagram = new Uint8Array(64 * 1024)
  let bytes = 0
  b.fabric.listen(
    (received) => {
      bytes += received.length
    },
    () => {},
  )
  for (let sent = 0; sent < 1600; ) {
    const before = a.fabric.counters.sent
    a.fabric.send('everyone', datagram)
    if (a.fabric.counters.sent > before) sent++
    else await new Promise(setImmediate)
  }
  await eventually('all of it', () => bytes === 1600 * datagram.length)
  t.true(a.fabric.linked)
})

const restricted = (permissions: string): string => `
  authorization { users = [{ user: u, password: "p:w", permissions: ${permissions} }] }
`
const asUser = (url: string): string => url.replace('//', '//u:p%3Aw@')

for (const [what, permissions, subject] of [
  ['send to everyone', '{ publish: "lockstep.g.to.>", subscribe: ">" }', 'publish on lockstep.g.all'],
  ['send to one', '{ publish: "lockstep.g.all", subscribe: ">" }', 'publish on lockstep.g.to.0'],
  ['hear what is for all', '{ publish: ">", subscribe: "lockstep.g.to.>" }', 'subscription on lockstep.g.all'],
] as const) {
  natsTest(`an account that may not ${what}: not linked, and told what to allow`, async (t) => {
    const { url } = await server(t, { config: restricted(permissions) })
    const a = await attach(t, [asUser(url)], 0)
    await eventually('a second attempt', () => a.fabric.counters.problems > 1)
    t.false(a.fabric.linked)
    t.deepEqual(a.end.links, [])
    t.is(a.problems.length, 1)
    t.true(a.problems[0]!.includes(`no permission for ${subject}; `), a.problems[0])
    t.true(a.problems[0]!.includes('lockstep.g.>'), a.problems[0])
  })
}

natsTest('an account that may not hear its new address: the link ends, for it would be deaf', async (t) => {
  const permissions = '{ publish: ">", subscribe: ["lockstep.g.all", "lockstep.g.to.0", "lockstep.g.to.1"] }'
  const { url } = await server(t, { config: restricted(permissions) })
  const a = await attach(t, [asUser(url)], 1)
  t.true(a.fabric.linked)
  a.fabric.address(2)
  await a.end.untilLinked(false)
  await eventually('an attempt in vain', () => a.problems.length > 0)
  t.regex(a.problems[0]!, /no permission for subscription on lockstep\.g\.to\.2/)
})

natsTest('an account that may not send to one member: told, and linked all the same', async (t) => {
  const permissions = '{ publish: { deny: "lockstep.g.to.7" }, subscribe: ">" }'
  const { url } = await server(t, { config: restricted(permissions) })
  const [a, b] = [await attach(t, [asUser(url)], 1), await attach(t, [asUser(url)], 2)]
  a.end.send(7, 'refused')
  await eventually('a problem', () => a.problems.length > 0)
  t.regex(a.problems[0]!, /no permission for publish on lockstep\.g\.to\.7/)
  a.end.send('everyone', 'still here')
  await b.end.untilReceived('still here')
  t.deepEqual(a.end.links, [])
})

natsTest('a wrong password is told without telling it; a token does as well', async (t) => {
  const { url } = await server(t, { config: 'authorization { token: "s3cret" }' })
  const wrong = await attach(t, [url.replace('//', '//guess@')])
  t.false(wrong.fabric.linked)
  t.regex(wrong.problems[0]!, /authorization violation/i)
  t.notRegex(wrong.problems[0]!, /guess/)
  const right = await attach(t, [url.replace('//', '//s3cret@')])
  t.true(right.fabric.linked)
})

natsTest('two groups on one server do not hear each other', async (t) => {
  const { url } = await server(t)
  const [a, b] = [await attach(t, [url], 1), await attach(t, [url], 2)]
  const [c, d] = [await attach(t, [url], 1, { group: 'other' }), await attach(t, [url], 2, { group: 'other' })]
  // Once they have spoken, their addresses are known.
  b.end.send('everyone', 'hello')
  d.end.send('everyone', 'hello')
  await Promise.all([a.end.untilReceived('hello'), c.end.untilReceived('hello')])
  a.end.send(2, 'for 2 of g')
  a.end.send('everyone', 'for g')
  await b.end.untilReceived('for g')
  c.end.send('everyone', 'for other')
  await d.end.untilReceived('for other')
  t.deepEqual([b.end.received, d.end.received], [['for 2 of g', 'for g'], ['for other']])
})

natsTest('what was sent just before the end still leaves', async (t) => {
  const { url } = await server(t)
  const [a, b] = [await attach(t, [url], 1), await attach(t, [url], 2)]
  // More than a socket takes at once.
  const datagram = new Uint8Array(1024 * 1024)
  for (let i = 0; i < 12; i++) a.fabric.send('everyone', datagram)
  a.end.send('everyone', 'last words')
  await a.fabric.close()
  await b.end.untilReceived('last words')
  t.is(b.end.received.length, 13)
})

natsTest('the first words of the server come in pieces: they are put together', async (t) => {
  const { port } = await server(t)
  const proxy = createServer((socket) => {
    const there = connect({ host: '127.0.0.1', port })
    for (const end of [socket, there]) end.on('error', () => {}).setNoDelay(true)
    socket.pipe(there)
    there.on('data', (bytes: Buffer) => {
      socket.write(bytes.subarray(0, 50))
      setImmediate(() => socket.write(bytes.subarray(50)))
    })
    there.on('close', () => socket.destroy())
    socket.on('close', () => there.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => proxy.close())
  const a = await attach(t, [`nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`])
  await a.end.until('link', () => a.fabric.linked)
  t.deepEqual(a.problems, [])
})

natsTest('a server that carries more than the largest datagram: no more than that is promised', async (t) => {
  const { url } = await server(t, { config: 'max_payload: 64000000' })
  const [a, b] = [await attach(t, [url], 1), await attach(t, [url], 2)]
  t.is(a.fabric.datagramBytesMax, 16 * 1024 * 1024)
  const large = 'x'.repeat(a.fabric.datagramBytesMax)
  a.end.send('everyone', large)
  await b.end.untilReceived(large)
})

test('something else than a NATS server at the address: told, and tried again', async (t) => {
  const something = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  something.listen(0, '127.0.0.1')
  await once(something, 'listening')
  t.teardown(() => something.close())
  const address = something.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const a = await attach(t, [`127.0.0.1:${port}`])
  t.false(a.fabric.linked)
  t.deepEqual(a.problems, [`NATS server 127.0.0.1:${port}: does not speak NATS`])
})

for (const [what, options] of [
  ['a group name of two tokens', { group: 'a.b' }],
  ['a wildcard as group name', { group: '>' }],
  ['no server', { servers: [] }],
  ['an address that is none', { servers: ['nats://'] }],
  ['a WebSocket address', { servers: ['ws://127.0.0.1:80'] }],
] as const) {
  test(`${what} is refused before anything is dialled`, async (t) => {
    const complete = { servers: ['127.0.0.1'], group: 'g', name: 'a', onProblem: () => {}, onBug: () => {} }
    await t.throwsAsync(connectNats({ ...complete, ...options }), { name: 'BrokerError' })
  })
}

// A process that opens a fabric, waits for `ready`, closes it, and has nothing else to live for.
const closing = (ready: string): string => `
  import { connectNats } from ${JSON.stringify(new URL('../../broker/fabric/nats.ts', import.meta.url).href)}
  const opening = connectNats({
    servers: [process.env.URL_OF_NATS], group: 'g', name: 'a', dialMs: 60_000, pingEveryMs: 100,
    onProblem: () => {}, onBug: (error) => { throw error },
  })
  ${ready}
  await fabric.close()
`

async function ends(t: ExecutionContext, url: string, ready: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', closing(ready)], {
    env: { ...process.env, URL_OF_NATS: url },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(timer)
  t.deepEqual({ code, signal }, { code: 0, signal: null })
}

natsTest('closed while linked, the process ends by itself', async (t) => {
  const { url } = await server(t)
  await ends(t, url, "const fabric = await opening; if (!fabric.linked) throw new Error('not linked')")
})

natsTest('closed while there is no server, the process ends by itself', async (t) => {
  const gone = await startNats()
  await gone.stop()
  await ends(t, gone.url, "const fabric = await opening; if (fabric.linked) throw new Error('linked')")
})

natsTest('closed with much unsent to a server that hangs, the process ends by itself', async (t) => {
  const hanging = await server(t)
  const fillUp = `
    const fabric = await opening
    process.kill(${hanging.pid}, 'SIGSTOP')
    for (let i = 0; i < 16; i++) fabric.send('everyone', new Uint8Array(1_000_000))`
  await ends(t, hanging.url, fillUp)
})

natsTest('closed while dialling a server that hangs, the process ends by itself', async (t) => {
  const hanging = await server(t)
  const untilDialling = `
    const fabric = await opening
    const unlinked = new Promise((resolve) => fabric.listen(() => {}, resolve))
    process.kill(${hanging.pid}, 'SIGSTOP')
    await unlinked
    while (!process.getActiveResourcesInfo().includes('TCPSocketWrap')) await new Promise(setImmediate)`
  await ends(t, hanging.url, untilDialling)
})
