// What a fabric counts about itself. Loss is silent for the group, which repairs it; here an operator sees how much there
// was and why.

import type { Fabric } from './fabric.ts'

export type DropReason =
  | 'unlinked' // sent, or received, while the fabric was not reachable from here
  | 'too-large' // over what is carried even in parts
  | 'backlog' // sent, with too much before it that has not left yet
  | 'overflow' // received, with too much before it that has not been taken yet
  | 'unheard' // received before anybody listened
  | 'lost' // by a fault that was asked for: a lost share, a cut

export interface FabricCounters {
  /** Datagrams handed on; one to everyone counts once. */
  sent: number
  sentBytes: number
  received: number
  receivedBytes: number
  readonly dropped: Record<DropReason, number>
  /** Times that the fabric became linked; all but the first are reconnects. */
  links: number
  /** Failed attempts, lost connections and refusals; also told in words, but not each time. */
  problems: number
}

export interface CountingFabric extends Fabric {
  readonly counters: Readonly<FabricCounters>
}

/** What a datagram is taken to cost in a queue beyond its bytes, so that a queue of empty ones is bounded, too. */
export const DATAGRAM_OVERHEAD_BYTES = 64

export function newCounters(): FabricCounters {
  return {
    sent: 0,
    sentBytes: 0,
    received: 0,
    receivedBytes: 0,
    dropped: { unlinked: 0, 'too-large': 0, backlog: 0, overflow: 0, unheard: 0, lost: 0 },
    links: 0,
    problems: 0,
  }
}

/** An exception in a listener must reach whoever decides over bugs, and must not end what delivers to it. */
export function guarded(onBug: (error: unknown) => void, call: () => void): void {
  try {
    call()
  } catch (error) {
    onBug(error)
  }
}
