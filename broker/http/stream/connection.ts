// One stream: a WebSocket with any number of subscriptions and one publisher (clients/PROTOCOL.md). It keeps nothing for
// a client that does not read: events wait in the order, at the subscriptions' places, and the client is not read from
// while much lies unsent for it.

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { BrokerError } from '../../errors.ts'
import { malformed } from '../json.ts'
import { checkPattern } from '../names.ts'
import type { ClusterStatus, Operations } from '../operations.ts'
import { readFrom } from '../tokens.ts'
import { type Payload, writeBinary, writeText } from './frame.ts'
import { PUBLISHES_MAX, readPublishes } from './layout.ts'
import { StreamPublisher } from './publisher.ts'
import { readRequest, type StreamRequest, type SubscribeRequest } from './requests.ts'
import { StreamSubscription, type SubscriptionHost } from './subscription.ts'

export interface StreamParts {
  readonly socket: WebSocket
  /** What the WebSocket speaks over. */
  readonly transport: Duplex
  readonly operations: Operations
  readonly beatMs: number
  readonly unexpected: (error: unknown) => void
  readonly onRefused: (error: BrokerError) => void
  /** The client has lost its connection to this member. */
  readonly onLost: (incarnation: string) => void
}

const SUBSCRIPTIONS_MAX = 1000
/** A subscription is never owed more. */
const CREDIT_BYTES_MAX = 64 * 1024 * 1024
/** Publishes of one stream that are not answered, in bytes: its client is not read from beyond that. */
const PUBLISH_BYTES_MAX = 4 * 1024 * 1024
/** With so much unsent the socket is full for events. */
const FULL_BYTES = 64 * 1024
/** With so much unsent a client is not read from: what it asks for brings answers. */
const UNREAD_BYTES_MAX = 1024 * 1024
/** Of a publish besides its events: names, numbers, the table, the fields of records. */
const MESSAGE_ROOM_BYTES = 64 * 1024

/** Of WebSocket: RFC 6455, 7.4.1. */
const PROTOCOL_ERROR = 1002
const POLICY_VIOLATION = 1008

/** The longest message that a stream takes. */
export function messageBytesMax({ limits }: Operations): number {
  return limits.requestBytesMax + MESSAGE_ROOM_BYTES
}

export class StreamConnection implements SubscriptionHost {
  private readonly parts: StreamParts
  private readonly subscriptions = new Map<number, StreamSubscription>()
  private publisher: StreamPublisher | undefined
  private saidSinceBeat = true
  private paused = false
  private closed = false
  private ending = false
  private saidLost = false

  constructor(parts: StreamParts) {
    this.parts = parts
    const { socket, transport } = parts
    socket.on('message', (data, isBinary) => this.guarded(() => this.onMessage(data as Buffer, isBinary)))
    socket.on('close', () => this.release())
    socket.on('error', () => {}) // `close` follows.
    transport.on('drain', () => this.guarded(() => this.onDrain()))
    this.say({ op: 'welcome', ...this.cluster(), limits: this.limits(), beatMs: parts.beatMs })
  }

  // ---- for its subscriptions

  get full(): boolean {
    return this.parts.socket.bufferedAmount >= FULL_BYTES
  }

  history(): string {
    return this.parts.operations.cluster().history
  }

  head(): number {
    return this.parts.operations.cluster().seq
  }

  say(message: object): void {
    this.write((transport) => writeText(transport, JSON.stringify(message)))
  }

  send(message: Payload): void {
    this.write((transport) => writeBinary(transport, message))
  }

  unexpected(error: unknown): void {
    this.parts.unexpected(error)
  }

  ended(sub: number): void {
    this.subscriptions.delete(sub)
  }

  // ---- for the replica

  /** What is unsent, in bytes. */
  get pendingBytes(): number {
    return this.parts.socket.bufferedAmount
  }

  /** The view, or whether it is primary, has changed. */
  tellCluster(): void {
    this.say({ op: 'cluster', ...this.cluster() })
  }

  /** Tells how far it is, or at least that it lives. */
  beat(): void {
    if (this.full) return
    const marks: [number, number][] = []
    for (const [sub, subscription] of this.subscriptions) {
      const seq = subscription.progress()
      if (seq !== undefined) marks.push([sub, seq])
    }
    if (marks.length > 0) this.say({ op: 'progress', history: this.history(), marks })
    else if (!this.saidSinceBeat) this.say({ op: 'beat' })
    this.saidSinceBeat = false
  }

  /** Says goodbye; the client goes when its publishes are answered, or is cut off with all others. */
  end(detail: string): void {
    if (this.ending) return
    this.ending = true
    this.say({ op: 'goodbye', detail })
    for (const subscription of this.subscriptions.values()) subscription.close()
    this.subscriptions.clear()
    this.maybeEnd()
  }

  // ---- what the client says

  private onMessage(data: Buffer, isBinary: boolean): void {
    if (this.closed) return
    try {
      if (isBinary) this.onBinary(data)
      else {
        const request = readRequest(data)
        if (request) this.onRequest(request)
      }
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      this.fail(error)
    }
  }

