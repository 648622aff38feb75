// What both the group and its raw peer do with a batch that arrives, so that both pay for it.

/** Walks the batch as a broker would, and sees that what comes out is what went in. */
export function countEvents(batch: Uint8Array, eventBytes: number): number {
  const lengths = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  let events = 0
  for (let at = 0; at < batch.length; events++) {
    const length = lengths.getUint32(at, true)
    if (length !== eventBytes) throw new Error(`an event of ${eventBytes} bytes arrived with ${length}`)
    at += 4 + length
  }
  return events
}
