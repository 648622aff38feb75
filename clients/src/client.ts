// A client of a group: it is attached to one replica at a time, learns where the others are, and goes to the next one
// when its own is gone, or is of no use. What was published and not answered, and all subscriptions, go with it.

import { Connection, type WebSocketClass } from './connection.ts'
import { LockstepError } from './errors.ts'
import type { EarlyItem, EarlyOrder, Extensions, Item } from './items.ts'
import type { Cluster, ReplicaMessage } from './messages.ts'
import { type Published, Publisher } from './publisher.ts'
import { Replicas } from './replicas.ts'
import { type SubscribeOptions, Subscription } from './subscription.ts'
import { traceExtensions } from './trace-context.ts'
import { encodePlainRecord, encodeRecord, jsonOf } from './wire.ts'

export interface ConnectOptions {
  /** Addresses of replicas, as in `http://127.0.0.1:7400`: one is enough to learn the others, several survive more. */
  readonly replicas: string | readonly string[]
  /**
   * Bytes of events that may wait to be published, each counting 500 besides; 16 MiB by default. Beyond that `publish`
   * rejects with `FULL`.
   */
  readonly publishBytesMax?: number | undefined
  /**
   * Who publishes; random by default, which is right unless the same events may be published again by another run of the
   * program. Then give the same id, and publish the same events in the same order from the first one on: those that are
   * in the order already are found there. No two programs may use one id at a time.
   */
  readonly publisherId?: string | undefined
  /** With an event that is refused all behind it are given up, and nothing more is taken: what is in has no holes. */
  readonly stopAtRefusal?: boolean | undefined
  /** Goes to no replica but the given ones, whatever others there are: for programs that look at one. */
  readonly stay?: boolean | undefined
  /** Within this time a replica must have answered; 3000 by default, in milliseconds. */
  readonly openMs?: number | undefined
  /** Told whenever the view, or the replica that this client is attached to, has changed. */
  readonly onCluster?: ((cluster: Cluster) => void) | undefined
  /** Told when a connection has come to an end. The client goes on by itself. */
  readonly onBroken?: ((why: string, replica: string) => void) | undefined
  /** For where there is none: Node.js before 22. That of the package `ws` fits. */
  readonly WebSocket?: WebSocketClass | undefined
}

export interface PublishOptions {
  readonly key?: string | undefined
  readonly id?: string | undefined
  readonly type?: string | undefined
  readonly source?: string | undefined
  readonly time?: string | Date | undefined
  readonly extensions?: Extensions | undefined
  /** The trace that the event was made in, as W3C Trace Context writes it: kept with it, among its extensions. */
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  /** Gives up waiting. The error says whether the event may be published all the same. */
  readonly signal?: AbortSignal | undefined
}

export interface Topic<Data> {
  readonly name: string
  /** Resolves when the event is safe: every member of the group's view holds it. */
  publish(data: Data, options?: PublishOptions): Promise<Published>
  subscribe(options: EarlyOptions): Subscription<Data, EarlyItem<Data>>
  subscribe(options?: SubscribeOptions & { readonly order?: 'safe' | undefined }): Subscription<Data>
  subscribe(options?: SubscribeOptions): Subscription<Data, Item<Data> | EarlyItem<Data>>
}

/** Options of a subscription below `safe`. */
export type EarlyOptions = SubscribeOptions & { readonly order: EarlyOrder }

const PUBLISH_BYTES = 16 * 1024 * 1024
const OPEN_MS = 3000
/** A connection that lasted so long shows that its replica is of use. */
const LASTING_MS = 1000

const NO_OPTIONS: PublishOptions = {}
const encoder = new TextEncoder()

/** Begins to connect at once; whatever is asked for meanwhile waits. */
export function connect(options: ConnectOptions): Client {
  return new Client(options)
}

