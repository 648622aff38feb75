// The smallest application that needs every promise of the group: a log of events, each published once, with the
// publishers' numbers as part of the state. It is the broker without topics: what it finds wrong is the group's fault.

import { crc32 } from 'node:zlib'
import { forEachRequest } from '../../broker/group/batch.ts'
import type { View } from '../../broker/group/view.ts'
import type { Token } from './observation.ts'

/** An event of a publisher, and the submission that carried it. */
export interface LogRequest {
  readonly token: Token
  readonly publisher: number
  readonly sequence: number
}

const REQUEST_BYTES = 12
/** Of an event in a snapshot. More than is needed: snapshots shall take more than one datagram. */
const EVENT_BYTES = 32

export function encodeRequest(request: LogRequest, padding: number): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES + padding)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, request.token, true)
  view.setUint32(4, request.publisher, true)
  view.setUint32(8, request.sequence, true)
  return bytes
}

export function decodeBatch(batch: Uint8Array): LogRequest[] {
  const requests: LogRequest[] = []
  forEachRequest(batch, (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    requests.push({
      token: view.getUint32(0, true),
      publisher: view.getUint32(4, true),
      sequence: view.getUint32(8, true),
    })
  })
  return requests
}

export type Verdict = 'applied' | 'duplicate' | 'refused'

export class Log {
  /** What was published, in order: publisher and sequence number. */
  readonly events: { publisher: number; sequence: number }[] = []
  private readonly highest = new Map<number, number>()
  chain = 0

  get digest(): string {
    return this.chain.toString(16)
  }

  highestOf(publisher: number): number {
    return this.highest.get(publisher) ?? 0
  }

  apply(batch: Uint8Array, verdict: (request: LogRequest, verdict: Verdict) => void): void {
    this.chain = crc32(batch, this.chain)
    for (const request of decodeBatch(batch)) {
      const before = this.highestOf(request.publisher)
      if (request.sequence <= before) verdict(request, 'duplicate')
      else if (request.sequence > before + 1) verdict(request, 'refused')
      else {
        this.highest.set(request.publisher, request.sequence)
        this.events.push({ publisher: request.publisher, sequence: request.sequence })
        verdict(request, 'applied')
      }
    }
  }

  applyView(view: View): void {
    this.chain = crc32(`${view.number} ${view.members.map((member) => member.incarnation).join(' ')}`, this.chain)
  }

  snapshot(): Uint8Array {
    const bytes = new Uint8Array(4 + EVENT_BYTES * this.events.length)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, this.chain, true)
    for (const [i, event] of this.events.entries()) {
      view.setUint32(4 + EVENT_BYTES * i, event.publisher, true)
      view.setUint32(8 + EVENT_BYTES * i, event.sequence, true)
    }
    return bytes
  }

  restore(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.chain = view.getUint32(0, true)
    this.events.length = 0
    this.highest.clear()
    for (let at = 4; at < bytes.length; at += EVENT_BYTES) {
      const publisher = view.getUint32(at, true)
      const sequence = view.getUint32(at + 4, true)
      this.events.push({ publisher, sequence })
      this.highest.set(publisher, sequence)
    }
  }
}

export function checksum(bytes: Uint8Array): number {
  return crc32(bytes)
}
