// What comes from a server in whatever pieces the network makes of it, read into buffers that are used again: nothing is
// lost, mixed up or overwritten while somebody looks at it. The server here is a script that speaks as a NATS server does.

import { randomBytes, randomInt } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { connectNats, type NatsFabric } from '../../broker/fabric/nats.ts'

const INFO = 'INFO {"server_id":"S","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576}\r\n'

/** What a client sends that is linked and listens. */
const GO = Buffer.from('go')

/** `speak`: what it says to a client that has said so, by the subject of all and the client's number for it. */
async function scripted(
  t: ExecutionContext,
  speak: (socket: Socket, subject: string, sid: string) => Promise<void>,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).write(INFO)
    let heard = ''
    let spoken = false
    socket.on('data', (bytes: Buffer) => {
      const before = heard.length
      heard += bytes.toString('latin1')
      if (heard.indexOf('PING\r\n', Math.max(0, before - 5)) >= 0) socket.write('PONG\r\n')
      const [, subject, sid] = /SUB (\S+\.all) +(\d+)\r\n/.exec(heard) ?? []
      if (spoken || subject === undefined || !heard.includes(`PUB ${subject} ${GO.length}\r\n${GO}\r\n`)) return
      spoken = true
      void speak(socket, subject, sid!)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `nats://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function attach(t: ExecutionContext, url: string, problems: string[] = []): Promise<NatsFabric> {
  const fabric = await connectNats({
    servers: [url],
    group: 'g',
    name: 'a',
    redialMs: 20,
    pingEveryMs: 60_000, // What is given up is given up at once, not for want of an answer.
    onProblem: (text) => problems.push(text),
    onBug: (error) => t.fail(String(error)),
  })
  t.teardown(() => fabric.close())
  return fabric
}

/** Never begins as a part of something larger does. */
function payload(length: number): Buffer {
  const bytes = randomBytes(length)
  bytes[0] = 1
  return bytes
}

const PIECES: readonly (readonly [string, () => number])[] = [
  ['bytes one by one and a few', () => randomInt(1, 40)],
  ['pieces of some kilobytes', () => randomInt(1, 20_000)],
  ['pieces larger than several messages', () => randomInt(100_000, 900_000)],
]

for (const [what, pieceBytes] of PIECES) {
  test(`messages that come in ${what}: each whole and in order`, async (t) => {
    const small = what.startsWith('bytes')
    const sent = Array.from({ length: small ? 60 : 400 }, (_, i) =>
      payload(i % 50 === 49 && !small ? 700_000 : randomInt(1, i % 3 === 0 && !small ? 60_000 : 300)),
    )
    // The end of a line in the middle of a message ends nothing.
    sent.push(Buffer.from('MSG g 1 5\r\nhello\r\nPING\r\n'))
    const url = await scripted(t, async (socket, subject, sid) => {
      const said = sent.flatMap((bytes, i) => {
        const between = ['', 'PING\r\n', '+OK\r\n', INFO][i % 4]!
        const head =
          i % 7 === 3 ? `HMSG ${subject} ${sid} 12 ${12 + bytes.length}` : `MSG ${subject} ${sid} ${bytes.length}`
        const headers = i % 7 === 3 ? 'NATS/1.0\r\n\r\n' : ''
        return [Buffer.from(`${between}${head}\r\n${headers}`), bytes, Buffer.from('\r\n')]
      })
      const all = Buffer.concat(said)
      for (let at = 0; at < all.length; ) {
        const end = at + pieceBytes()
        if (!socket.write(all.subarray(at, end))) await once(socket, 'drain')
        else await new Promise(setImmediate)
        at = end
      }
    })
    const received: Uint8Array[] = []
    const fabric = await attach(t, url)
    await new Promise<void>((resolve) => {
      fabric.listen(
        (datagram) => {
          received.push(Buffer.from(datagram))
          if (received.length === sent.length) resolve()
        },
        () => {},
      )
      fabric.send('everyone', GO)
    })
    t.true(received.every((datagram, i) => sent[i]!.equals(datagram)))
  })
}

for (const [what, words] of [
  ['a line without end', 'x'.repeat(1_200_000)],
  ['a message of so many bytes that no server sends it', 'MSG g 1 99999999999\r\n'],
  ['a message whose length is no number', 'MSG g 1 many\r\n'],
  ['a message of less than nothing', 'MSG g 1 -1000\r\n'],
  ['an operation that there is none of', 'FOO bar\r\n'],
] as const) {
  test(`${what}: the connection is given up and another one tried`, async (t) => {
    let spoken = 0
    const url = await scripted(t, async (socket) => {
      spoken++
      socket.write(words)
    })
    const problems: string[] = []
    const fabric = await attach(t, url, problems)
    const links: boolean[] = [fabric.linked]
    await new Promise<void>((resolve) => {
      fabric.listen(
        () => t.fail('there is no message'),
        (linked) => {
          links.push(linked)
          if (linked && spoken > 1) resolve()
          else if (linked) fabric.send('everyone', GO)
        },
      )
      fabric.send('everyone', GO)
    })
    t.deepEqual(links, [true, false, true, false, true])
    t.true(problems.length > 0)
  })
}

test('a name of several addresses, nobody at one of them: each attempt finds the other', async (t) => {
  const { lookup } = dns
  const addresses = ['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 }))
  const patched = (name: string, options: dns.LookupAllOptions, done: (...results: unknown[]) => void): void => {
    if (name === 'several.test') process.nextTick(done, null, addresses)
    else lookup(name, options, done)
  }
  dns.lookup = patched as typeof dns.lookup
  t.teardown(() => {
    dns.lookup = lookup
  })
  const url = await scripted(t, async () => {})
  // The client takes the addresses in any order.
  for (let i = 0; i < 8; i++) t.true((await attach(t, url.replace('127.0.0.1', 'several.test'))).linked)
})
