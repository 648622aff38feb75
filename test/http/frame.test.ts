// Frames are written into memory that is used again: whoever reads fast, slowly or not to the end, each gets its own bytes.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setTimeout as after } from 'node:timers/promises'
import test from 'ava'
import { frameHead, writeBinary, writeText } from '../../broker/http/stream/frame.ts'
import { Chance } from '../sim/random.ts'

/** The n-th to this reader: no other one is like it. */
function payloadOf(reader: number, n: number, length: number): Buffer {
  return Buffer.alloc(length, `${reader}/${n} `)
}

test('readers that stall, and some that are cut off: the others get every byte as it was written', async (t) => {
  const chance = new Chance(7, 'frames')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const readers: { socket: Socket; far: Socket; got: Buffer[]; sent: Buffer[] }[] = []
  for (let i = 0; i < 12; i++) {
    const far = connect(port, '127.0.0.1')
    const [socket] = (await once(server, 'connection')) as [Socket]
    socket.on('error', () => {})
    far.on('error', () => {})
    const got: Buffer[] = []
    far.on('data', (data) => got.push(data))
    readers.push({ socket, far, got, sent: [] })
  }
  // More than there are frames: those that stall take all of them.
  for (const { far } of readers.slice(0, 6)) far.pause()
  for (let round = 0; round < 60; round++) {
    for (const [i, { socket, sent }] of readers.entries()) {
      if (socket.destroyed) continue
      const payload = payloadOf(i, round, chance.pick([1000, 30_000, 60_000, 90_000, 150_000]))
      sent.push(Buffer.concat([frameHead('binary', payload.length), payload]))
      writeBinary(socket, { length: payload.length, writeTo: (target, at) => void payload.copy(target, at) })
    }
    if (round === 40) readers[0]!.socket.destroy()
    if (round === 45) readers[6]!.far.destroy()
    if (round === 50) for (const { far } of readers) far.resume()
    await after(2)
  }
  for (const { socket, far, got, sent } of readers) {
    if (socket === readers[0]!.socket || far === readers[6]!.far) continue
    socket.end()
    await once(far, 'end')
    t.true(Buffer.concat(got).equals(Buffer.concat(sent)))
  }
  for (const { socket, far } of readers) {
    socket.destroy()
    far.destroy()
  }
  server.close()
})

test('texts of any length, of one byte a letter and of more: one frame each, as a reader of WebSockets has it', (t) => {
  for (const text of ['', '{}', 'x'.repeat(125), 'x'.repeat(126), 'ü'.repeat(63), '日本語', '🙂'.repeat(20_000)]) {
    const written: Buffer[] = []
    writeText(new Writable({ write: (data, _encoding, done) => done(void written.push(data)) }), text)
    const bytes = Buffer.from(text)
    t.deepEqual(written, [Buffer.concat([frameHead('text', bytes.length), bytes])])
  }
  t.is(frameHead('text', 126).toString('hex'), '817e007e')
})