  private onBinary(message: Buffer): void {
    const { publisher } = this
    const publishes = readPublishes(message)
    if (!publisher) throw malformed('', 'a publish comes after {"op":"publisher","id":…}')
    if (!this.ending) for (const publish of publishes) publisher.publish(publish)
    else {
      const detail = 'This replica is stopping: use another one.'
      for (const { sequence, count } of publishes)
        this.say({ op: 'refused', sequence, count, code: 'NOT_PRIMARY', detail, outcome: 'not-published' })
    }
    this.changed()
  }

  private onRequest(request: StreamRequest): void {
    switch (request.op) {
      case 'publisher':
        return this.onPublisher(request.id)
      case 'subscribe':
        return this.onSubscribe(request)
      case 'credit':
        this.subscriptions.get(request.sub)?.grant(request.bytes, CREDIT_BYTES_MAX)
        return
      case 'unsubscribe':
        this.subscriptions.get(request.sub)?.close()
        if (this.subscriptions.delete(request.sub)) this.say({ op: 'ended', sub: request.sub })
        return
      case 'lost':
        return this.onLost(request.incarnation)
      case 'ping':
        return this.say({ op: 'pong', id: request.id })
      default:
        request satisfies never
    }
  }

  /** One a stream: a client comes from one replica, and more would be questions to the group for nothing. */
  private onLost(incarnation: string): void {
    if (!this.saidLost) this.parts.onLost(incarnation)
    this.saidLost = true
  }

  private onPublisher(id: string): void {
    if (this.publisher && this.publisher.id !== id) throw malformed('/id', 'a stream has one publisher')
    const { operations } = this.parts
    const host = {
      operations,
      say: (message: object) => this.say(message),
      unexpected: this.parts.unexpected,
      onRefused: this.parts.onRefused,
      changed: () => this.changed(),
    }
    this.publisher ??= new StreamPublisher(id, host)
    this.say({ op: 'publisher', id, next: operations.nextSequence(id) ?? null })
  }

  private onSubscribe({ sub, topics, from, order = 'safe', views = false, credit }: SubscribeRequest): void {
    if (this.subscriptions.has(sub)) throw malformed('/sub', `the subscription ${sub} is there already`)
    const { operations } = this.parts
    try {
      if (this.ending) throw new BrokerError('NOT_PRIMARY', 'This replica is stopping: use another one.')
      if (this.subscriptions.size >= SUBSCRIPTIONS_MAX) {
        throw new BrokerError('LIMIT', `A stream has ${SUBSCRIPTIONS_MAX} subscriptions at most.`)
      }
      for (const pattern of topics) checkPattern(pattern, operations.limits.topicNameBytesMax)
      const cursor = operations.subscribe(topics, readFrom(from, undefined), { views, order })
      const subscription = new StreamSubscription(sub, cursor, order, Math.min(credit, CREDIT_BYTES_MAX), this)
      this.subscriptions.set(sub, subscription)
      subscription.pump()
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      this.parts.onRefused(error)
      this.say({ op: 'ended', sub, code: error.code, detail: error.message })
    }
  }

  // ---- the socket

  /** Past the WebSocket, which has nothing of its own under way here. */
  private write(act: (transport: Duplex) => void): void {
    const { socket, transport } = this.parts
    if (this.closed || socket.readyState !== socket.OPEN) return
    this.saidSinceBeat = true
    act(transport)
    this.changed()
  }

  private onDrain(): void {
    this.changed()
    for (const subscription of [...this.subscriptions.values()]) {
      if (this.full) return
      subscription.resume()
    }
  }

  /** More or less lies unsent, or is under way. */
  private changed(): void {
    const { socket } = this.parts
    const underWay = this.publisher?.underWay ?? 0
    const hold = socket.bufferedAmount >= UNREAD_BYTES_MAX || underWay >= PUBLISH_BYTES_MAX
    if (hold !== this.paused && !this.closed) {
      this.paused = hold
      if (hold) socket.pause()
      else socket.resume()
    }
    this.maybeEnd()
  }

  private maybeEnd(): void {
    if (this.ending && (this.publisher?.settled ?? true)) this.parts.socket.close(1001, 'the replica is stopping')
  }

  private fail(error: BrokerError): void {
    const { code, message } = error
    this.parts.onRefused(error)
    this.say({ op: 'error', code, detail: message })
    this.parts.socket.close(code === 'LIMIT' || code === 'TOO_LARGE' ? POLICY_VIOLATION : PROTOCOL_ERROR)
    this.release()
  }

  private release(): void {
    this.closed = true
    for (const subscription of this.subscriptions.values()) subscription.close()
    this.subscriptions.clear()
  }

  private guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.parts.unexpected(error)
      this.parts.socket.terminate()
    }
  }

  private cluster(): object {
    const { history, seq, primary, view, self, incarnation, reason } =
      this.parts.operations.cluster() satisfies ClusterStatus
    return { replica: self, incarnation, history, seq, primary, view, ...(reason !== undefined && { reason }) }
  }

  private limits(): object {
    const { operations } = this.parts
    const { eventBytesMax, requestBytesMax, requestEventsMax } = operations.limits
    return {
      messageBytesMax: messageBytesMax(operations),
      eventBytesMax,
      publishBytesMax: requestBytesMax,
      publishEventsMax: requestEventsMax,
      publishesMax: PUBLISHES_MAX,
      underWayBytesMax: PUBLISH_BYTES_MAX,
      subscriptionsMax: SUBSCRIPTIONS_MAX,
      creditBytesMax: CREDIT_BYTES_MAX,
    }
  }
}
