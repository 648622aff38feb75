// A fabric for replicas that have a thread each, as in `lockstep dev`. The replica's thread holds one end of a line, and
// the other end lies at an endpoint of the hub in the main thread, which has the faults. A thread may stand still while
// others send to it: what waits in the line is counted in memory that both threads see, and bounded.

import { MessageChannel, type MessagePort } from 'node:worker_threads'
import {
  type CountingFabric,
  DATAGRAM_OVERHEAD_BYTES,
  type DropReason,
  type FabricCounters,
  guarded,
  newCounters,
} from './counters.ts'
import type { MemoryFabric } from './memory.ts'
import { DATAGRAM_BYTES_LARGEST } from './parts.ts'

/** The replica's end of a line: can be handed to its thread, `port` as something to transfer. */
export interface Line {
  readonly port: MessagePort
  /** Bytes that were put in and not taken out: towards the hub, and towards the replica. */
  readonly waiting: SharedArrayBuffer
  readonly datagramBytesMax: number
  readonly waitingBytesMax: number
}

type ToHub =
  | { readonly to: number | 'everyone'; readonly datagram: Uint8Array<ArrayBuffer> }
  | { readonly address: number }
type ToReplica =
  | { readonly datagram: Uint8Array<ArrayBuffer>; readonly lost: number; readonly overflow: number }
  | { readonly linked: boolean }

const TO_HUB = 0
const TO_REPLICA = 1

/** Lays a line to this endpoint. When the other end is closed, or its thread is gone, so is the endpoint. */
export function layLine(endpoint: MemoryFabric, waitingBytesMax: number): Line {
  const { port1: own, port2: port } = new MessageChannel()
  const waiting = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)
  const taken = new Int32Array(waiting)
  const { dropped } = endpoint.counters
  own.on('message', (message: ToHub) => {
    if ('address' in message) return endpoint.address(message.address)
    Atomics.sub(taken, TO_HUB, costOf(message.datagram))
    endpoint.send(message.to, message.datagram)
  })
  own.on('close', () => void endpoint.close())
  endpoint.listen(
    (datagram) => {
      if (!fits(taken, TO_REPLICA, datagram, waitingBytesMax)) {
        dropped.overflow++
        return
      }
      const { lost, overflow } = dropped
      post(own, { datagram: new Uint8Array(datagram), lost, overflow })
    },
    (linked) => post(own, { linked }),
  )
  return { port, waiting, datagramBytesMax: endpoint.datagramBytesMax, waitingBytesMax }
}

export class ThreadFabric implements CountingFabric {
  readonly counters: FabricCounters = newCounters()
  readonly datagramBytesMax: number
  linked = true
  private readonly line: Line
  private readonly waiting: Int32Array
  private receive: ((datagram: Uint8Array) => void) | undefined
  private linkChanged: ((linked: boolean) => void) | undefined

  /** What the listener throws comes to `onBug`, and the fabric goes on. */
  constructor(line: Line, onBug: (error: unknown) => void) {
    this.line = line
    this.datagramBytesMax = line.datagramBytesMax
    this.waiting = new Int32Array(line.waiting)
    this.counters.links = 1
    line.port.on('message', (message: ToReplica) => {
      if ('linked' in message) guarded(onBug, () => this.setLinked(message.linked))
      else guarded(onBug, () => this.take(message))
    })
  }

  send(to: number | 'everyone', datagram: Uint8Array): void {
    if (!this.linked) this.drop('unlinked')
    else if (datagram.length > DATAGRAM_BYTES_LARGEST) this.drop('too-large')
    else if (!fits(this.waiting, TO_HUB, datagram, this.line.waitingBytesMax)) this.drop('backlog')
    else {
      this.counters.sent++
      this.counters.sentBytes += datagram.length
      // The sender keeps its bytes, to send them again; these are given away.
      post(this.line.port, { to, datagram: new Uint8Array(datagram) })
    }
  }

  listen(receive: (datagram: Uint8Array) => void, linkChanged: (linked: boolean) => void): void {
    this.receive = receive
    this.linkChanged = linkChanged
  }

  address(incarnation: number): void {
    post(this.line.port, { address: incarnation })
  }

  async close(): Promise<void> {
    this.linked = false
    this.receive = undefined
    this.linkChanged = undefined
    this.line.port.close()
  }

  private take({ datagram, lost, overflow }: Extract<ToReplica, { datagram: unknown }>): void {
    Atomics.sub(this.waiting, TO_REPLICA, costOf(datagram))
    this.counters.dropped.lost = lost
    this.counters.dropped.overflow = overflow
    if (!this.linked) return this.drop('unlinked')
    if (this.receive === undefined) return this.drop('unheard')
    this.counters.received++
    this.counters.receivedBytes += datagram.length
    this.receive(datagram)
  }

  private setLinked(linked: boolean): void {
    this.linked = linked
    if (linked) this.counters.links++
    this.linkChanged?.(linked)
  }

  private drop(reason: DropReason): void {
    this.counters.dropped[reason]++
  }
}

function post(port: MessagePort, message: ToHub | ToReplica): void {
  port.postMessage(message, 'datagram' in message ? [message.datagram.buffer] : [])
}

/** Counts it as waiting, unless too much does already. */
function fits(waiting: Int32Array, way: number, datagram: Uint8Array, most: number): boolean {
  const cost = costOf(datagram)
  if (Atomics.add(waiting, way, cost) + cost <= most) return true
  Atomics.sub(waiting, way, cost)
  return false
}

function costOf(datagram: Uint8Array): number {
  return datagram.length + DATAGRAM_OVERHEAD_BYTES
}
