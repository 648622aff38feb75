// The binary messages of `lockstep.v1` (PROTOCOL.md), to and from bytes. Nothing here needs more than a browser has.

import type { EarlyEvent, Event, Extensions } from './items.ts'
import { numbered } from './numbered.ts'

/** An event as it leaves a program, its data as JSON text. */
export interface OutgoingEvent {
  readonly data: Uint8Array
  readonly key?: string | undefined
  readonly id?: string | undefined
  readonly type?: string | undefined
  readonly source?: string | undefined
  /** RFC 3339. */
  readonly time?: string | undefined
  readonly extensions?: Extensions | undefined
}

export interface EventsMessage {
  readonly sub: number
  /** Everything that matches up to here has come with this message. */
  readonly through: number
  readonly events: (Event<unknown> | EarlyEvent<unknown>)[]
}

const PUBLISH = 1
const EVENTS = 2
const EARLY_EVENTS = 3
const PUBLISHES = 4
const FIELDS = ['key', 'id', 'type', 'source', 'time', 'extensions'] as const

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const PIECE_BYTES = 64 * 1024
let piece = new Uint8Array(0)
let pieceUsed = 0

export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError('the data of an event must be a value of JSON')
  return text
}

/** A record of nothing but data, as most are: many of them in one piece of memory, which a message takes over as a whole. */
export function encodePlainRecord(text: string): Uint8Array<ArrayBuffer> {
  const most = 1 + 3 * text.length
  if (most > PIECE_BYTES / 8) return encodeRecord({ data: encoder.encode(text) })
  if (pieceUsed + most > piece.length) {
    piece = new Uint8Array(PIECE_BYTES)
    pieceUsed = 0
  }
  const start = pieceUsed
  piece[start] = 0
  pieceUsed += 1 + encoder.encodeInto(text, piece.subarray(start + 1)).written
  return piece.subarray(start, pieceUsed)
}

export function encodeRecord(event: OutgoingEvent): Uint8Array<ArrayBuffer> {
  const texts = FIELDS.map((name) => {
    const value = event[name]
    if (value === undefined) return undefined
    return encoder.encode(typeof value === 'string' ? value : JSON.stringify(value))
  })
  const length = texts.reduce((sum, text) => sum + (text === undefined ? 0 : 4 + text.length), 1 + event.data.length)
  const record = new Uint8Array(length)
  const view = new DataView(record.buffer)
  let fields = 0
  let at = 1
  for (const [bit, text] of texts.entries()) {
    if (text === undefined) continue
    fields |= 1 << bit
    view.setUint32(at, text.length, true)
    record.set(text, at + 4)
    at += 4 + text.length
  }
  record[0] = fields
  record.set(event.data, at)
  return record
}

/** Events of one topic that are published in one go. */
export interface OutgoingPublish {
  /** In UTF-8. */
  readonly topic: Uint8Array
  readonly records: readonly Uint8Array[]
}

/** Bytes of a publish among several, besides its records and four for each of them. */
export function publishHeadBytes(topic: Uint8Array): number {
  return 4 + 1 + topic.length + 4
}

/** One message of one publish or several, whose events are numbered on from the first one of all. */
export function encodePublishes(sequence: number, publishes: readonly OutgoingPublish[]): Uint8Array<ArrayBuffer> {
  const [only] = publishes
  if (only && publishes.length === 1) return encodeOne(sequence, only)
  let size = 9
  for (const publish of publishes) size += publishHeadBytes(publish.topic) + recordsBytes(publish)
  const message = new Uint8Array(size)
  const view = new DataView(message.buffer)
  message[0] = PUBLISHES
  view.setFloat64(1, sequence, true)
  let at = 9
  for (const publish of publishes) {
    const from = at
    at = writeName(message, from + 4, publish.topic)
    at = writeRecords(message, view, at, publish)
    view.setUint32(from, at - from - 4, true)
  }
  return message
}

function encodeOne(sequence: number, publish: OutgoingPublish): Uint8Array<ArrayBuffer> {
  const { topic } = publish
  const message = new Uint8Array(2 + topic.length + 8 + 4 + recordsBytes(publish))
  const view = new DataView(message.buffer)
  message[0] = PUBLISH
  const at = writeName(message, 1, topic)
  view.setFloat64(at, sequence, true)
  writeRecords(message, view, at + 8, publish)
  return message
}

/** With the table of their ends. */
function recordsBytes({ records }: OutgoingPublish): number {
  let size = 4 * records.length
  for (const { length } of records) size += length
  return size
}

function writeName(message: Uint8Array, at: number, name: Uint8Array): number {
  message[at] = name.length
  message.set(name, at + 1)
  return at + 1 + name.length
}

/** Their count, their ends and themselves. Gives where they end. */
function writeRecords(message: Uint8Array, view: DataView, from: number, { records }: OutgoingPublish): number {
  view.setUint32(from, records.length, true)
  const table = from + 4
  const first = table + 4 * records.length
  let end = 0
  for (let i = 0; i < records.length; ) {
    // What lies together is copied together.
    const run = records[i] as Uint8Array
    const at = first + end
    let length = 0
    for (; i < records.length; i++) {
      const record = records[i] as Uint8Array
      if (record.buffer !== run.buffer || record.byteOffset !== run.byteOffset + length) break
      length += record.length
      end += record.length
      view.setUint32(table + 4 * i, end, true)
    }
    message.set(new Uint8Array(run.buffer, run.byteOffset, length), at)
  }
  return first + end
}

