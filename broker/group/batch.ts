// A batch is what a slot carries: requests one after another, each a length (u32, little endian) and its bytes. Made
// once by the sender; every replica walks the same bytes.

import { copyOf, unfilled } from './bytes.ts'

/**
 * Free bytes before a batch that was just made, for the head of the datagram that will carry it: so it needs no copy of
 * its own. Enough for the usual names in a view of eight.
 */
export const HEADROOM_BYTES: number = 256

/** Of a batch, beside the bytes of each request. */
export const LENGTH_BYTES: number = 4

/** `room` is the batch with the free bytes before it. */
export interface MadeBatch {
  readonly room: Uint8Array
  readonly batch: Uint8Array
  /** How many there are. */
  readonly requests: number
}

/** Writes requests where they are to stay, one batch after another. */
export class BatchWriter {
  /** Of the batch that is being written. */
  requests = 0
  private readonly endMax: number
  private end = HEADROOM_BYTES
  private room: Uint8Array | undefined
  private lengths: DataView = new DataView(new ArrayBuffer(0))

  /** A batch has `bytesMax` bytes, at most. */
  constructor(bytesMax: number) {
    this.endMax = HEADROOM_BYTES + bytesMax
  }

  /** Whether it was added; else there is no room for it in this batch. */
  add(request: Uint8Array): boolean {
    const at = this.end + LENGTH_BYTES
    const end = at + request.length
    if (end > this.endMax) return false
    this.room ??= this.newRoom()
    this.lengths.setUint32(this.end, request.length, true)
    this.room.set(request, at)
    this.end = end
    this.requests++
    return true
  }

  /** The batch so far, of one request or more; what is added from now on is in the next one. */
  finish(): MadeBatch {
    const { requests } = this
    let room = this.room!.subarray(0, this.end)
    // What is small is copied out, and its room is the next one's.
    if (4 * this.end < 3 * this.endMax) room = copyOf(room)
    else this.room = undefined
    this.end = HEADROOM_BYTES
    this.requests = 0
    return { room, batch: room.subarray(HEADROOM_BYTES), requests }
  }

  private newRoom(): Uint8Array {
    const room = unfilled(this.endMax)
    this.lengths = new DataView(room.buffer)
    return room
  }
}

/** One batch of all of them. */
export function encodeBatch(requests: readonly Uint8Array[]): MadeBatch {
  const writer = new BatchWriter(requests.reduce((sum, { length }) => sum + LENGTH_BYTES + length, 0))
  for (const request of requests) writer.add(request)
  return writer.finish()
}

/** Calls with each request in order. The requests are views into the batch. */
export function forEachRequest(batch: Uint8Array, visit: (request: Uint8Array) => void): void {
  const lengths = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  let at = 0
  while (at < batch.length) {
    const end = at + LENGTH_BYTES + lengths.getUint32(at, true)
    visit(batch.subarray(at + LENGTH_BYTES, end))
    at = end
  }
}

/** The request that has waited in it for longest. */
export function firstRequest(batch: Uint8Array): Uint8Array {
  const length = new DataView(batch.buffer, batch.byteOffset, batch.byteLength).getUint32(0, true)
  return batch.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
}
