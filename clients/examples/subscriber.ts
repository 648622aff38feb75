// Reads a stream of server-sent events without losing its place. Each message has an id, which is a place in the order of
// the group; when the stream is cut, the last one, sent as Last-Event-ID to any other replica, goes on right behind it.

import { setTimeout as pause } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Changes } from './changes.ts'

export interface Notified {
  readonly seq: number
  readonly offset: number
  readonly topic: string
  readonly id: string
  readonly publisher: string
  readonly data: unknown
}

export interface View {
  readonly seq: number
  readonly number: number
  readonly members: readonly { readonly name: string }[]
  readonly joined: readonly string[]
  readonly left: readonly string[]
  readonly failed: readonly string[]
}

/** Replicas say something every 15 s, if only a heartbeat: a stream that is silent for longer is dead. */
const SILENCE_MS = 40_000
/** Before the next replica is tried, so that a group that is down is not asked without a pause. */
const RETRY_MS = 100

export class Subscriber {
  readonly name: string
  readonly events: Notified[] = []
  readonly views: View[] = []
  /** Places that it was told are gone. */
  gaps = 0
  /** How often it went on at another replica. */
  resumed = 0
  readonly changes: Changes = new Changes()
  private readonly query: string
  private readonly urls: readonly string[]
  private readonly onView: (view: View) => void
  private lastEventId: string | undefined
  private opened = false

  /** `urls`: the replica to begin with comes first. */
  constructor(name: string, topics: readonly string[], urls: readonly string[], onView: (view: View) => void) {
    this.name = name
    this.query = `topics=${topics.join()}&from=start&views=true`
    this.urls = urls
    this.onView = onView
  }

  /** Resolves when the first stream is open. */
  async open(signal: AbortSignal): Promise<void> {
    await this.changes.until(() => this.opened, signal)
  }

  /** Resolves when an event of the topic was read. */
  async reached(topic: string, signal: AbortSignal): Promise<void> {
    await this.changes.until(() => this.events.at(-1)?.topic === topic, signal)
  }

  /** Reads until the signal aborts. */
  async read(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        await this.readStream(this.urls[turn % this.urls.length]!, signal)
      } catch (error) {
        if (error instanceof WrongRequest) throw error
        // Any other error is a stream that was cut or could not be opened: on to the next replica.
      }
      await pause(RETRY_MS, undefined, { signal }).catch(() => {})
    }
  }

  private async readStream(url: string, stop: AbortSignal): Promise<void> {
    const silence = new AbortController()
    const alarm = setTimeout(() => silence.abort(), SILENCE_MS)
    try {
      const response = await fetch(`${url}/v1/events?${this.query}`, {
        headers: {
          Accept: 'text/event-stream',
          ...(this.lastEventId !== undefined && { 'Last-Event-ID': this.lastEventId }),
        },
        signal: AbortSignal.any([stop, silence.signal]),
      })
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        throw new WrongRequest(`${url}: ${response.status} ${await response.text()}`)
      }
      if (response.status !== 200 || response.body === null) return await response.body?.cancel()
      if (this.opened) this.resumed++
      this.opened = true
      this.changes.notify()
      const parser = createParser({ onEvent: (message) => this.take(message) })
      const decoder = new TextDecoder()
      for await (const chunk of response.body) {
        alarm.refresh()
        parser.feed(decoder.decode(chunk, { stream: true }))
        this.changes.notify()
      }
    } finally {
      clearTimeout(alarm)
    }
  }

  private take({ id, event, data }: EventSourceMessage): void {
    if (event === 'event') this.events.push(JSON.parse(data) as Notified)
    else if (event === 'gap') this.gaps++
    else if (event === 'view') {
      const view = JSON.parse(data) as View
      this.views.push(view)
      this.onView(view)
    }
    // Only now: what is acknowledged by its id must have been taken.
    this.lastEventId = id ?? this.lastEventId
  }
}

class WrongRequest extends Error {}