/**
 * Throws what is not such a message. Takes it over: where its records have their fields, there is something else
 * afterwards. `history`: where seqs are of.
 */
export function decodeEvents(message: Uint8Array, history: string): EventsMessage {
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const early = message[0] === EARLY_EVENTS
  if (!early && message[0] !== EVENTS) throw new RangeError(`a binary message of kind ${message[0]}`)
  const sub = view.getFloat64(1, true)
  const through = view.getFloat64(9, true)
  const names: Names = { idOf: numbered(`${history}-`), tokenOf: numbered(`${history}:`) }
  const events: EventsMessage['events'] = []
  for (let at = 17; at < message.length; ) {
    const end = at + 4 + view.getUint32(at, true)
    decodeBlock(message, view, at + 4, early, names, events)
    at = end
  }
  return { sub, through, events }
}

/** The name of an event that may have no place yet. */
export function refOf(by: string, number: number): string {
  return `${by}:${number}`
}

/** What events are called by their seq. */
interface Names {
  /** Of one that its publisher gave no id. */
  idOf(seq: number): string
  tokenOf(seq: number): string
}

function decodeBlock(
  message: Uint8Array,
  view: DataView,
  from: number,
  early: boolean,
  { idOf, tokenOf }: Names,
  events: EventsMessage['events'],
): void {
  let at = from
  const text = (): string => {
    const start = at + 1
    at = start + (message[at] as number)
    return decoder.decode(message.subarray(start, at))
  }
  const topic = text()
  const by = text()
  // A replica's own id; nobody else's begins so.
  const publisher = by === '' || by.startsWith('~') ? undefined : by
  const number = early ? view.getFloat64(at, true) : 0
  if (early) at += 8
  const schemaVersion = view.getUint32(at, true)
  const ownSource = `/topics/${topic}`
  const blockTime = new Date(view.getFloat64(at + 4, true)).toISOString()
  const firstSeq = view.getFloat64(at + 12, true)
  const firstOffset = view.getFloat64(at + 20, true)
  const count = view.getUint32(at + 28, true)
  const base = view.getUint32(at + 32, true)
  const table = at + 36
  const first = table + 4 * count
  const { data, texts } = decodeRecords(message, view, { table, first, count, base })
  // Each by its name, in one go: with many small events this is where a reader's time goes.
  for (let i = 0; i < count; i++) {
    const { id, type = topic, source = ownSource, time = blockTime, key, extensions: inWords } = texts[i] as Texts
    const seq = firstSeq + i
    const offset = firstOffset + i
    const extensions = inWords === undefined ? undefined : (JSON.parse(inWords) as Extensions)
    if (!early) {
      events.push({
        kind: 'event',
        id: id ?? idOf(seq),
        data: data[i],
        seq,
        offset,
        token: tokenOf(seq),
        topic,
        type,
        source,
        time,
        key,
        schemaVersion,
        publisher,
        extensions,
      })
    } else {
      const placed = firstSeq > 0
      events.push({
        kind: 'event',
        ref: refOf(by, number + i),
        id: id ?? (placed ? idOf(seq) : undefined),
        data: data[i],
        seq: placed ? seq : undefined,
        offset: placed ? offset : undefined,
        token: placed ? tokenOf(seq) : undefined,
        topic,
        type,
        source,
        time,
        key,
        schemaVersion,
        publisher,
        extensions,
      })
    }
  }
}

type Texts = { [name in (typeof FIELDS)[number]]?: string }

const NO_TEXTS: Texts = {}

/** Where the records of a block lie: a table of where each ends, counted from `base`, and then they themselves. */
interface Place {
  readonly table: number
  readonly first: number
  readonly count: number
  readonly base: number
}

const [OPENING, COMMA, SPACE] = [0x5b, 0x2c, 0x20]

/**
 * The data of all records are parsed at once, which takes a sixth less than each by itself: what lies before them is
 * written over, so that they are the elements of one array.
 */
function decodeRecords(
  message: Uint8Array,
  view: DataView,
  { table, first, count, base }: Place,
): { data: readonly unknown[]; texts: readonly Texts[] } {
  const texts: Texts[] = []
  let start = first
  for (let i = 0; i < count; i++) {
    texts.push(message[start] === 0 ? NO_TEXTS : takeTexts(message, view, start))
    message[start] = i === 0 ? OPENING : COMMA
    start = first + view.getUint32(table + 4 * i, true) - base
  }
  return { data: JSON.parse(`${decoder.decode(message.subarray(first, start))}]`) as unknown[], texts }
}

/** The fields of the record that begins here; white space is left where they were. */
function takeTexts(message: Uint8Array, view: DataView, start: number): Texts {
  const fields = message[start] as number
  const texts: Texts = {}
  let at = start + 1
  for (let bit = 0; bit < FIELDS.length; bit++) {
    if ((fields & (1 << bit)) === 0) continue
    const from = at + 4
    at = from + view.getUint32(at, true)
    texts[FIELDS[bit] as (typeof FIELDS)[number]] = decoder.decode(message.subarray(from, at))
  }
  message.fill(SPACE, start + 1, at)
  return texts
}
