// Messages to bytes and back. Written by hand, since every datagram passes here: fixed places, little endian, no
// reflection. What cannot be read is noise of the fabric, never an exception: `decode` answers undefined.

import { HEADROOM_BYTES } from './batch.ts'
import type { ChunkMessage, Envelope, HeaderFields, LogEntry, Message, Proposal, Slot, SlotMessage } from './message.ts'
import type { MemberId } from './view.ts'

/** Raised with every change of the bytes; a datagram of another version is dropped. */
export const PROTOCOL_VERSION: number = 3

const KINDS = [
  'header',
  'slot',
  'want',
  'repair',
  'beat',
  'ping',
  'pong',
  'collect',
  'state',
  'refuse',
  'cut',
  'ready',
  'propose',
  'accept',
  'install',
  'missed',
  'out',
  'join',
  'pull',
  'log',
  'chunk',
] as const satisfies readonly Message['kind'][]

const CODES = new Map<Message['kind'], number>(KINDS.map((kind, code) => [kind, code]))

const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { fatal: true })

/** No datagram carries more than this besides the batch or chunk that it is for, in a view of a dozen members. */
export const OVERHEAD_BYTES: number = 8 * 1024

class Writer {
  bytes: Uint8Array
  private view: DataView
  private at = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  private room(more: number): number {
    const at = this.at
    this.at += more
    if (this.at > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.at, this.bytes.length * 2))
      larger.set(this.bytes)
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    }
    return at
  }

  u8(value: number): void {
    const at = this.room(1)
    this.bytes[at] = value
  }
  u32(value: number): void {
    const at = this.room(4)
    this.view.setUint32(at, value, true)
  }
  /** A whole number up to 2^53. */
  number(value: number): void {
    const at = this.room(8)
    this.view.setFloat64(at, value, true)
  }
  raw(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.put(bytes)
  }
  put(bytes: Uint8Array): void {
    const at = this.room(bytes.length)
    this.bytes.set(bytes, at)
  }
  text(value: string): void {
    this.raw(utf8.encode(value))
  }
  numbers(values: readonly number[]): void {
    this.u8(values.length)
    for (const value of values) this.number(value)
  }
  many<T>(values: readonly T[], write: (value: T) => void): void {
    this.u32(values.length)
    for (const value of values) write(value)
  }
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
}

class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.view.getUint8(this.at++)
  }
  u32(): number {
    const value = this.view.getUint32(this.at, true)
    this.at += 4
    return value
  }
  number(): number {
    const value = this.view.getFloat64(this.at, true)
    this.at += 8
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not a count')
    return value
  }
  text(): string {
    return text.decode(this.raw())
  }
  /** A part of the datagram: who keeps it makes a copy. */
  raw(): Uint8Array {
    const length = this.u32()
    const end = this.at + length
    if (end > this.bytes.length) throw new RangeError('shorter than it says')
    const bytes = this.bytes.subarray(this.at, end)
    this.at = end
    return bytes
  }
  numbers(): number[] {
    const values: number[] = new Array(this.u8())
    for (let i = 0; i < values.length; i++) values[i] = this.number()
    return values
  }
  many<T>(read: () => T): T[] {
    const length = this.u32()
    if (length > this.bytes.length) throw new RangeError('more than there can be')
    const values: T[] = []
    for (let i = 0; i < length; i++) values.push(read())
    return values
  }
  end(): void {
    if (this.at !== this.bytes.length) throw new RangeError('longer than it says')
  }
}

export function encode(envelope: Envelope): Uint8Array {
  const { message } = envelope
  const writer = new Writer(capacityFor(message))
  writeEnvelope(writer, envelope)
  writeMessage(writer, message)
  return writer.finish()
}

/**
 * A slot's datagram around its batch, whose `room` was just made (batch.ts): the head goes into the free bytes
 * before the batch, so that the largest datagrams of all are not copied once more. To be called once.
 */
export function encodeSlot(envelope: Envelope<SlotMessage>, room: Uint8Array): Uint8Array {
  const { message } = envelope
  const writer = new Writer(HEADROOM_BYTES)
  writeEnvelope(writer, envelope)
  writeHeader(writer, message)
  writeSlotHead(writer, message.record)
  const head = writer.finish()
  const from = HEADROOM_BYTES - head.length
  if (from < 0) return encode(envelope)
  room.set(head, from)
  return room.subarray(from)
}

function writeEnvelope(writer: Writer, { history, view, sender, message }: Envelope): void {
  writer.u8(PROTOCOL_VERSION)
  writer.u8(CODES.get(message.kind)!)
  writer.number(history)
  writer.number(view)
  writer.number(sender.incarnation)
  writer.text(sender.name)
}

