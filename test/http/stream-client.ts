// One stream over a real WebSocket, as a test wants it: what to say, and what was heard in order.

import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import { WebSocket } from 'ws'
import { decodeEvents, type EventsMessage, encodePublishes, encodeRecord } from '../../clients/src/wire.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages of many shapes
export type Said = { readonly op: string } & Record<string, any>
export interface HeardEvents extends EventsMessage {
  readonly op: 'events'
  readonly kind: number
  readonly bytes: number
}
export type Heard = Said | HeardEvents

export class StreamClient {
  readonly socket: WebSocket
  readonly heard: Heard[] = []
  readonly closed: Promise<number>
  history = ''
  private waiting: (() => void)[] = []
  private readonly taken = new Set<Heard>()

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data, isBinary) => {
      this.heard.push(isBinary ? this.events(data as Buffer) : (JSON.parse(String(data)) as Said))
      for (const wake of this.waiting.splice(0)) wake()
    })
    this.closed = once(socket, 'close').then(([code]) => {
      for (const wake of this.waiting.splice(0)) wake()
      return code as number
    })
  }

  static async open(t: ExecutionContext, url: string): Promise<StreamClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, 'lockstep.v1')
    t.teardown(() => socket.terminate())
    const client = new StreamClient(socket)
    await once(socket, 'open')
    const welcome = (await client.next('welcome')) as Said
    client.history = welcome['history']
    return client
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message))
  }

  publish(topic: string, sequence: number, events: readonly unknown[]): void {
    this.publishMany(sequence, [[topic, events]])
  }

  /** In one message. */
  publishMany(sequence: number, publishes: readonly (readonly [topic: string, events: readonly unknown[]])[]): void {
    const encoded = publishes.map(([topic, events]) => ({
      topic: Buffer.from(topic),
      records: events.map((data) => encodeRecord({ data: Buffer.from(JSON.stringify(data)) })),
    }))
    this.socket.send(encodePublishes(sequence, encoded))
  }

  publishRecords(topic: string, sequence: number, records: readonly Uint8Array[]): void {
    this.socket.send(encodePublishes(sequence, [{ topic: Buffer.from(topic), records }]))
  }

  /** The next message of this `op` that was not taken yet. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of many shapes
  async next(op: string): Promise<any> {
    for (;;) {
      const found = this.heard.find((message) => message.op === op && !this.taken.has(message))
      if (found) {
        this.taken.add(found)
        return found
      }
      if (this.socket.readyState === this.socket.CLOSED)
        throw new Error(`closed before ${op} came: ${JSON.stringify(this.heard)}`)
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  private events(bytes: Buffer): Heard {
    return { op: 'events', kind: bytes.readUInt8(0), ...decodeEvents(bytes, this.history), bytes: bytes.length }
  }
}
