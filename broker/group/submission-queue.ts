// Requests on their way to their slot. They gather while the event loop turns or while the window is full, and leave as
// one slot: under light load a batch is one request and leaves at once, under load batches grow by themselves. Its limit
// is what the submitter is told of: nothing is dropped.

import { encodeBatch, forEachRequest } from './batch.ts'
import type { SubmitRefusal } from './port.ts'
import type { GroupSettings } from './settings.ts'

export class SubmissionQueue {
  private readonly settings: GroupSettings
  private requests: Uint8Array[] = []
  private first = 0
  bytes = 0

  constructor(settings: GroupSettings) {
    this.settings = settings
  }

  get length(): number {
    return this.requests.length - this.first
  }

  add(request: Uint8Array): SubmitRefusal | undefined {
    const { queueRequestsMax, queueBytesMax } = this.settings
    if (this.length >= queueRequestsMax || this.bytes + request.length > queueBytesMax) return 'overloaded'
    this.requests.push(request)
    this.bytes += request.length
    return undefined
  }

  /** A batch that was sent and cut from the order goes first again, before what came later. */
  putBack(batch: Uint8Array): void {
    const requests: Uint8Array[] = []
    forEachRequest(batch, (request) => requests.push(request))
    this.requests = [...requests, ...this.requests.slice(this.first)]
    this.first = 0
    for (const request of requests) this.bytes += request.length
  }

  /** Takes out the requests at the head that are larger than can be sent, which they were not when they came in. */
  takeUnsendable(bytesMax: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    for (let head = this.requests[this.first]; head && head.length > bytesMax; head = this.requests[this.first]) {
      taken.push(head)
      this.advance(1, head.length)
    }
    return taken
  }

  /** The next batch: what has gathered, up to the limit; a larger request goes alone. */
  take(bytesMax: number): { room: Uint8Array; batch: Uint8Array } {
    const batchBytesMax = Math.min(bytesMax, this.settings.batchBytesMax)
    let count = 0
    let bytes = 0
    for (let i = this.first; i < this.requests.length; i++) {
      const length = this.requests[i]!.length
      if (count > 0 && bytes + length + 4 * (count + 1) > batchBytesMax) break
      bytes += length
      count++
    }
    const made = encodeBatch(this.requests.slice(this.first, this.first + count), bytes)
    this.advance(count, bytes)
    return made
  }

  private advance(count: number, bytes: number): void {
    this.first += count
    this.bytes -= bytes
    if (this.first > 1024 && this.first * 2 > this.requests.length) {
      this.requests = this.requests.slice(this.first)
      this.first = 0
    } else if (this.first === this.requests.length) {
      this.requests = []
      this.first = 0
    }
  }

  clear(): Uint8Array[] {
    const requests = this.requests.slice(this.first)
    this.requests = []
    this.first = 0
    this.bytes = 0
    return requests
  }
}
