// A datagram that is larger than what is carried at once goes in parts, and is put together again: a server that is
// configured anew may carry less than what was sent before, and a slot that only its sender holds must still reach the
// others. It is the slow way, for the few: a part that is lost loses all. So F1 holds: what arrives is whole.
//
//   u8 255 · u32 sender · u32 number · u16 index · u16 count · bytes

import { randomInt } from 'node:crypto'

/** A larger datagram is not carried at all. */
export const DATAGRAM_BYTES_LARGEST: number = 16 * 1024 * 1024

/** No datagram of the group begins so: its first byte is the version of the protocol. */
const MARK = 255

const HEAD_BYTES = 13

/** Datagrams of which some parts have come; beyond it the oldest is given up, for lost. */
const OPEN_MAX = 16

export class Parts {
  private readonly sender = randomInt(2 ** 32)
  private number = 0

  /** The datagram as it is to be sent: itself, or in parts of at most so many bytes. */
  split(datagram: Uint8Array, bytesMax: number): Uint8Array[] {
    if (datagram.length <= bytesMax) return [datagram]
    const partBytes = Math.max(bytesMax - HEAD_BYTES, Math.ceil(DATAGRAM_BYTES_LARGEST / 0xffff))
    const count = Math.ceil(datagram.length / partBytes)
    this.number = (this.number + 1) >>> 0
    return Array.from({ length: count }, (_, index) => {
      const bytes = datagram.subarray(index * partBytes, (index + 1) * partBytes)
      const part = Buffer.allocUnsafe(HEAD_BYTES + bytes.length)
      part.writeUInt8(MARK, 0)
      part.writeUInt32LE(this.sender, 1)
      part.writeUInt32LE(this.number, 5)
      part.writeUInt16LE(index, 9)
      part.writeUInt16LE(count, 11)
      part.set(bytes, HEAD_BYTES)
      return part
    })
  }
}

interface Open {
  readonly parts: (Uint8Array | undefined)[]
  missing: number
  bytes: number
}

export class Assembly {
  private readonly open = new Map<string, Open>()

  /** What came, as it was sent; undefined: a part of something that is not whole yet. */
  take(came: Uint8Array): Uint8Array | undefined {
    if (came[0] !== MARK) return came
    if (came.length <= HEAD_BYTES) return undefined
    const head = Buffer.from(came.buffer, came.byteOffset, HEAD_BYTES)
    const [index, count] = [head.readUInt16LE(9), head.readUInt16LE(11)]
    if (index >= count) return undefined
    const key = `${head.readUInt32LE(1)}/${head.readUInt32LE(5)}`
    const open = this.opened(key, count)
    if (open.parts.length !== count || open.parts[index] !== undefined) return undefined
    open.parts[index] = came.slice(HEAD_BYTES)
    open.missing--
    open.bytes += came.length - HEAD_BYTES
    if (open.missing > 0 && open.bytes <= DATAGRAM_BYTES_LARGEST) return undefined
    this.open.delete(key)
    return open.missing > 0 ? undefined : Buffer.concat(open.parts as Uint8Array[])
  }

  private opened(key: string, count: number): Open {
    let open = this.open.get(key)
    if (open === undefined) {
      open = { parts: new Array(count), missing: count, bytes: 0 }
      this.open.set(key, open)
      if (this.open.size > OPEN_MAX) this.open.delete(this.open.keys().next().value!)
    }
    return open
  }
}
