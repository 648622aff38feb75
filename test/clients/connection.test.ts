// A connection alone, over a WebSocket that is told by hand what has come.

import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Connection, type ConnectionEvents, type WebSocketClass } from '../../clients/src/connection.ts'
import { SilentSocket } from './silent-socket.ts'

const OPEN_MS = 50

function open(t: ExecutionContext, listener: Partial<ConnectionEvents>): [Connection, SilentSocket] {
  let socket: SilentSocket | undefined
  class Given extends SilentSocket {
    constructor() {
      super()
      socket = this
    }
  }
  const nothing = { welcomed: () => t.fail(), message: () => t.fail(), events: () => t.fail(), ended: () => t.fail() }
  const url = 'http://127.0.0.1:1'
  const connection = new Connection(Given as unknown as WebSocketClass, url, OPEN_MS, { ...nothing, ...listener })
  t.teardown(() => connection.close())
  return [connection, socket as SilentSocket]
}

test('a WebSocket that hands over what comes after its close: it is not listened to', (t) => {
  const [connection, socket] = open(t, {})
  connection.close()
  socket.onmessage?.({ data: new ArrayBuffer(17) })
  socket.onmessage?.({ data: '{"op":"beat"}' })
  t.pass()
})

test('nothing is heard for three beats: it is over, and its WebSocket is closed', async (t) => {
  const began = performance.now()
  const { promise, resolve } = Promise.withResolvers<string>()
  const [, socket] = open(t, { welcomed() {}, ended: resolve })
  socket.onmessage?.({ data: '{"op":"welcome","beatMs":60}' })
  t.is(await promise, 'nothing was heard for too long')
  t.true(performance.now() - began >= 180 - 1)
  t.true(socket.closed)
})

test('this side stands still for longer than that, and the welcome has come meanwhile: it is read, and all goes on', async (t) => {
  let welcomed = false
  const [, socket] = open(t, { welcomed: () => (welcomed = true) })
  // It is due after the timer that looks for silence.
  setTimeout(() => socket.onmessage?.({ data: '{"op":"welcome","beatMs":60000}' }), OPEN_MS + 10)
  const until = performance.now() + 2 * OPEN_MS
  while (performance.now() < until);
  await sleep(6 * OPEN_MS)
  t.true(welcomed)
  t.false(socket.closed)
})
