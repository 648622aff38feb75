// An event as it lies inside a publish command: only what the publisher gave, and the data bytes as they came. What was
// left out (an id, a source) gets its default where the event is read, so that it costs nothing on the way.
//
// Records travel packed: their count, where each ends, then all of them. With the table in front, any one of them is
// found without walking the others, and a command can be stored and trimmed without looking into its events.
//
//   packed: u32 count · u32 end, for each, counted from the first record · records
//   record: u8 which fields · (u32 length · UTF-8) for each of them · data

import assert from 'node:assert'
import { asBuffer } from './bytes.ts'

export type Extensions = { readonly [name: string]: string | number | boolean }

/** An event on its way in. */
export interface EventFields {
  /** The JSON text of the event's data. */
  readonly data: Uint8Array
  readonly key?: string
  readonly id?: string
  readonly type?: string
  readonly source?: string
  /** RFC 3339. */
  readonly time?: string
  readonly extensions?: Extensions
}

/** Packs records that are encoded one by one. */
export function packRecords(records: readonly Uint8Array[]): Uint8Array {
  const size = records.reduce((sum, record) => sum + record.length, 0)
  const packed = Buffer.allocUnsafeSlow(4 + 4 * records.length + size)
  let end = 0
  packed.writeUInt32LE(records.length, 0)
  const first = 4 + 4 * records.length
  records.forEach((record, i) => {
    packed.set(record, first + end)
    end += record.length
    packed.writeUInt32LE(end, 4 + 4 * i)
  })
  return packed
}

/** Encodes and packs events in one go: the fast way for many. */
export function packEvents(events: readonly EventFields[]): Uint8Array {
  const texts = events.map(textsOf)
  const first = 4 + 4 * events.length
  const ends: number[] = []
  let end = 0
  for (const [i, event] of events.entries()) {
    end += recordBytes(texts[i]!, event.data)
    ends.push(end)
  }
  const packed = Buffer.allocUnsafeSlow(first + end)
  packed.writeUInt32LE(events.length, 0)
  for (const [i, event] of events.entries()) {
    packed.writeUInt32LE(ends[i]!, 4 + 4 * i)
    writeRecord(packed, first + (ends[i - 1] ?? 0), texts[i]!, event.data)
  }
  return packed
}

export function encodeRecord(event: EventFields): Uint8Array {
  const texts = textsOf(event)
  const record = Buffer.allocUnsafeSlow(recordBytes(texts, event.data))
  writeRecord(record, 0, texts, event.data)
  return record
}

/** `data` is a view into the bytes given. */
export function decodeRecord(record: Uint8Array): EventFields {
  const bytes = asBuffer(record)
  const flags = bytes[0]!
  assert(flags < 1 << FIELDS, 'a record with fields that this version does not know')
  let at = 1
  const text = (bit: number): string | undefined => {
    if ((flags & bit) === 0) return undefined
    const from = at + 4
    at = from + bytes.readUInt32LE(at)
    assert(at <= bytes.length, 'a record that ends in the middle of a field')
    return bytes.toString('utf8', from, at)
  }
  const [key, id, type, source, time] = [text(1), text(2), text(4), text(8), text(16)]
  const extensions = text(32)
  return {
    data: bytes.subarray(at),
    ...(key !== undefined && { key }),
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
    ...(source !== undefined && { source }),
    ...(time !== undefined && { time }),
    ...(extensions !== undefined && { extensions: JSON.parse(extensions) as Extensions }),
  }
}

/** Walks packed records, found at `at` in `bytes`, by their table. */
export class PackedRecords {
  readonly bytes: Buffer
  readonly count: number
  private readonly tableAt: number
  private readonly first: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.count = bytes.readUInt32LE(at)
    this.tableAt = at + 4
    this.first = this.tableAt + 4 * this.count
  }

  /** Nothing missing, nothing left over: asked where bytes come in, before they are kept. */
  get whole(): boolean {
    return (
      this.count > 0 && this.first <= this.bytes.length && this.first + this.before(this.count) === this.bytes.length
    )
  }

  /** Bytes of the records before the i-th; `i` may be `count`. */
  before(i: number): number {
    return i === 0 ? 0 : this.bytes.readUInt32LE(this.tableAt + 4 * (i - 1))
  }

  /** Bytes of all that is there for them: the records before the i-th, and where they end. */
  allBefore(i: number): number {
    return this.before(i) + 4 * i
  }

  /** As many from the i-th to before the j-th as have so many bytes, and at least one: before which one they end. */
  through(i: number, j: number, bytes: number): number {
    const base = this.before(i)
    let end = i + 1
    while (end < j && this.before(end + 1) - base <= bytes) end++
    return end
  }

  record(i: number): Buffer {
    return this.between(i, i + 1)
  }

  /** The records from the i-th to before the j-th. */
  between(i: number, j: number): Buffer {
    return this.bytes.subarray(this.first + this.before(i), this.first + this.before(j))
  }

  /** The part of the table that says where these end. */
  table(i: number, j: number): Buffer {
    return this.bytes.subarray(this.tableAt + 4 * i, this.tableAt + 4 * j)
  }
}

const FIELDS = 6

type Texts = readonly (string | undefined)[]

/** In the order of the flags. */
function textsOf(event: EventFields): Texts {
  const extensions = event.extensions === undefined ? undefined : JSON.stringify(event.extensions)
  return [event.key, event.id, event.type, event.source, event.time, extensions]
}

function recordBytes(texts: Texts, data: Uint8Array): number {
  let bytes = 1 + data.length
  for (const text of texts) if (text !== undefined) bytes += 4 + Buffer.byteLength(text)
  return bytes
}

function writeRecord(target: Buffer, start: number, texts: Texts, data: Uint8Array): void {
  let flags = 0
  let at = start + 1
  for (let i = 0; i < FIELDS; i++) {
    const text = texts[i]
    if (text === undefined) continue
    flags |= 1 << i
    const length = target.write(text, at + 4)
    target.writeUInt32LE(length, at)
    at += 4 + length
  }
  target[start] = flags
  target.set(data, at)
}