/** Bytes in what it answers are parts of the datagram, and there as long as that is. */
export function decode(datagram: Uint8Array): Envelope | undefined {
  try {
    const reader = new Reader(datagram)
    if (reader.u8() !== PROTOCOL_VERSION) return undefined
    const kind = KINDS[reader.u8()]
    if (kind === undefined) return undefined
    const history = reader.number()
    const view = reader.number()
    const incarnation = reader.number()
    const name = reader.text()
    const message = readMessage(reader, kind)
    reader.end()
    return { history, view, sender: { name, incarnation }, message }
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}

function capacityFor(message: Message): number {
  if (message.kind === 'slot') return message.record.batch.length + 1024
  if (message.kind === 'chunk') return message.bytes.length + 4096
  return 512
}

function writeMessage(writer: Writer, message: Message): void {
  switch (message.kind) {
    case 'header':
      writeHeader(writer, message)
      break
    case 'slot':
      writeHeader(writer, message)
      writeSlot(writer, message.record)
      break
    case 'want':
      writer.u8(message.rank)
      writer.number(message.from)
      writer.number(message.to)
      break
    case 'repair':
      writer.number(message.slotsView)
      writer.u8(message.rank)
      writer.number(message.from)
      writer.number(message.to)
      writer.many(message.records, (slot) => writeSlot(writer, slot))
      break
    case 'beat':
      writer.number(message.promised)
      writer.u32(message.hears)
      writer.u8(message.leaving ? 1 : 0)
      break
    case 'ping':
    case 'pong':
      writer.number(message.number)
      break
    case 'collect':
      writer.number(message.ballot)
      writer.u32(message.hears)
      break
    case 'state':
      writer.number(message.ballot)
      writer.text(message.url)
      writer.numbers(message.held)
      writer.u32(message.hears)
      writer.many(message.observersHeard, (incarnation) => writer.number(incarnation))
      writer.u8(message.leaving ? 1 : 0)
      writer.u8(message.accepted ? 1 : 0)
      if (message.accepted) {
        writer.number(message.accepted.ballot)
        writeProposal(writer, message.accepted.proposal)
      }
      writer.number(message.position)
      writer.text(message.settings)
      break
    case 'refuse':
    case 'ready':
    case 'accept':
      writer.number(message.ballot)
      break
    case 'cut':
      writer.number(message.ballot)
      writeMembers(writer, message.members)
      writer.numbers(message.trim)
      writer.number(message.position)
      writer.numbers(message.floor)
      break
    case 'propose':
      writer.number(message.ballot)
      writeProposal(writer, message.proposal)
      writer.numbers(message.holders)
      break
    case 'install':
      writeProposal(writer, message.proposal)
      break
    case 'missed':
      break
    case 'out':
      writeMembers(writer, message.members)
      break
    case 'join':
      writer.text(message.url)
      writer.number(message.position)
      writer.many(message.heard, (incarnation) => writer.number(incarnation))
      writer.u8(message.wantsIn ? 1 : 0)
      writer.text(message.settings)
      break
    case 'pull':
      writer.number(message.position)
      writer.number(message.snapshot)
      writer.number(message.offset)
      break
    case 'log':
      writer.number(message.from)
      writer.many(message.entries, (entry) => writeEntry(writer, entry))
      writer.number(message.head)
      writer.text(message.settings)
      break
    case 'chunk':
      writer.number(message.position)
      writer.number(message.head)
      writer.number(message.key.slot)
      writer.u8(message.key.rank)
      writer.number(message.number)
      writeMembers(writer, message.members)
      writer.number(message.total)
      writer.number(message.offset)
      writer.raw(message.bytes)
      break
    default:
      message satisfies never
  }
}

function readMessage(reader: Reader, kind: Message['kind']): Message {
  switch (kind) {
    case 'header':
      return { ...readHeader(reader), kind }
    case 'slot':
      return { ...readHeader(reader), kind, record: readSlot(reader) }
    case 'want':
      return { kind, rank: reader.u8(), from: reader.number(), to: reader.number() }
    case 'repair':
      return {
        kind,
        slotsView: reader.number(),
        rank: reader.u8(),
        from: reader.number(),
        to: reader.number(),
        records: reader.many(() => readSlot(reader)),
      }
    case 'beat':
      return { kind, promised: reader.number(), hears: reader.u32(), leaving: reader.u8() === 1 }
    case 'ping':
    case 'pong':
      return { kind, number: reader.number() }
    case 'collect':
      return { kind, ballot: reader.number(), hears: reader.u32() }
    case 'state':
      return {
        kind,
        ballot: reader.number(),
        url: reader.text(),
        held: reader.numbers(),
        hears: reader.u32(),
        observersHeard: reader.many(() => reader.number()),
        leaving: reader.u8() === 1,
        accepted: reader.u8() === 1 ? { ballot: reader.number(), proposal: readProposal(reader) } : undefined,
        position: reader.number(),
        settings: reader.text(),
      }
    case 'refuse':
    case 'ready':
    case 'accept':
      return { kind, ballot: reader.number() }
    case 'cut':
      return {
        kind,
        ballot: reader.number(),
        members: readMembers(reader),
        trim: reader.numbers(),
        position: reader.number(),
        floor: reader.numbers(),
      }
    case 'propose':
      return { kind, ballot: reader.number(), proposal: readProposal(reader), holders: reader.numbers() }
    case 'install':
      return { kind, proposal: readProposal(reader) }
    case 'missed':
      return { kind }
    case 'out':
      return { kind, members: readMembers(reader) }
    case 'join':
      return {
        kind,
        url: reader.text(),
        position: reader.number(),
        heard: reader.many(() => reader.number()),
        wantsIn: reader.u8() === 1,
        settings: reader.text(),
      }
    case 'pull':
      return { kind, position: reader.number(), snapshot: reader.number(), offset: reader.number() }
    case 'log':
      return {
        kind,
        from: reader.number(),
        entries: reader.many(() => readEntry(reader)),
        head: reader.number(),
        settings: reader.text(),
      }
    case 'chunk':
      return readChunk(reader)
    default:
      return kind satisfies never
  }
}

function readChunk(reader: Reader): ChunkMessage {
  return {
    kind: 'chunk',
    position: reader.number(),
    head: reader.number(),
    key: { slot: reader.number(), rank: reader.u8() },
    number: reader.number(),
    members: readMembers(reader),
    total: reader.number(),
    offset: reader.number(),
    bytes: reader.raw(),
  }
}

const ASK = 1
const LEAVING = 2

function writeHeader(writer: Writer, header: HeaderFields): void {
  writer.u8(header.rank)
  writer.number(header.watermark)
  writer.number(header.lastPayload)
  writer.numbers(header.held)
  writer.u32(header.hears)
  writer.u8((header.ask ? ASK : 0) | (header.leaving ? LEAVING : 0))
  writer.number(header.digest.position)
  writer.u32(header.digest.digest)
}

function readHeader(reader: Reader): HeaderFields {
  const rank = reader.u8()
  const watermark = reader.number()
  const lastPayload = reader.number()
  const held = reader.numbers()
  const hears = reader.u32()
  const flags = reader.u8()
  const digest = { position: reader.number(), digest: reader.u32() }
  const [ask, leaving] = [(flags & ASK) !== 0, (flags & LEAVING) !== 0]
  return { rank, watermark, lastPayload, held, hears, ask, leaving, digest }
}

function writeSlot(writer: Writer, slot: Slot): void {
  writeSlotHead(writer, slot)
  writer.put(slot.batch)
}

function writeSlotHead(writer: Writer, slot: Slot): void {
  writer.u8(slot.sender)
  writer.number(slot.slot)
  writer.number(slot.previousPayload)
  writer.numbers(slot.causes)
  writer.u32(slot.batch.length)
}

function readSlot(reader: Reader): Slot {
  return {
    sender: reader.u8(),
    slot: reader.number(),
    previousPayload: reader.number(),
    causes: reader.numbers(),
    batch: reader.raw(),
  }
}

function writeEntry(writer: Writer, entry: LogEntry): void {
  if (entry.kind === 'slot') {
    writer.u8(0)
    writer.number(entry.view)
    writer.number(entry.slot)
    writer.u8(entry.rank)
    writer.raw(entry.batch)
  } else {
    writer.u8(1)
    writeProposal(writer, entry.proposal)
  }
}

function readEntry(reader: Reader): LogEntry {
  if (reader.u8() === 1) return { kind: 'view', proposal: readProposal(reader) }
  return { kind: 'slot', view: reader.number(), slot: reader.number(), rank: reader.u8(), batch: reader.raw() }
}

function writeProposal(writer: Writer, proposal: Proposal): void {
  writer.number(proposal.birth)
  writer.number(proposal.history)
  writer.number(proposal.view)
  writeMembers(writer, proposal.oldMembers)
  writeMembers(writer, proposal.members)
  writer.many(proposal.leaving, (incarnation) => writer.number(incarnation))
  writer.numbers(proposal.trim)
}

function readProposal(reader: Reader): Proposal {
  return {
    birth: reader.number(),
    history: reader.number(),
    view: reader.number(),
    oldMembers: readMembers(reader),
    members: readMembers(reader),
    leaving: reader.many(() => reader.number()),
    trim: reader.numbers(),
  }
}

function writeMembers(writer: Writer, members: readonly MemberId[]): void {
  writer.many(members, (member) => {
    writer.text(member.name)
    writer.number(member.incarnation)
    writer.text(member.url)
  })
}

function readMembers(reader: Reader): MemberId[] {
  return reader.many(() => ({ name: reader.text(), incarnation: reader.number(), url: reader.text() }))
}
