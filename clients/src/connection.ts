// One WebSocket to one replica, from the first try to its end: it opens and is welcomed within a time, or it fails; when
// nothing is heard for three beats it is taken for broken. It comes to an end once, and says so once.

import type { ReplicaMessage } from './messages.ts'

export type Welcome = Extract<ReplicaMessage, { op: 'welcome' }>

export interface ConnectionEvents {
  welcomed(welcome: Welcome): void
  message(message: ReplicaMessage): void
  events(bytes: Uint8Array): void
  /** Not for an end from this side. */
  ended(why: string): void
}

/** As much of a WebSocket as is needed: that of browsers and Node.js has it, and that of the package `ws`. */
export interface WebSocketLike {
  binaryType: string
  onmessage: Listener<{ readonly data: unknown }>
  onclose: Listener<{ readonly code: number; readonly reason: string }>
  onerror: Listener<object>
  send(message: string | Uint8Array<ArrayBuffer>): void
  close(): void
}

/** A method, so that the events of all of them fit, though each has more in them than this. */
type Listener<Event> = { on(event: Event): void }['on'] | null

export type WebSocketClass = new (url: string, subprotocol: string) => WebSocketLike

const SUBPROTOCOL = 'lockstep.v1'
/** Beats that may be missing before the connection counts as broken. */
const BEATS_MISSED = 3
/** Enough to read what came while this side stood still, and took that for the silence of the other. */
const READ_MS = 100

export class Connection {
  readonly url: string
  private readonly socket: WebSocketLike
  private readonly listener: ConnectionEvents
  private timer: ReturnType<typeof setTimeout>
  private silenceMs: number
  private heardAt = now()
  private over = false

  constructor(WebSocket: WebSocketClass, url: string, openMs: number, listener: ConnectionEvents) {
    this.url = url
    this.listener = listener
    this.silenceMs = openMs
    this.socket = new WebSocket(streamUrl(url), SUBPROTOCOL)
    this.socket.binaryType = 'arraybuffer'
    this.timer = setTimeout(() => this.checkSilence(), openMs)
    this.socket.onmessage = ({ data }) => {
      this.heardAt = now()
      if (typeof data === 'string') this.onText(data)
      // Some WebSockets, as that of the package ws, hand over what comes after `close`: it comes again elsewhere.
      else if (!this.over) listener.events(new Uint8Array(data as ArrayBuffer))
    }
    this.socket.onclose = ({ code, reason }) => this.end(`closed with ${code} ${reason}`.trim())
    this.socket.onerror = () => this.end('the connection failed')
  }

  say(message: object): void {
    if (!this.over) this.socket.send(JSON.stringify(message))
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (!this.over) this.socket.send(message)
  }

  /** Ends it from this side; `ended` is not called. */
  close(): void {
    this.over = true
    clearTimeout(this.timer)
    this.socket.close()
  }

  private onText(text: string): void {
    if (this.over) return
    const message = JSON.parse(text) as ReplicaMessage
    if (message.op === 'welcome') {
      this.silenceMs = BEATS_MISSED * message.beatMs
      this.listener.welcomed(message)
    } else this.listener.message(message)
  }

  private checkSilence(): void {
    const { heardAt } = this
    const silentMs = now() - heardAt
    if (silentMs >= this.silenceMs) this.timer = setTimeout(() => this.endUnlessHeard(heardAt), READ_MS)
    else this.timer = setTimeout(() => this.checkSilence(), this.silenceMs - silentMs)
  }

  private endUnlessHeard(since: number): void {
    if (this.heardAt > since) return this.checkSilence()
    this.end('nothing was heard for too long')
    this.socket.close()
  }

  private end(why: string): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.timer)
    this.listener.ended(why)
  }
}

function streamUrl(replica: string): string {
  const url = new URL('v1/stream', replica.endsWith('/') ? replica : `${replica}/`)
  url.protocol = url.protocol === 'https:' || url.protocol === 'wss:' ? 'wss:' : 'ws:'
  return url.href
}

function now(): number {
  return performance.now()
}