export class Client {
  private readonly options: ConnectOptions
  private readonly WebSocket: WebSocketClass
  private readonly replicas: Replicas
  private readonly publisher: Publisher
  private readonly subscriptions = new Map<number, Subscription<unknown>>()
  private connection: Connection | undefined
  private welcomed = false
  private welcomedAt = 0
  private latest: Cluster | undefined
  /** The member to which the last connection broke, until another one is told. */
  private lost: string | undefined
  private nextSub = 1
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false

  constructor(options: ConnectOptions) {
    const { replicas, publishBytesMax = PUBLISH_BYTES, publisherId, stopAtRefusal = false } = options
    this.options = options
    this.WebSocket = options.WebSocket ?? ownWebSocket()
    this.replicas = new Replicas(typeof replicas === 'string' ? [replicas] : replicas, Math.random())
    const publisher = {
      id: publisherId ?? randomId(),
      mintId: publisherId === undefined ? randomId : undefined,
      bytesMax: publishBytesMax,
      stopAtRefusal,
    }
    this.publisher = new Publisher(publisher, {
      unhappy: () => this.move('it refuses what is published'),
      random: Math.random,
      after: (ms, call) => {
        const timer = setTimeout(call, ms)
        return () => clearTimeout(timer)
      },
    })
    this.open()
  }

  /** What was last heard of the group; undefined: nothing yet. */
  get cluster(): Cluster | undefined {
    return this.latest
  }

  /** Nothing of what was published waits for its answer. */
  get idle(): boolean {
    return this.publisher.idle
  }

  topic<Data = unknown>(name: string): Topic<Data> {
    return {
      name,
      publish: (data, options) => this.publish(name, data, options),
      subscribe: ((options) => this.subscribe<Data>([name], options)) as Topic<Data>['subscribe'],
    }
  }

