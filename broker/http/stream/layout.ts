// The binary messages of the streaming protocol (clients/PROTOCOL.md): publishes as they come in, and events as they go
// out. Events are not looked into on their way out: a block's records are the bytes of the log.

import assert from 'node:assert'
import { isAscii, isUtf8 } from 'node:buffer'
import { BrokerError } from '../../errors.ts'
import { type Attribute, attributeFaults, EXTENSIONS_MAX, isAttribute, OWN_FIELDS } from '../cloud-events.ts'
import { DATA_DEPTH_MAX, malformed, parseJson } from '../json.ts'
import { depthOf } from '../json-span.ts'
import type { EarlyBlock, EventBlock, NewEvent } from '../operations.ts'

const PUBLISH = 1
const EVENTS = 2
const EARLY_EVENTS = 3
const PUBLISHES = 4

export interface PublishMessage {
  readonly topic: string
  readonly sequence: number
  readonly count: number
  /** Count, table and records, as the log keeps them. */
  readonly packed: Buffer
  /** In the message. */
  readonly bytes: number
}

/** Of one message. More would be taken up in one turn, and hold up everybody else. */
export const PUBLISHES_MAX = 1000

/** One publish, or several; of each only what it begins with. Throws `BrokerError` when it is none. */
export function readPublishes(message: Buffer): PublishMessage[] {
  try {
    if (message[0] === PUBLISH) return [readPublish(message)]
    if (message[0] === PUBLISHES) return readSeveral(message)
  } catch (error) {
    if (error instanceof BrokerError) throw error
    throw malformed('', `a binary message is no publish: ${(error as Error).message}`)
  }
  throw malformed('', `a binary message begins with ${PUBLISH} or ${PUBLISHES}, and holds publishes`)
}

function readPublish(message: Buffer): PublishMessage {
  const topicEnd = 2 + message.readUInt8(1)
  const topic = message.toString('utf8', 2, topicEnd)
  const packed = message.subarray(topicEnd + 8)
  return publishOf(topic, message.readDoubleLE(topicEnd), packed, message.length)
}

function readSeveral(message: Buffer): PublishMessage[] {
  const publishes: PublishMessage[] = []
  let sequence = message.readDoubleLE(1)
  for (let at = 9; at < message.length; ) {
    if (publishes.length === PUBLISHES_MAX) {
      throw new BrokerError('TOO_LARGE', `A message has more publishes than publishesMax = ${PUBLISHES_MAX}.`)
    }
    const end = at + 4 + message.readUInt32LE(at)
    if (end > message.length) throw new RangeError('one does not end within it')
    const topicEnd = at + 5 + message.readUInt8(at + 4)
    const topic = message.toString('utf8', at + 5, topicEnd)
    const publish = publishOf(topic, sequence, message.subarray(topicEnd, end), end - at)
    publishes.push(publish)
    sequence += publish.count
    at = end
  }
  return publishes
}

function publishOf(topic: string, sequence: number, packed: Buffer, bytes: number): PublishMessage {
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError('its sequence is no whole number')
  return { topic, sequence, count: packed.readUInt32LE(0), packed, bytes }
}

/** The events of a publish, each judged as the body of a request would be. */
export function readEvents({ packed, count }: PublishMessage): NewEvent[] {
  const table = 4
  const first = table + 4 * count
  if (count === 0 || first > packed.length) throw malformed('', 'a publish has no whole table of its events')
  const events: NewEvent[] = []
  const records = packed.subarray(first)
  // All of it is made text at once where bytes and characters are numbered alike, as mostly.
  const text = isAscii(records) ? records.toString('latin1') : undefined
  let start = 0
  for (let i = 0; i < count; i++) {
    const end = packed.readUInt32LE(table + 4 * i)
    if (end < start || end > records.length) throw malformed(`/${i}`, 'a record does not end within the message')
    const isPlain = text !== undefined && records[start] === 0 && end - start > 1
    if (isPlain) events.push(new PlainEvent(records, start + 1, text.slice(start + 1, end), i))
    else events.push(readRecord(records.subarray(start, end), `/${i}`))
    start = end
  }
  if (start !== records.length) throw malformed('', 'a publish has bytes after its last record')
  return events
}

/** What is this short cannot be nested too deep: each level takes two bytes of valid JSON. */
const FLAT_BYTES_MAX = 2 * DATA_DEPTH_MAX

/** Most events are no more than this: data alone, in ASCII. What is hardly ever asked for is made when it is. */
class PlainEvent implements NewEvent {
  readonly value: unknown
  readonly dataBytes: number
  private readonly records: Buffer
  private readonly start: number
  private readonly index: number

  constructor(records: Buffer, start: number, text: string, index: number) {
    this.records = records
    this.start = start
    this.dataBytes = text.length
    this.index = index
    try {
      this.value = JSON.parse(text)
    } catch (error) {
      throw malformed(this.path, `the data is not JSON: ${(error as Error).message}`)
    }
    if (text.length > FLAT_BYTES_MAX && isDeeper(this.value, DATA_DEPTH_MAX)) {
      const depth = depthOf(this.data)
      throw malformed(this.path, `the data is nested ${depth} levels deep; the limit is ${DATA_DEPTH_MAX}`)
    }
  }

  get data(): Buffer {
    return this.records.subarray(this.start, this.start + this.dataBytes)
  }

  get path(): string {
    return `/${this.index}`
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1))
  for (const name in value) if (isDeeper((value as { [name: string]: unknown })[name], levels - 1)) return true
  return false
}

const TEXTS = ['key', 'id', 'type', 'source', 'time', 'extensions'] as const

