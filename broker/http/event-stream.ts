// One subscriber's stream of server-sent events. It is driven by the reader: only when the socket has taken what was
// written is the cursor asked for more, so a reader that is slow, or does not read at all, costs its cursor and one
// piece of text of some 64 KiB (or one event, if a larger one comes), however much is published meanwhile.
//
// The data of an event are copied into the text as they came in, which SSE allows but for line ends: where data have
// them, between the tokens of the JSON, they become several `data:` lines, put together again by the client.

import type { ServerResponse } from 'node:http'
import { BrokerError } from '../errors.ts'
import { cloudEventHead } from './cloud-events.ts'
import type { Cursor, EarlyEvent, Notification, Numbered, ReadEvent } from './operations.ts'
import { formatToken } from './tokens.ts'

export type EventForm = 'lockstep' | 'cloudevents'

export interface EventStreamParts {
  readonly response: ServerResponse
  readonly cursor: Cursor
  readonly form: EventForm
  /** Below `safe`: events have their names, and perhaps no places yet. */
  readonly early: boolean
  /** Ends after so many events. */
  readonly limit: number
  /** The history that positions belong to; it is asked again after a gap that tells of another one. */
  readonly history: () => string
  readonly unexpected: (error: unknown) => void
}

/** A client waits so long before it comes back. */
const RETRY_MS = 1000
const READ_EVENTS = 64
const READ_BYTES = 24 * 1024

export class EventStream {
  private readonly parts: EventStreamParts
  private history: string
  private left: number
  private blocked = false
  private ended = false
  /** The place that the client knows of. */
  private toldSeq = -1

  /** `open`: it is one of these until its connection is closed. */
  constructor(parts: EventStreamParts, open: Set<EventStream>) {
    this.parts = parts
    this.history = parts.history()
    this.left = parts.limit
    open.add(this)
    parts.response.on('close', () => {
      open.delete(this)
      this.release()
    })
    parts.response.on('error', () => this.release())
    parts.response.on('drain', () => {
      this.blocked = false
      this.readOn()
    })
  }

  /** Bytes that the reader has not taken yet. */
  get pendingBytes(): number {
    return this.parts.response.writableLength
  }

  start(): void {
    this.parts.response.flushHeaders()
    this.write(Buffer.from(`retry: ${RETRY_MS}\n: lockstep\n\n`))
    this.pump()
    // Who is cut off before the first event goes on from here, not from what is then now. It comes after the first
    // notifications: with a gap still unsent, the place behind it must not be known.
    this.tellPlace('')
  }

  /** Tells that the stream is alive, and how far it is, although no event may have matched for long. */
  heartbeat(): void {
    this.tellPlace(': heartbeat\n\n')
  }

  end(comment: string): void {
    if (this.ended) return
    this.parts.response.end(`: ${comment}\n\n`)
    this.release()
  }

  /** Writes one piece. Another one comes in its turn: with thousands of readers all else would have to wait meanwhile. */
  private pump(): void {
    if (this.ended || this.blocked) return
    const { cursor } = this.parts
    const before = cursor.seq
    let notifications: Notification[]
    try {
      notifications = cursor.next(Math.min(READ_EVENTS, this.left), READ_BYTES)
    } catch (error) {
      this.fail(error)
      return
    }
    if (notifications.length > 0) this.write(this.render(notifications, before))
    if (this.left <= 0) this.end('limit reached')
    else if (!this.blocked) this.readOn()
  }

  private readOn(): void {
    if (!this.ended) this.parts.cursor.onMore(() => this.pump())
  }

  private fail(error: unknown): void {
    if (error instanceof BrokerError) {
      this.end(error.message.replaceAll(/[\r\n]/g, ' '))
      return
    }
    this.parts.unexpected(error)
    this.parts.response.destroy()
    this.release()
  }

