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

/** Of each sender one datagram is put together at a time, the newest; of so many senders, */
const SENDERS_MAX = 64

/** and of so many bytes in all. Beyond it the oldest is given up, for lost. */
const OPEN_BYTES_MAX = 4 * DATAGRAM_BYTES_LARGEST

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
  readonly number: number
  readonly parts: (Uint8Array | undefined)[]
  missing: number
  bytes: number
}

export class Assembly {
  /** By sender, the one that began longest ago first. */
  private readonly open = new Map<number, Open>()
  private bytes = 0

  /** What came, as it was sent; undefined: a part of something that is not whole yet, of which a copy is made. */
  take(came: Uint8Array): Uint8Array | undefined {
    if (came[0] !== MARK) return came
    if (came.length <= HEAD_BYTES) return undefined
    const head = Buffer.from(came.buffer, came.byteOffset, HEAD_BYTES)
    const [sender, number] = [head.readUInt32LE(1), head.readUInt32LE(5)]
    const [index, count] = [head.readUInt16LE(9), head.readUInt16LE(11)]
    if (index >= count) return undefined
    const open = this.opened(sender, number, count)
    if (open.parts.length !== count || open.parts[index] !== undefined) return undefined
    open.parts[index] = Uint8Array.from(came.subarray(HEAD_BYTES))
    open.missing--
    open.bytes += came.length - HEAD_BYTES
    this.bytes += came.length - HEAD_BYTES
    while (this.bytes > OPEN_BYTES_MAX) this.giveUp(this.open.keys().next().value!)
    if (open.missing > 0) return undefined
    this.giveUp(sender)
    return Buffer.concat(open.parts as Uint8Array[])
  }

  private opened(sender: number, number: number, count: number): Open {
    const known = this.open.get(sender)
    if (known?.number === number) return known
    this.giveUp(sender)
    if (this.open.size >= SENDERS_MAX) this.giveUp(this.open.keys().next().value!)
    const open = { number, parts: new Array<Uint8Array | undefined>(count), missing: count, bytes: 0 }
    this.open.set(sender, open)
    return open
  }

  private giveUp(sender: number): void {
    this.bytes -= this.open.get(sender)?.bytes ?? 0
    this.open.delete(sender)
  }
}
