// A fabric inside one process, for `lockstep dev` and for tests. Replicas attach to a hub; what one sends comes to the
// others in a later turn of the event loop, never inside `send`, so that no member is entered while it is at work.
// Faults can be asked for: an endpoint without a link, a pair that does not hear each other, a share that is lost.

import {
  type CountingFabric,
  DATAGRAM_OVERHEAD_BYTES,
  type DropReason,
  type FabricCounters,
  guarded,
  newCounters,
} from './counters.ts'
import { DATAGRAM_BYTES_LARGEST } from './parts.ts'

export interface HubSettings {
  /** As a NATS server has it by default. */
  readonly datagramBytesMax: number
  /** What may wait at one receiver. Too small: bursts are lost and repaired. Too large: memory, and old news. */
  readonly inboundBytesMax: number
}

const DEFAULTS: HubSettings = { datagramBytesMax: 1024 * 1024, inboundBytesMax: 64 * 1024 * 1024 }

export class MemoryHub {
  readonly settings: HubSettings
  private readonly endpoints = new Set<MemoryFabric>()
  private readonly cuts = new Map<MemoryFabric, Set<MemoryFabric>>()
  private isLost: () => boolean = () => false

  constructor(settings: Partial<HubSettings> = {}) {
    this.settings = { ...DEFAULTS, ...settings }
  }

  /** A new endpoint, linked. What its listener throws comes to `onBug`, and the fabric goes on. */
  attach(onBug: (error: unknown) => void): MemoryFabric {
    const endpoint = new MemoryFabric(this, onBug)
    this.endpoints.add(endpoint)
    return endpoint
  }

  /** From now on this share of all datagrams is lost, each receiver's copy by itself; 0: none. */
  lose(share: number, random: () => number): void {
    this.isLost = share === 0 ? () => false : () => random() < share
  }

  /** The two do not hear each other any more, and are not told so. */
  cut(a: MemoryFabric, b: MemoryFabric): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      this.cuts.set(one, (this.cuts.get(one) ?? new Set()).add(other))
    }
  }

  mend(a: MemoryFabric, b: MemoryFabric): void {
    this.cuts.get(a)?.delete(b)
    this.cuts.get(b)?.delete(a)
  }

  /** For the endpoints of this hub. */
  carry(from: MemoryFabric, to: number | 'everyone', datagram: Uint8Array): void {
    for (const endpoint of this.endpoints) {
      if (endpoint === from || !(to === 'everyone' || endpoint.incarnation === to)) continue
      const lost = this.cuts.get(from)?.has(endpoint) || this.isLost()
      endpoint.take(datagram, lost)
    }
  }

  detach(endpoint: MemoryFabric): void {
    this.endpoints.delete(endpoint)
    this.cuts.delete(endpoint)
    for (const others of this.cuts.values()) others.delete(endpoint)
  }
}

export class MemoryFabric implements CountingFabric {
  readonly counters: FabricCounters = newCounters()
  linked = true
  /** 0, which is nobody's, until `address` is called. */
  incarnation = 0
  private readonly hub: MemoryHub
  private readonly onBug: (error: unknown) => void
  private receive: ((datagram: Uint8Array) => void) | undefined
  private linkChanged: ((linked: boolean) => void) | undefined
  private linkedAsTold = true
  private inbound: Uint8Array[] = []
  private inboundBytes = 0
  private due: NodeJS.Immediate | undefined
  private closed = false

  constructor(hub: MemoryHub, onBug: (error: unknown) => void) {
    this.hub = hub
    this.onBug = onBug
    this.counters.links = 1
  }

  get datagramBytesMax(): number {
    return this.hub.settings.datagramBytesMax
  }

  send(to: number | 'everyone', datagram: Uint8Array): void {
    if (!this.linked) this.drop('unlinked')
    else if (datagram.length > DATAGRAM_BYTES_LARGEST) this.drop('too-large')
    else {
      this.counters.sent++
      this.counters.sentBytes += datagram.length
      this.hub.carry(this, to, datagram)
    }
  }

  listen(receive: (datagram: Uint8Array) => void, linkChanged: (linked: boolean) => void): void {
    this.receive = receive
    this.linkChanged = linkChanged
    this.linkedAsTold = this.linked
  }

  address(incarnation: number): void {
    this.incarnation = incarnation
  }

  /** The fabric is no longer reachable from here: nothing goes out or comes in until `link`. */
  unlink(): void {
    this.setLinked(false)
  }

  link(): void {
    if (!this.closed) this.setLinked(true)
  }

  /** For the hub: puts a datagram at the end of the queue. */
  take(datagram: Uint8Array, lost: boolean): void {
    const bytes = datagram.length + DATAGRAM_OVERHEAD_BYTES
    if (lost) this.drop('lost')
    else if (!this.linked) this.drop('unlinked')
    else if (this.receive === undefined) this.drop('unheard')
    else if (this.inboundBytes + bytes > this.hub.settings.inboundBytesMax) this.drop('overflow')
    else {
      this.inbound.push(datagram)
      this.inboundBytes += bytes
      this.due ??= setImmediate(() => this.deliver())
    }
  }

  async close(): Promise<void> {
    this.closed = true
    this.linked = false
    this.hub.detach(this)
    this.forgetInbound()
    clearImmediate(this.due)
  }

  private setLinked(linked: boolean): void {
    if (this.linked === linked) return
    this.linked = linked
    if (linked) this.counters.links++
    else this.forgetInbound()
    this.due ??= setImmediate(() => this.deliver())
  }

  /** What is sent meanwhile waits for the next turn, so that two busy endpoints cannot starve the event loop. */
  private deliver(): void {
    this.due = undefined
    if (this.linkedAsTold !== this.linked) {
      this.linkedAsTold = this.linked
      guarded(this.onBug, () => this.linkChanged?.(this.linked))
    }
    const batch = this.inbound
    this.inbound = []
    this.inboundBytes = 0
    for (const datagram of batch) {
      // The listener may have closed or unlinked this endpoint on the way.
      if (!this.linked) {
        this.drop('unlinked')
        continue
      }
      this.counters.received++
      this.counters.receivedBytes += datagram.length
      guarded(this.onBug, () => this.receive?.(datagram))
    }
  }

  private forgetInbound(): void {
    this.counters.dropped.unlinked += this.inbound.length
    this.inbound = []
    this.inboundBytes = 0
  }

  private drop(reason: DropReason): void {
    this.counters.dropped[reason]++
  }
}
