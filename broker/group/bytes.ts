// Memory for what is kept for long: of its own, outside the pool that Node.js shares among small buffers, and not filled
// with zeros before it is written.

export function unfilled(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

export function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = unfilled(bytes.length)
  copy.set(bytes)
  return copy
}
