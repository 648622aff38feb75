// A subscriber by a stream of its own, as lean as it can be: very many of them share a process, and the machine, with what
// is measured.

import { once } from 'node:events'
import { WebSocket } from 'ws'
import { decodeEvents } from '../../clients/src/wire.ts'

/** What it has received, and whether it reads. */
export interface Subscriber {
  received: number
  /** Of events. */
  bytes: number
  pause(): void
  close(): void
}

/** More than any of them is sent. */
const CREDIT = 2 ** 20

export async function subscribeByStream(url: string, topic: string): Promise<Subscriber> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, 'lockstep.v1', { perMessageDeflate: false })
  const subscriber = { received: 0, bytes: 0, pause: () => socket.pause(), close: () => socket.terminate() }
  const open = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the stream was closed before it was subscribed')))
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) {
        subscriber.received += decodeEvents(data, '').events.length
        subscriber.bytes += data.length
      } else if (String(data).includes('"subscribed"')) resolve()
    })
  })
  open.catch(() => {})
  await once(socket, 'open')
  socket.send(JSON.stringify({ op: 'subscribe', sub: 1, topics: [topic], credit: CREDIT }))
  await open
  return subscriber
}