  private render(notifications: readonly Notification[], before: number): Buffer {
    const pieces: Uint8Array[] = []
    if (this.history === '') this.history = this.parts.history()
    for (const notification of notifications) {
      switch (notification.type) {
        case 'event':
        case 'early':
          this.left--
          this.renderEvent(notification, pieces)
          break
        case 'kept': {
          const { topic, numbered, seq, offset } = notification
          pieces.push(
            Buffer.from(`${this.head('kept', seq)}${JSON.stringify({ ref: refOf(numbered), topic, seq, offset })}\n\n`),
          )
          break
        }
        case 'retract': {
          const { topic, numbered } = notification
          pieces.push(Buffer.from(`event: retract\ndata: ${JSON.stringify({ ref: refOf(numbered), topic })}\n\n`))
          break
        }
        case 'view': {
          const { seq, view } = notification
          pieces.push(Buffer.from(`${this.head('view', seq)}${JSON.stringify({ seq, ...view })}\n\n`))
          break
        }
        case 'gap': {
          const { from, to, reason } = notification
          if (reason === 'history-changed') this.history = this.parts.history()
          // Events that are left within the gap are still to come: who is cut off now must not resume behind them.
          const last = notification === notifications.at(-1)
          const place = last ? this.parts.cursor.seq : Math.max(before, this.toldSeq)
          pieces.push(Buffer.from(`${this.head('gap', place)}${JSON.stringify({ from, to, reason })}\n\n`))
          break
        }
        default:
          notification satisfies never
      }
    }
    return Buffer.concat(pieces)
  }

  private renderEvent(given: Extract<Notification, { type: 'event' | 'early' }>, pieces: Uint8Array[]): void {
    const { event } = given
    // What has no place yet has no `id:` line: whoever is cut off resumes before it.
    const head = given.type === 'event' ? this.head('event', given.event.seq) : 'event: event\ndata: '
    pieces.push(Buffer.from(head + this.eventHead(given)))
    const data = Buffer.from(event.data.buffer, event.data.byteOffset, event.data.length)
    if (!data.includes(0x0a) && !data.includes(0x0d)) pieces.push(data)
    else pieces.push(Buffer.from(data.toString().replaceAll(/\r\n|\r|\n/g, '\ndata: ')))
    pieces.push(EVENT_END)
  }

  private eventHead(given: Extract<Notification, { type: 'event' | 'early' }>): string {
    const place = given.type === 'event' ? given.event : undefined
    if (place && this.parts.form === 'cloudevents') return cloudEventHead(place)
    return eventHead(given.event, place, this.parts.early)
  }

  private head(type: Notification['type'], seq: number): string {
    this.toldSeq = seq
    return `id: ${formatToken(this.history, seq)}\nevent: ${type}\ndata: `
  }

  /** A message of nothing but an id sets where the client will resume, without the page being told. */
  private tellPlace(otherwise: string): void {
    if (this.ended || this.blocked) return
    const { seq } = this.parts.cursor
    // A replica that has no history yet has no places either.
    if (this.history === '') this.history = this.parts.history()
    if (seq === this.toldSeq || this.history === '') {
      if (otherwise !== '') this.write(Buffer.from(otherwise))
      return
    }
    this.toldSeq = seq
    this.write(Buffer.from(`id: ${formatToken(this.history, seq)}\n\n`))
  }

  private write(text: Buffer): void {
    if (!this.parts.response.write(text)) this.blocked = true
  }

  private release(): void {
    if (this.ended) return
    this.ended = true
    this.parts.cursor.close()
  }
}

const EVENT_END = Buffer.from('}\n\n')

/**
 * An event as `schemas/event.schema.json` has it, up to its data, which are to be followed by `}`. Without a place it has
 * no seq and no offset, and no `id` but its publisher's; below `safe` its `ref` tells which one is kept or taken back.
 */
function eventHead(event: EarlyEvent, place: ReadEvent | undefined, early: boolean): string {
  const { topic, id, type, source, time, key, schemaVersion, publisher, numbered, extensions } = event
  const fields = {
    seq: place?.seq ?? null,
    offset: place?.offset ?? null,
    ref: early ? refOf(numbered) : undefined,
    topic,
    id: id ?? null,
    type,
    source,
    time,
    key: key ?? null,
    schemaVersion,
    publisher: publisher ?? null,
    extensions,
  }
  return `${JSON.stringify(fields).slice(0, -1)},"data":`
}

function refOf({ by, number }: Numbered): string {
  return `${by}:${number}`
}

/** The open streams of a replica: their heartbeat and their common end. */
export class EventStreams {
  private readonly open = new Set<EventStream>()
  private closing: string | undefined

  /** Why no further stream is opened, if so. */
  get ending(): string | undefined {
    return this.closing
  }

  get size(): number {
    return this.open.size
  }

  get pendingBytes(): number {
    let bytes = 0
    for (const stream of this.open) bytes += stream.pendingBytes
    return bytes
  }

  start(parts: EventStreamParts): void {
    new EventStream(parts, this.open).start()
  }

  heartbeat(): void {
    for (const stream of this.open) stream.heartbeat()
  }

  end(comment: string): void {
    this.closing = comment
    for (const stream of this.open) stream.end(comment)
  }
}
