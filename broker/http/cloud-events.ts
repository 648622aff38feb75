// CloudEvents 1.0 over HTTP: from the three modes in which they come (structured, binary, batched) to events, and from
// stored events to the structured form. Attributes for which Lockstep has no field are kept and given back. Only JSON
// data is taken, because an event's type is a JSON Schema; without data the data is null. What more the data's media type
// says than that it is JSON is kept like an extension.
//
// https://github.com/cloudevents/spec: spec.md, formats/json-format.md, bindings/http-protocol-binding.md

import type { IncomingHttpHeaders } from 'node:http'
import { BrokerError, type Fault } from '../errors.ts'
import { isJsonType } from './body.ts'
import { DATA_DEPTH_MAX, malformed, parseJson } from './json.ts'
import { elementSpans, memberSpan, type Span } from './json-span.ts'
import type { NewEvent, ReadEvent } from './operations.ts'
import { parseTime } from './tokens.ts'

/** An event's data are one member of the text around them. */
const ENVELOPE_DEPTH_MAX = DATA_DEPTH_MAX + 2
const ATTRIBUTE_BYTES_MAX = 1024
export const EXTENSIONS_MAX = 32
const NULL = Buffer.from('null')

export type Attribute = string | number | boolean
interface Data {
  readonly text: Uint8Array
  readonly value: unknown
}

export function readStructured(body: Buffer): NewEvent {
  const { text, value } = parseJson(body, whole(body), { what: 'the event', path: '', depthMax: ENVELOPE_DEPTH_MAX })
  return fromObject(Buffer.from(text.buffer, text.byteOffset, text.length), value, '')
}

export function readBatch(body: Buffer): NewEvent[] {
  const parsed = parseJson(body, whole(body), { what: 'the batch', path: '', depthMax: ENVELOPE_DEPTH_MAX + 1 })
  if (!Array.isArray(parsed.value)) throw malformed('', 'a batch of CloudEvents must be an array')
  const text = Buffer.from(parsed.text.buffer, parsed.text.byteOffset, parsed.text.length)
  const values: readonly unknown[] = parsed.value
  return elementSpans(text).map(({ start, end }, index) =>
    fromObject(text.subarray(start, end), values[index], `/${index}`),
  )
}

/** Attributes are headers, and the body is the data; `contentType` is what the body says it is. */
export function readBinary(headers: IncomingHttpHeaders, contentType: string | undefined, body: Buffer): NewEvent {
  const attributes = new Map<string, Attribute>()
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('ce-') || value === undefined) continue
    if (header === 'ce-datacontenttype') throw malformed(header, 'the type of the data is said by Content-Type')
    attributes.set(header.slice(3), decodeHeader(header, Array.isArray(value) ? value.join(', ') : value))
  }
  const pathOf = (name: string) => `ce-${name}`
  if (body.length === 0) return makeEvent(attributes, { text: NULL, value: null }, '', pathOf)
  refuseOtherData(contentType, 'Content-Type')
  attributes.set('datacontenttype', decodeUtf8('Content-Type', headers['content-type'] ?? ''))
  const data = parseJson(body, whole(body), { what: 'the data', path: '', depthMax: DATA_DEPTH_MAX })
  return makeEvent(attributes, data, '', pathOf)
}

export function isBinary(headers: IncomingHttpHeaders): boolean {
  return Object.keys(headers).some((header) => header.startsWith('ce-'))
}

/** The event in structured form, up to its data, which are to be followed by `}`. */
export function cloudEventHead(event: ReadEvent): string {
  const { subject, dataschema, datacontenttype = 'application/json', ...extensions } = event.extensions ?? {}
  const attributes = {
    specversion: '1.0',
    id: event.id,
    source: event.source,
    type: event.type,
    subject,
    time: event.time,
    datacontenttype,
    dataschema,
    ...extensions,
    partitionkey: event.key,
    // As text: an integer of CloudEvents has 32 bits.
    lockstepseq: String(event.seq),
    lockstepoffset: String(event.offset),
    locksteptopic: event.topic,
    lockstepschema: event.schemaVersion,
    locksteppublisher: event.publisher,
  }
  return `${JSON.stringify(attributes).slice(0, -1)},"data":`
}

function fromObject(text: Buffer, value: unknown, at: string): NewEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(at, 'a CloudEvent must be an object')
  }
  const attributes = new Map<string, Attribute>()
  for (const [name, attribute] of Object.entries(value)) {
    if (name === 'data' || attribute === null) continue // An attribute that is null is one that is not there.
    if (name === 'data_base64') {
      throw new BrokerError('UNSUPPORTED_MEDIA', 'Binary data (data_base64) are not taken: an event has JSON data.', {
        errors: [{ path: `${at}/data_base64`, message: 'only JSON data are taken' }],
      })
    }
    if (!isAttribute(attribute)) {
      throw malformed(`${at}/${name}`, 'an attribute must be a text, a boolean or an integer of 32 bits')
    }
    attributes.set(name, attribute)
  }
  const pathOf = (name: string) => `${at}/${name}`
  const contentType = attributes.get('datacontenttype')
  if (contentType !== undefined) refuseOtherData(mediaEssence(String(contentType)), pathOf('datacontenttype'))

  const span = memberSpan(text, 'data')
  if (span === undefined) return makeEvent(attributes, { text: NULL, value: null }, `${at}/data`, pathOf)
  const data = parseJson(text, span, { what: 'the data', path: `${at}/data`, depthMax: DATA_DEPTH_MAX })
  return makeEvent(attributes, data, `${at}/data`, pathOf)
}