  /** Resolves when the event is safe. Rejects with a `LockstepError`, whose `outcome` says what is known of it. */
  publish(topic: string, data: unknown, options: PublishOptions = NO_OPTIONS): Promise<Published> {
    if (this.closed)
      return Promise.reject(new LockstepError('ABORTED', 'The client is closed.', { outcome: 'not-published' }))
    try {
      const text = jsonOf(data)
      const record = options === NO_OPTIONS ? encodePlainRecord(text) : recordWith(options, text)
      return this.publisher.publish(topic, record, options.signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Resolves when no more than 4 MiB, or half of `publishBytesMax` if that is less, waits to be answered: publish more then. */
  ready(): Promise<void> {
    return this.publisher.ready()
  }

  /** Resolves when everything that was published is answered. */
  flushed(): Promise<void> {
    return this.publisher.flushed()
  }

  /** `topics`: names and wildcards: `*` stands for one token, `>` for the rest. */
  subscribe<Data = unknown>(topics: readonly string[], options: EarlyOptions): Subscription<Data, EarlyItem<Data>>
  subscribe<Data = unknown>(
    topics: readonly string[],
    options?: SubscribeOptions & { readonly order?: 'safe' | undefined },
  ): Subscription<Data>
  subscribe<Data = unknown>(
    topics: readonly string[],
    options?: SubscribeOptions,
  ): Subscription<Data, Item<Data> | EarlyItem<Data>>
  subscribe<Data>(
    topics: readonly string[],
    options: SubscribeOptions = {},
  ): Subscription<Data, Item<Data> | EarlyItem<Data>> {
    const subscription = new Subscription<Data, Item<Data> | EarlyItem<Data>>(this.nextSub++, topics, options, {
      unhappy: () => this.move('it ended a subscription'),
      closed: ({ sub }) => this.subscriptions.delete(sub),
    })
    if (this.closed) subscription.close()
    else if (options.signal?.aborted !== true) {
      this.subscriptions.set(subscription.sub, subscription as Subscription<unknown>)
      if (this.connection && this.welcomed) subscription.attach(this.connection)
    }
    return subscription
  }

  /** Ends subscriptions, and gives up what is not answered: await `flushed()` first, if that matters. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.timer)
    this.publisher.close()
    for (const subscription of [...this.subscriptions.values()]) subscription.close()
    this.connection?.close()
  }

  // ---- the connection

  private open(): void {
    const url = this.replicas.take()
    this.welcomed = false
    this.connection = new Connection(this.WebSocket, url, this.options.openMs ?? OPEN_MS, {
      welcomed: (welcome) => {
        this.welcomed = true
        this.welcomedAt = performance.now()
        this.onCluster(welcome)
        const connection = this.connection as Connection
        if (this.lost !== undefined && this.lost !== welcome.incarnation)
          connection.say({ op: 'lost', incarnation: this.lost })
        this.lost = undefined
        this.publisher.attach(connection, welcome.limits, welcome.history)
        for (const subscription of this.subscriptions.values()) subscription.attach(connection)
      },
      message: (message) => this.onMessage(message),
      events: (bytes) => {
        const sub = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(1, true)
        this.subscriptions.get(sub)?.events(bytes)
      },
      ended: (why) => {
        if (this.welcomed) this.lost = this.latest?.incarnation
        this.onEnded(why, url)
      },
    })
  }

  private onMessage(message: ReplicaMessage): void {
    switch (message.op) {
      case 'cluster':
        return this.onCluster(message)
      case 'goodbye':
        return this.move('it is stopping')
      case 'publisher':
        return this.publisher.greeted(message.id, message.next)
      case 'published':
        return this.publisher.published(message.history, message.ranges)
      case 'refused':
        return this.publisher.refused(message)
      case 'progress':
        for (const [sub, seq] of message.marks) this.subscriptions.get(sub)?.progress(message.history, seq)
        return
      case 'subscribed':
      case 'view':
      case 'gap':
      case 'kept':
      case 'retract':
      case 'current':
      case 'ended':
        this.subscriptions.get(message.sub)?.message(message)
        return
      default: // Of no interest here, or of a later version.
    }
  }

  private onCluster({ replica, incarnation, history, seq, primary, view, reason }: Cluster): void {
    this.latest = { replica, incarnation, history, seq, primary, view, ...(reason !== undefined && { reason }) }
    if (this.options.stay !== true) this.replicas.learn(view.members.map(({ url }) => url).filter((url) => url !== ''))
    this.options.onCluster?.(this.latest)
  }

  private onEnded(why: string, url: string): void {
    this.connection = undefined
    const lasted = this.welcomed && performance.now() - this.welcomedAt >= LASTING_MS
    this.welcomed = false
    this.publisher.detach()
    for (const subscription of this.subscriptions.values()) subscription.detach()
    this.options.onBroken?.(why, url)
    if (this.closed) return
    // A replica that has served for a while and is gone: the next one at once.
    const waitMs = lasted ? 0 : this.replicas.failed(Math.random())
    if (lasted) this.replicas.succeeded()
    if (waitMs === 0) this.open()
    else this.timer = setTimeout(() => this.open(), waitMs)
  }

  private move(why: string): void {
    const { connection } = this
    if (!connection || this.closed) return
    connection.close()
    this.onEnded(why, connection.url)
  }
}

function recordWith(options: PublishOptions, text: string): Uint8Array {
  const { time, key, id, type, source } = options
  const written = time instanceof Date ? time.toISOString() : time
  const trace = traceExtensions(options.traceparent, options.tracestate)
  const extensions = trace === undefined ? options.extensions : { ...options.extensions, ...trace }
  return encodeRecord({ key, id, type, source, extensions, time: written, data: encoder.encode(text) })
}

function ownWebSocket(): WebSocketClass {
  const own: WebSocketClass | undefined = globalThis.WebSocket
  if (own === undefined) throw new TypeError('there is no WebSocket here: hand one in, as that of the package ws')
  return own
}

/** 128 bits, that no other publisher ever has. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
