// A batch is what a slot carries: requests one after another, each a length (u32, little endian) and its bytes. Made
// once by the sender; every replica walks the same bytes.

/**
 * Free bytes before a batch that was just made, for the head of the datagram that will carry it: so it needs no copy of
 * its own. Enough for the usual names in a view of eight.
 */
export const HEADROOM_BYTES: number = 256

/** `bytes`: of all requests together. `room` is the batch with the free bytes before it. */
export function encodeBatch(requests: readonly Uint8Array[], bytes: number): { room: Uint8Array; batch: Uint8Array } {
  const room = new Uint8Array(Buffer.allocUnsafeSlow(HEADROOM_BYTES + bytes + 4 * requests.length).buffer)
  const lengths = new DataView(room.buffer)
  let at = HEADROOM_BYTES
  for (const request of requests) {
    lengths.setUint32(at, request.length, true)
    room.set(request, at + 4)
    at += 4 + request.length
  }
  return { room, batch: room.subarray(HEADROOM_BYTES) }
}

/** Calls with each request in order. The requests are views into the batch. */
export function forEachRequest(batch: Uint8Array, visit: (request: Uint8Array) => void): void {
  const lengths = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  let at = 0
  while (at < batch.length) {
    const end = at + 4 + lengths.getUint32(at, true)
    visit(batch.subarray(at + 4, end))
    at = end
  }
}

/** The request that has waited in it for longest. */
export function firstRequest(batch: Uint8Array): Uint8Array {
  const length = new DataView(batch.buffer, batch.byteOffset, batch.byteLength).getUint32(0, true)
  return batch.subarray(4, 4 + length)
}