function makeEvent(
  attributes: ReadonlyMap<string, Attribute>,
  data: Data,
  path: string,
  pathOf: (name: string) => string,
): NewEvent {
  const faults = faultsOf(attributes, pathOf)
  if (faults.length > 0) {
    throw new BrokerError('MALFORMED', `Not a CloudEvent: ${faults[0]?.path} ${faults[0]?.message}.`, {
      errors: faults,
    })
  }
  const text = (name: string) => attributes.get(name) as string
  const extensions: Record<string, Attribute> = {}
  let kept = 0
  for (const [name, value] of attributes) {
    if (OWN_FIELDS.has(name)) continue
    if (name === 'datacontenttype' && mediaEssence(String(value)) === 'application/json') continue
    // What another Lockstep said about its positions is not true here.
    if (name.startsWith('lockstep')) continue
    extensions[name] = value
    if (++kept > EXTENSIONS_MAX) throw malformed(pathOf(name), `an event has ${EXTENSIONS_MAX} extensions at most`)
  }
  return {
    data: data.text,
    value: data.value,
    path,
    id: text('id'),
    source: text('source'),
    type: text('type'),
    ...(attributes.has('time') && { time: text('time') }),
    ...(attributes.has('partitionkey') && { key: text('partitionkey') }),
    ...(kept > 0 && { extensions }),
  }
}

/** Attributes that are fields of an event, or say nothing that differs. */
export const OWN_FIELDS: ReadonlySet<string> = new Set(['specversion', 'id', 'source', 'type', 'time', 'partitionkey'])
/** Attributes whose type is fixed as a text. */
const TEXTS = [
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
  'partitionkey',
]

function faultsOf(attributes: ReadonlyMap<string, Attribute>, pathOf: (name: string) => string): Fault[] {
  const missing = ['specversion', 'id', 'source', 'type'].filter((name) => !attributes.has(name))
  const faults = missing.map((name): Fault => ({ path: pathOf(name), message: 'is missing' }))
  faults.push(...attributeFaults(attributes, pathOf))
  if (faults.length === 0 && attributes.get('specversion') !== '1.0')
    faults.push({ path: pathOf('specversion'), message: 'must be "1.0"' })
  return faults
}

/** What is wrong with those attributes that are there. */
export function attributeFaults(attributes: ReadonlyMap<string, Attribute>, pathOf: (name: string) => string): Fault[] {
  const faults: Fault[] = []
  const fault = (name: string, message: string) => faults.push({ path: pathOf(name), message })
  for (const name of TEXTS) {
    const value = attributes.get(name)
    if (value === undefined) continue
    if (typeof value !== 'string') fault(name, 'must be a text')
    else if (value === '') fault(name, 'must not be empty')
  }
  for (const [name, value] of attributes) {
    if (!/^[a-z0-9]{1,20}$/.test(name) || name === 'data') {
      fault(name.slice(0, 40), 'is not the name of an attribute: that has 1 to 20 lower-case letters and digits')
    } else if (typeof value === 'string') {
      if (Buffer.byteLength(value) > ATTRIBUTE_BYTES_MAX) fault(name, `is longer than ${ATTRIBUTE_BYTES_MAX} bytes`)
      else if (!isCleanText(value)) fault(name, 'has control characters, or half of a surrogate pair')
    }
    if (faults.length >= 20) return faults
  }
  if (faults.length > 0) return faults
  const wrong = (name: string, test: (text: string) => boolean, message: string): void => {
    const text = attributes.get(name)
    if (text !== undefined && test(String(text))) fault(name, message)
  }
  wrong('source', (text) => /\s/.test(text), 'must be a URI reference')
  wrong('time', (text) => parseTime(text) === undefined, 'must be a time of RFC 3339')
  wrong('dataschema', (text) => !URL.canParse(text), 'must be an absolute URI')
  wrong('datacontenttype', (text) => !isJsonType(mediaEssence(text)), 'must be application/json or end in +json')
  return faults
}

/** Texts that can be written as UTF-8 and shown on a terminal. */
export function isCleanText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return text.isWellFormed() && !/[\u0000-\u001f\u007f-\u009f]/.test(text)
}

/** By the binding: quotes are taken off first, then there is one round of percent-decoding. */
function decodeHeader(header: string, raw: string): string {
  const plain = decodeUtf8(header, raw)
  const unquoted = /^"(.*)"$/s.test(plain) ? plain.slice(1, -1).replaceAll(/\\(.)/g, '$1') : plain
  try {
    return decodeURIComponent(unquoted)
  } catch {
    throw malformed(header, 'has a % that does not begin a character in percent-encoded UTF-8')
  }
}

/** Node reads headers as Latin-1; whoever sends more than ASCII means UTF-8. */
export function decodeUtf8(header: string, raw: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(raw, 'latin1'))
  } catch {
    throw malformed(header, 'is not UTF-8')
  }
}

function refuseOtherData(contentType: string | undefined, path: string): void {
  if (contentType !== undefined && isJsonType(contentType)) return
  throw new BrokerError('UNSUPPORTED_MEDIA', `Data of the type ${contentType ?? '(none)'} are not taken, only JSON.`, {
    errors: [{ path, message: 'must be application/json or end in +json' }],
  })
}

function mediaEssence(type: string): string {
  return (type.split(';')[0] ?? '').trim().toLowerCase()
}

export function isAttribute(value: unknown): value is Attribute {
  return typeof value === 'string' || typeof value === 'boolean' || isInt32(value)
}

function isInt32(value: unknown): boolean {
  return typeof value === 'number' && (value | 0) === value
}

function whole(body: Buffer): Span {
  return { start: 0, end: body.length }
}
