// A batch is what a slot carries: requests one after another, each a length (u32, little endian) and its bytes. Made
// once by the sender; every replica walks the same bytes.

export function encodeBatch(requests: readonly Uint8Array[], bytes: number): Uint8Array {
  const batch = new Uint8Array(bytes + 4 * requests.length)
  const lengths = new DataView(batch.buffer)
  let at = 0
  for (const request of requests) {
    lengths.setUint32(at, request.length, true)
    batch.set(request, at + 4)
    at += 4 + request.length
  }
  return batch
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
