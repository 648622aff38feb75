// Messages of a stream, past the WebSocket of the package ws: one frame each (RFC 6455, 5.2), written in one piece, large
// ones in memory that is used again: what floods of events are written into would else be garbage outside the heap.

import type { Writable } from 'node:stream'

/** The first byte of a message in one frame. */
const FIRST = { text: 0x81, binary: 0x82 }
type Kind = keyof typeof FIRST
/** Lengths below are in the second byte itself; these two say that they follow, in 16 or 64 bits. */
const IN_16_BITS = 126
const IN_64_BITS = 127

/** Most messages of a flood fit, with their tables. */
const FRAME_BYTES = 96 * 1024
/** A shorter message would leave too much of a frame empty. */
const SHORTEST = FRAME_BYTES / 4
/** So many frames there are at most. When all lie with readers who do not take them, others get memory of their own. */
const FRAMES_MAX = 64

const free: Buffer[] = []
let frames = 0

export interface Payload {
  /** Bytes. */
  readonly length: number
  writeTo(target: Buffer, at: number): void
}

export function writeText(transport: Writable, text: string): void {
  const length = Buffer.byteLength(text)
  write(transport, 'text', { length, writeTo: (target, at) => void target.write(text, at) })
}

export function writeBinary(transport: Writable, payload: Payload): void {
  write(transport, 'binary', payload)
}

/** Writes it as one message from a server, which has no mask. It is asked for its bytes before this returns. */
function write(transport: Writable, kind: Kind, payload: Payload): void {
  const head = frameHead(kind, payload.length)
  const length = head.length + payload.length
  const frame = length >= SHORTEST && length <= FRAME_BYTES ? takeFrame() : undefined
  const memory = frame ?? Buffer.allocUnsafe(length)
  memory.set(head)
  payload.writeTo(memory, head.length)
  // The socket calls back when it has done with the bytes, also when it is destroyed.
  transport.write(memory.subarray(0, length), () => {
    if (frame !== undefined) free.push(frame)
  })
}

function takeFrame(): Buffer | undefined {
  const taken = free.pop()
  if (taken !== undefined || frames === FRAMES_MAX) return taken
  frames++
  return Buffer.allocUnsafeSlow(FRAME_BYTES)
}

export function frameHead(kind: Kind, length: number): Buffer {
  const first = FIRST[kind]
  if (length < IN_16_BITS) return Buffer.from([first, length])
  const isShort = length < 2 ** 16
  const head = Buffer.allocUnsafe(isShort ? 4 : 10)
  head[0] = first
  head[1] = isShort ? IN_16_BITS : IN_64_BITS
  if (isShort) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return head
}
