// Little-endian bytes, one field after another, for commands and snapshots. A layout is written down once, as a function
// of a sink. A command's is run twice: over a meter to learn its size, then over a writer, so that nothing is allocated
// twice. A snapshot's goes into pieces, where long runs of bytes that exist already are taken as they are.

import assert from 'node:assert'

export interface ByteSink {
  u8(value: number): void
  u16(value: number): void
  u32(value: number): void
  f64(value: number): void
  /** The bytes as they are, without their length. */
  raw(bytes: Uint8Array): void
  /** UTF-8 behind a 16-bit length. */
  text(value: string): void
}

export function encode(layout: (sink: ByteSink) => void): Buffer {
  const meter = new ByteMeter()
  layout(meter)
  const writer = new ByteWriter(meter.length)
  layout(writer)
  return writer.finish()
}

/** The bytes in pieces. What is given to `raw` may be a part of them, so it must not be changed afterwards. */
export function encodePieces(layout: (sink: ByteSink) => void): Buffer[] {
  const sink = new PieceSink()
  layout(sink)
  return sink.finish()
}

class ByteMeter implements ByteSink {
  length = 0

  u8(): void {
    this.length += 1
  }

  u16(): void {
    this.length += 2
  }

  u32(): void {
    this.length += 4
  }

  f64(): void {
    this.length += 8
  }

  raw(bytes: Uint8Array): void {
    this.length += bytes.length
  }

  text(value: string): void {
    this.length += 2 + Buffer.byteLength(value)
  }
}

class ByteWriter implements ByteSink {
  private readonly buffer: Buffer
  private at = 0

  constructor(length: number) {
    // Not from the pool: what is written here is kept for long, and would keep its neighbours with it.
    this.buffer = Buffer.allocUnsafeSlow(length)
  }

  u8(value: number): void {
    this.at = this.buffer.writeUInt8(value, this.at)
  }

  u16(value: number): void {
    this.at = this.buffer.writeUInt16LE(value, this.at)
  }

  u32(value: number): void {
    this.at = this.buffer.writeUInt32LE(value, this.at)
  }

  f64(value: number): void {
    this.at = this.buffer.writeDoubleLE(value, this.at)
  }

  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.at)
    this.at += bytes.length
  }

  text(value: string): void {
    const length = this.buffer.write(value, this.at + 2)
    this.u16(length)
    this.at += length
  }

  finish(): Buffer {
    assert(this.at === this.buffer.length, 'the layout was written at another size than it was measured')
    return this.buffer
  }
}

const PIECE_BYTES = 64 * 1024

/** Fewer bytes cost less to copy than to keep as a piece of their own. */
const OWN_PIECE_BYTES = 1024

class PieceSink implements ByteSink {
  private readonly pieces: Buffer[] = []
  private piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  private from = 0
  private at = 0

  u8(value: number): void {
    this.room(1)
    this.at = this.piece.writeUInt8(value, this.at)
  }

  u16(value: number): void {
    this.room(2)
    this.at = this.piece.writeUInt16LE(value, this.at)
  }

  u32(value: number): void {
    this.room(4)
    this.at = this.piece.writeUInt32LE(value, this.at)
  }

  f64(value: number): void {
    this.room(8)
    this.at = this.piece.writeDoubleLE(value, this.at)
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length >= OWN_PIECE_BYTES) {
      this.cut()
      this.pieces.push(asBuffer(bytes))
      return
    }
    this.room(bytes.length)
    this.piece.set(bytes, this.at)
    this.at += bytes.length
  }

  text(value: string): void {
    const bytes = Buffer.from(value)
    this.u16(bytes.length)
    this.raw(bytes)
  }

  finish(): Buffer[] {
    this.cut()
    return this.pieces
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.piece.length) return
    this.cut()
    this.piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
    this.from = 0
    this.at = 0
  }

  /** What has been written since the last one becomes a piece. */
  private cut(): void {
    if (this.at > this.from) this.pieces.push(this.piece.subarray(this.from, this.at))
    this.from = this.at
  }
}

/** Reads what `encode` or `encodePieces` wrote. Reading past the end is a bug of the writer and throws. */
export class ByteReader {
  readonly buffer: Buffer
  at = 0

  constructor(bytes: Uint8Array) {
    this.buffer = asBuffer(bytes)
  }

  u8(): number {
    return this.buffer.readUInt8(this.move(1))
  }

  u16(): number {
    return this.buffer.readUInt16LE(this.move(2))
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.move(4))
  }

  f64(): number {
    return this.buffer.readDoubleLE(this.move(8))
  }

  /** A view, not a copy. */
  raw(length: number): Buffer {
    const from = this.move(length)
    assert(this.at <= this.buffer.length, 'bytes end in the middle of a field')
    return this.buffer.subarray(from, this.at)
  }

  text(): string {
    const length = this.u16()
    const from = this.move(length)
    assert(this.at <= this.buffer.length, 'bytes end in the middle of a text')
    return this.buffer.toString('utf8', from, this.at)
  }

  rest(): Buffer {
    return this.raw(this.buffer.length - this.at)
  }

  finish(): void {
    assert(this.at === this.buffer.length, 'bytes left over')
  }

  private move(length: number): number {
    const from = this.at
    this.at += length
    return from
  }
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