function readRecord(record: Buffer, path: string): NewEvent {
  const fields = record[0] ?? 0xff
  if (fields >= 1 << TEXTS.length) throw malformed(path, 'a record has fields that are not known here')
  const texts: { [name in (typeof TEXTS)[number]]?: string } = {}
  let at = 1
  for (const [bit, name] of TEXTS.entries()) {
    if ((fields & (1 << bit)) === 0) continue
    const from = at + 4
    if (from <= record.length) at = from + record.readUInt32LE(at)
    if (from > record.length || at > record.length) throw malformed(path, `a record ends in its ${name}`)
    texts[name] = utf8(record.subarray(from, at), `${path}/${name}`)
  }
  const data = record.subarray(at)
  if (!isUtf8(data)) throw malformed(path, NOT_UTF8)
  const span = { start: 0, end: data.length }
  const { value } = parseJson(data, span, { what: 'the data', path, depthMax: DATA_DEPTH_MAX })
  const { extensions: extensionsText, ...fixed } = texts
  if (extensionsText === undefined) {
    if (fields !== 0) checkAttributes(new Map(Object.entries(fixed)), path)
    return { data, value, path, ...fixed }
  }
  const extensions = readExtensions(extensionsText, `${path}/extensions`)
  checkAttributes(new Map<string, Attribute>([...Object.entries(fixed), ...Object.entries(extensions)]), path)
  return { data, value, path, ...fixed, extensions }
}

/** A key is called `partitionkey` among attributes. */
function checkAttributes(attributes: Map<string, Attribute>, path: string): void {
  const faults = attributeFaults(attributes, (name) => `${path}/${name}`)
  const [first] = faults
  if (first) throw new BrokerError('MALFORMED', `${first.path} ${first.message}.`, { errors: faults })
}

const NOT_UTF8 = 'what is there is not UTF-8'

function utf8(bytes: Buffer, path: string): string {
  if (!isUtf8(bytes)) throw malformed(path, NOT_UTF8)
  return bytes.toString()
}

function readExtensions(text: string, path: string): NonNullable<NewEvent['extensions']> {
  const bytes = Buffer.from(text)
  const span = { start: 0, end: bytes.length }
  const { value } = parseJson(bytes, span, { what: 'what is there', path, depthMax: 1 })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'it must be an object')
  const names = Object.keys(value)
  if (names.length > EXTENSIONS_MAX) throw malformed(path, `an event has ${EXTENSIONS_MAX} extensions at most`)
  for (const [name, attribute] of Object.entries(value)) {
    if (OWN_FIELDS.has(name) || name === 'key' || name.startsWith('lockstep'))
      throw malformed(`${path}/${name}`, 'it is not an extension, but a field of its own')
    if (!isAttribute(attribute))
      throw malformed(`${path}/${name}`, 'it must be a text, a boolean or an integer of 32 bits')
  }
  return value as NonNullable<NewEvent['extensions']>
}

/**
 * The message that brings blocks to a subscription, through a place. `early`: some may have no place yet. It is made of
 * views into bytes that others own, so it must be written within the turn.
 */
export class EventsMessage {
  readonly length: number
  private readonly sub: number
  private readonly through: number
  private readonly blocks: readonly (EventBlock | EarlyBlock)[]
  private readonly early: boolean

  constructor(sub: number, through: number, blocks: readonly (EventBlock | EarlyBlock)[], early: boolean) {
    this.sub = sub
    this.through = through
    this.blocks = blocks
    this.early = early
    this.length = blocks.reduce((sum, block) => sum + 4 + blockBytes(block, early), MESSAGE_HEAD)
  }

  /** There must be room for `length` bytes. */
  writeTo(target: Buffer, start: number): void {
    const { sub, through, blocks, early } = this
    let at = target.writeUInt8(early ? EARLY_EVENTS : EVENTS, start)
    at = target.writeDoubleLE(sub, at)
    at = target.writeDoubleLE(through, at)
    for (const block of blocks) at = writeBlock(target, at, block, early)
    assert(at === start + this.length, 'a message was written at another size than it was measured')
  }
}

const MESSAGE_HEAD = 17
/** Of a block: version, time, seq and offset, count and base. */
const NUMBERS_BYTES = 4 + 3 * 8 + 4 + 4

/** Behind the u32 that says it. */
function blockBytes(block: EventBlock | EarlyBlock, early: boolean): number {
  const { topic, table, records } = block
  const texts = 1 + Buffer.byteLength(topic) + 1 + Buffer.byteLength(publisherOf(block, early))
  return texts + (early ? 8 : 0) + NUMBERS_BYTES + table.length + records.length
}

function writeBlock(target: Buffer, start: number, block: EventBlock | EarlyBlock, early: boolean): number {
  const { topic, numbered, schemaVersion, time, count, base, table, records } = block
  const { seq, offset } = 'seq' in block ? block : { seq: 0, offset: 0 }
  let at = start + 4
  for (const text of [topic, publisherOf(block, early)]) {
    const bytes = target.write(text, at + 1)
    at = target.writeUInt8(bytes, at) + bytes
  }
  if (early) at = target.writeDoubleLE(numbered.number, at)
  at = target.writeUInt32LE(schemaVersion, at)
  at = target.writeDoubleLE(time, at)
  at = target.writeDoubleLE(seq, at)
  at = target.writeDoubleLE(offset, at)
  at = target.writeUInt32LE(count, at)
  at = target.writeUInt32LE(base, at)
  target.set(table, at)
  target.set(records, at + table.length)
  const end = at + table.length + records.length
  target.writeUInt32LE(end - start - 4, start)
  return end
}

function publisherOf({ publisher, numbered }: EventBlock | EarlyBlock, early: boolean): string {
  return early ? numbered.by : (publisher ?? '')
}
