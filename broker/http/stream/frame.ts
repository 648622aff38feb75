// The head of a WebSocket frame, for messages that are written in pieces (RFC 6455, 5.2); all else of WebSocket is the
// package ws.

const FINAL_BINARY = 0x82
/** Lengths below are in the second byte itself; these two say that they follow, in 16 or 64 bits. */
const IN_16_BITS = 126
const IN_64_BITS = 127

/** Of a binary message in one frame, from a server: it has no mask. */
export function binaryFrameHead(length: number): Buffer {
  if (length < IN_16_BITS) return Buffer.from([FINAL_BINARY, length])
  const isShort = length < 2 ** 16
  const head = Buffer.allocUnsafe(isShort ? 4 : 10)
  head[0] = FINAL_BINARY
  head[1] = isShort ? IN_16_BITS : IN_64_BITS
  if (isShort) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return head
}
