// An idle stream to each other replica, which breaks at once when that process dies: its system closes what it had open.
// What breaks is opened again, and only if nobody answers there, or somebody else does, is it a hint that the member is
// gone; the group then asks it by pings. A process that only stands still keeps its connections, and gives no hint.

import { WebSocket } from 'ws'
import { SUBPROTOCOL } from './stream/subprotocol.ts'

export interface Neighbour {
  readonly name: string
  readonly incarnation: string
  readonly url: string
}

export interface NeighboursParts {
  /** This member is probably gone. */
  readonly onGone: (incarnation: string) => void
  /** Calls after so many milliseconds, until the function that it returns is called. */
  readonly after: (ms: number, call: () => void) => () => void
}

/** Where nobody answers, or somebody else does, it is tried again after so long. */
const AGAIN_MS = 1000
/**
 * What was there and is not any more is tried sooner, so many times: a process that is being killed closes its connections
 * one after another, its port not first, …
 */
const SOON_TIMES = 10
const SOON_MS = 10
/** … and a hint is in vain where something that the dead one had sent is heard while it is asked: that takes `probe`, 50 ms. */
const REFUSED_AGAIN_MS = 100
/** An attempt that is neither answered nor refused by then is no hint, and is made again. */
const OPEN_MS = 3000
/** A welcome with the view of thirty members is far below. */
const MESSAGE_BYTES_MAX = 256 * 1024

export class Neighbours {
  private readonly parts: NeighboursParts
  private links: Link[] = []

  constructor(parts: NeighboursParts) {
    this.parts = parts
  }

  /** From now on these are watched; `url` may be '' where nobody knows it. */
  watch(neighbours: readonly Neighbour[]): void {
    const kept = this.links.filter(({ to }) => neighbours.some((one) => isSame(one, to)))
    for (const link of this.links) if (!kept.includes(link)) link.close()
    const fresh = neighbours.filter((one) => one.url !== '' && !kept.some(({ to }) => isSame(one, to)))
    this.links = [...kept, ...fresh.map((to) => new Link(to, this.parts))]
  }

  close(): void {
    this.watch([])
  }
}

class Link {
  readonly to: Neighbour
  private readonly parts: NeighboursParts
  private socket: WebSocket | undefined
  private stopWaiting: (() => void) | undefined
  private closed = false
  /** It was there once. Until then its address may be wrong, which says nothing of it. */
  private known = false
  private soon = SOON_TIMES
  private refusedSoon = SOON_TIMES

  constructor(to: Neighbour, parts: NeighboursParts) {
    this.to = to
    this.parts = parts
    this.open()
  }

  close(): void {
    this.closed = true
    this.stopWaiting?.()
    this.socket?.terminate()
  }

  private open(): void {
    if (this.closed) return
    this.stopWaiting = undefined
    let welcomed = false
    let refused = false
    const openedAt = performance.now()
    const socket = new WebSocket(`${this.to.url.replace(/^http/, 'ws')}/v1/stream`, SUBPROTOCOL, {
      handshakeTimeout: OPEN_MS,
      maxPayload: MESSAGE_BYTES_MAX,
      perMessageDeflate: false,
    })
    this.socket = socket
    socket.on('message', (data, isBinary) => {
      if (isBinary || welcomed) return
      welcomed = true
      if (incarnationOf(String(data)) === this.to.incarnation) this.known = true
      else this.gone()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      refused = error.code === 'ECONNREFUSED'
    })
    socket.on('close', () => {
      if (this.closed) return
      if (refused) this.gone()
      // What was open for a while and broke is tried at once.
      if (welcomed && performance.now() - openedAt > AGAIN_MS) {
        this.soon = SOON_TIMES
        this.refusedSoon = SOON_TIMES
        this.open()
        return
      }
      this.stopWaiting = this.parts.after(this.waitMs(refused), () => this.open())
    })
  }

  private waitMs(refused: boolean): number {
    if (!this.known) return AGAIN_MS
    if (refused) return this.refusedSoon-- > 0 ? REFUSED_AGAIN_MS : AGAIN_MS
    return this.soon-- > 0 ? SOON_MS : AGAIN_MS
  }

  private gone(): void {
    if (!this.closed) this.parts.onGone(this.to.incarnation)
  }
}

function isSame(one: Neighbour, other: Neighbour): boolean {
  return one.incarnation === other.incarnation && one.url === other.url
}

function incarnationOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { incarnation?: unknown }).incarnation
  } catch {
    return undefined
  }
}
