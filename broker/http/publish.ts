// Publishing: from a body, whichever way it is written, to events whose data are the bytes that came in; and from the
// positions that they were given to an answer.

import { BrokerError } from '../errors.ts'
import { type Bodies, isJsonType, mediaType } from './body.ts'
import { decodeUtf8, isBinary, isCleanText, readBatch, readBinary, readStructured } from './cloud-events.ts'
import { answer, type Context, type Routes } from './context.ts'
import { DATA_DEPTH_MAX, malformed, parseJson } from './json.ts'
import { lineSpans } from './json-span.ts'
import { checkOwnTopicName } from './names.ts'
import type { Limits, NewEvent, Operations, Published, PublishRequest, TraceContext } from './operations.ts'
import { readTraceContext, withTrace } from './trace-context.ts'

const PUBLISHER_BYTES_MAX = 255
const KEY_BYTES_MAX = 1024

export function publishRoutes(routes: Routes, operations: Operations, bodies: Bodies): void {
  routes.post('/v1/topics/:topic/events', async (ctx) => {
    const { limits } = operations // As they are now: the fabric may have lowered them.
    ctx.state.outcome = 'not-published'
    const topic = checkOwnTopicName(ctx.params['topic'] as string, limits.topicNameBytesMax)
    const publisher = readPublisher(ctx)
    const key = readKey(ctx)
    const { events, several } = await readEvents(ctx, bodies, limits)
    checkSizes(events, limits, several)
    const trace = readTraceContext(ctx.headers)
    const request: PublishRequest = {
      topic,
      events: key === undefined && trace === undefined ? events : events.map((event) => marked(event, key, trace)),
      ...(publisher !== undefined && { publisher }),
      ...(trace !== undefined && { trace }),
    }
    ctx.state.outcome = 'unknown'
    const published = await operations.publish(request)
    const positions = positionsOf(published)
    answer(ctx, 200, several ? { events: positions } : positions[0])
  })
}

/** With what the headers say of all events. */
function marked(event: NewEvent, key: string | undefined, trace: TraceContext | undefined): NewEvent {
  const traced = trace === undefined ? event : withTrace(event, trace)
  return key === undefined ? traced : { ...traced, key }
}

/** Several: the form of the request is that of a list, even when it has one element. */
async function readEvents(
  ctx: Context,
  bodies: Bodies,
  limits: Limits,
): Promise<{ events: NewEvent[]; several: boolean }> {
  const type = mediaType(ctx)
  const read = (): Promise<Buffer> => bodies.read(ctx, limits.requestBytesMax)
  switch (type) {
    case 'application/cloudevents+json':
      return { events: [readStructured(await read())], several: false }
    case 'application/cloudevents-batch+json':
      return { events: readBatch(await read()), several: true }
    case 'application/x-ndjson':
      return { events: readLines(await read(), limits), several: true }
  }
  if (type?.startsWith('application/cloudevents')) throw unsupported(type)
  if (isBinary(ctx.headers)) {
    if (type !== undefined && !isJsonType(type)) throw unsupported(type)
    return {
      events: [readBinary(ctx.headers, type, await read())],
      several: false,
    }
  }
  if (type !== 'application/json') throw unsupported(type)
  const body = await read()
  const span = { start: 0, end: body.length }
  const { text, value } = parseJson(body, span, { what: 'the data', path: '', depthMax: DATA_DEPTH_MAX })
  return { events: [{ data: text, value, path: '' }], several: false }
}

function readLines(body: Buffer, limits: Limits): NewEvent[] {
  const lines = lineSpans(body)
  checkCount(lines.length, limits) // Before the work of parsing them.
  return lines.map(({ line, span }, index) => {
    const path = `/${index}`
    const { text, value } = parseJson(body, span, { what: `line ${line}`, path, depthMax: DATA_DEPTH_MAX })
    return { data: text, value, path }
  })
}

function checkSizes(events: readonly NewEvent[], limits: Limits, several: boolean): void {
  checkCount(events.length, limits)
  events.forEach(({ data, path = '' }, index) => {
    if (data.length <= limits.eventBytesMax) return
    const which = several ? `Event ${index} of the request` : 'The event'
    const message = `has ${data.length} bytes of data; the limit is ${limits.eventBytesMax}`
    throw new BrokerError('TOO_LARGE', `${which} ${message}.`, { errors: [{ path, message }] })
  })
}

function checkCount(count: number, limits: Limits): void {
  if (count === 0) throw malformed('', 'there is no event in the request')
  if (count > limits.requestEventsMax) {
    throw new BrokerError(
      'TOO_LARGE',
      `There are ${count} events in the request; the limit is ${limits.requestEventsMax}.`,
    )
  }
}

function unsupported(type: string | undefined): BrokerError {
  const given = type === undefined ? 'No Content-Type is given' : `The content type ${type} is not taken`
  return new BrokerError(
    'UNSUPPORTED_MEDIA',
    `${given}; offered are application/json (the event's data), application/x-ndjson (one data per line), ` +
      'application/cloudevents+json, application/cloudevents-batch+json, and ce-* headers with JSON. ' +
      "With curl: -H 'Content-Type: application/json'.",
  )
}

function readPublisher(ctx: Context): PublishRequest['publisher'] {
  const id = single(ctx, 'Lockstep-Publisher')
  const sequence = single(ctx, 'Lockstep-Sequence')
  if (id === undefined && sequence === undefined) return undefined
  if (id === undefined || sequence === undefined) {
    const missing = id === undefined ? 'Lockstep-Publisher' : 'Lockstep-Sequence'
    throw malformed(missing, 'Lockstep-Publisher and Lockstep-Sequence must be given together')
  }
  if (id.length > PUBLISHER_BYTES_MAX || !/^[\x21-\x7e]+$/.test(id)) {
    throw malformed('Lockstep-Publisher', `must be 1 to ${PUBLISHER_BYTES_MAX} visible characters of ASCII`)
  }
  if (!/^\d{1,16}$/.test(sequence) || !Number.isSafeInteger(Number(sequence))) {
    throw malformed('Lockstep-Sequence', `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`)
  }
  return { id, sequence: Number(sequence) }
}

function readKey(ctx: Context): string | undefined {
  const raw = single(ctx, 'Lockstep-Key')
  if (raw === undefined) return undefined
  const key = decodeUtf8('Lockstep-Key', raw)
  if (raw.length === 0 || raw.length > KEY_BYTES_MAX || !isCleanText(key)) {
    throw malformed('Lockstep-Key', `must be 1 to ${KEY_BYTES_MAX} bytes of UTF-8 without control characters`)
  }
  return key
}

/** Node joins a header that comes twice by a comma, which would make another value of two. */
function single(ctx: Context, name: string): string | undefined {
  // Lists of all headers are made when they are asked for, and kept for as long as the request is answered.
  const field = name.toLowerCase()
  if (ctx.headers[field] === undefined) return undefined
  const values = ctx.req.headersDistinct[field]
  if (values !== undefined && values.length > 1) throw malformed(name, 'must be given once')
  return values?.[0]
}

function positionsOf({ history, seq, offset, count, duplicate, positionKnown }: Published): object[] {
  return Array.from({ length: count }, (_, index) => ({
    history,
    // A duplicate of so long ago that nobody remembers where it went.
    seq: positionKnown ? seq + index : null,
    offset: positionKnown ? offset + index : null,
    duplicate,
  }))
}
