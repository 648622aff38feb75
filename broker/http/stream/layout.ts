// The binary messages of the streaming protocol (clients/PROTOCOL.md): a publish as it comes in, and events as they go
// out. Events are not looked into on their way out: a block's records are the bytes of the log.

import { isAscii, isUtf8 } from 'node:buffer'
import { BrokerError } from '../../errors.ts'
import { type Attribute, attributeFaults, EXTENSIONS_MAX, isAttribute, OWN_FIELDS } from '../cloud-events.ts'
import { DATA_DEPTH_MAX, malformed, parseJson } from '../json.ts'
import { depthOf } from '../json-span.ts'
import type { EarlyBlock, EventBlock, NewEvent } from '../operations.ts'

export const PUBLISH = 1
export const EVENTS = 2
export const EARLY_EVENTS = 3

export interface PublishMessage {
  readonly topic: string
  readonly sequence: number
  readonly count: number
  /** Count, table and records, as the log keeps them. */
  readonly packed: Buffer
}

/** What every publish begins with. Throws `BrokerError` when it is none. */
export function readPublish(message: Buffer): PublishMessage {
  try {
    const topicEnd = 2 + message.readUInt8(1)
    const topic = message.toString('utf8', 2, topicEnd)
    const sequence = message.readDoubleLE(topicEnd)
    const packed = message.subarray(topicEnd + 8)
    const count = packed.readUInt32LE(0)
    if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError('its sequence is no whole number')
    return { topic, sequence, count, packed }
  } catch (error) {
    throw malformed('', `a binary message is no publish: ${(error as Error).message}`)
  }
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
    if (isPlain) events.push(plainEvent(records.subarray(start + 1, end), text.slice(start + 1, end), `/${i}`))
    else events.push(readRecord(records.subarray(start, end), `/${i}`))
    start = end
  }
  if (start !== records.length) throw malformed('', 'a publish has bytes after its last record')
  return events
}

/** What is this short cannot be nested too deep: each level takes two bytes of valid JSON. */
const FLAT_BYTES_MAX = 2 * DATA_DEPTH_MAX

/** Most events are no more than this: data alone, in ASCII. */
function plainEvent(data: Buffer, text: string, path: string): NewEvent {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw malformed(path, `the data is not JSON: ${(error as Error).message}`)
  }
  if (text.length > FLAT_BYTES_MAX && isDeeper(value, DATA_DEPTH_MAX)) {
    throw malformed(path, `the data is nested ${depthOf(data)} levels deep; the limit is ${DATA_DEPTH_MAX}`)
  }
  return { data, value, path }
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

/** The message that brings blocks to a subscription, through a place. `early`: some may have no place yet. */
export function eventsMessage(
  sub: number,
  through: number,
  blocks: readonly (EventBlock | EarlyBlock)[],
  early: boolean,
): Buffer {
  const heads = blocks.map((block) => blockHead(block, early))
  let length = MESSAGE_HEAD
  for (const [i, { table, records }] of blocks.entries()) length += heads[i]!.length + table.length + records.length
  const message = Buffer.allocUnsafe(length)
  message.writeUInt8(early ? EARLY_EVENTS : EVENTS, 0)
  message.writeDoubleLE(sub, 1)
  message.writeDoubleLE(through, 9)
  let at = MESSAGE_HEAD
  for (const [i, { table, records }] of blocks.entries()) {
    for (const part of [heads[i]!, table, records]) {
      message.set(part, at)
      at += part.length
    }
  }
  return message
}

const MESSAGE_HEAD = 17

function blockHead(block: EventBlock | EarlyBlock, early: boolean): Buffer {
  const { topic, numbered, schemaVersion, time, count, base, table, records } = block
  const { seq, offset } = 'seq' in block ? block : { seq: 0, offset: 0 }
  const texts = [topic, early ? numbered.by : (block.publisher ?? '')]
  const textBytes = texts.reduce((sum, text) => sum + 1 + Buffer.byteLength(text), 0)
  const head = Buffer.allocUnsafe(4 + textBytes + (early ? 8 : 0) + 4 + 3 * 8 + 4 + 4)
  let at = head.writeUInt32LE(head.length - 4 + table.length + records.length, 0)
  for (const text of texts) {
    at = head.writeUInt8(Buffer.byteLength(text), at)
    at += head.write(text, at)
  }
  if (early) at = head.writeDoubleLE(numbered.number, at)
  at = head.writeUInt32LE(schemaVersion, at)
  at = head.writeDoubleLE(time, at)
  at = head.writeDoubleLE(seq, at)
  at = head.writeDoubleLE(offset, at)
  at = head.writeUInt32LE(count, at)
  head.writeUInt32LE(base, at)
  return head
}
