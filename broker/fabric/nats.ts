// The fabric between machines: NATS core as a carrier of datagrams, and nothing else of it. No order, acknowledgement or
// memory of the server is relied on. With its transport the only file that imports 'nats'.
//
// A link is one connection, used once. The client could reconnect by itself, but then it would send, after an outage,
// what was published while it dialled; a new connection has nothing of the old one in it. So the loop here dials, checks
// that it may send and receive, says that it is linked, and when the connection ends says so and dials again, for ever.
//
// Everything goes over one connection. A second one for bulk would keep a state transfer from delaying heartbeats, but
// could fail by itself, and a replica half linked is a new kind of failure to think of. A transfer is asked for part by
// part by its receiver, and the backlog is bounded: that keeps the delay small.

import { connect as dialSocket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import {
  type ConnectionOptions,
  connect,
  type Msg,
  type NatsConnection,
  PermissionViolationError,
  type Subscription,
} from 'nats'
import { BrokerError } from '../errors.ts'
import {
  type CountingFabric,
  DATAGRAM_OVERHEAD_BYTES,
  type DropReason,
  type FabricCounters,
  guarded,
  newCounters,
} from './counters.ts'
import { type Connected, connectInPlace } from './nats-transport.ts'
import { Assembly, DATAGRAM_BYTES_LARGEST, Parts } from './parts.ts'

export interface NatsOptions {
  /**
   * `nats://host:port`, with `user:password@` or `token@` where the server wants it. Tried one after another, beginning
   * with the first: name the nearest first.
   */
  readonly servers: readonly string[]
  /** The group's name, one token of every subject. */
  readonly group: string
  /** The replica's name, to be found in the server's list of connections. */
  readonly name: string
  /** A sentence for an operator; not told again while it stays the same. */
  readonly onProblem: (text: string) => void
  /** What a listener threw. */
  readonly onBug: (error: unknown) => void
  /**
   * What may be on its way to the server, in bytes. Too small: bursts are lost and repaired. Too large: memory, and
   * old news, when the server reads slowly.
   */
  readonly outboundBytesMax?: number
  /**
   * How often the server is asked whether it is still there; a connection ends when it has not answered three in a row.
   * Too small: idle traffic. Too large: a dead connection goes unnoticed.
   */
  readonly pingEveryMs?: number
  /** Patience with a server that accepts a connection and does not answer. */
  readonly dialMs?: number
  /** Rest between two attempts. Too small: a server coming back is stormed. Too large: a longer outage. */
  readonly redialMs?: number
  /** How often the server is asked for its payload limit. Too large: what fits again is refused for as long. */
  readonly limitEveryMs?: number
}

const DEFAULTS = {
  outboundBytesMax: 16 * 1024 * 1024,
  pingEveryMs: 2000,
  dialMs: 2000,
  redialMs: 200,
  limitEveryMs: 10_000,
}

/** What a server carries unless it is told otherwise; assumed until a server has said its own. */
const PAYLOAD_BYTES_DEFAULT = 1024 * 1024

/** A server's first line names all servers of its cluster. */
const GREETING_BYTES_MAX = 1024 * 1024

/** The server is asked after so many bytes whether it has read them. */
const ASK_EVERY_BYTES = 256 * 1024

/** How long `close` waits for the server to take what was sent before it: up to 16 MiB, perhaps on a busy machine. */
const LAST_WORDS_MS = 2000

/** No incarnation is 0: a subject that nobody uses, until `address` is called. */
const NOBODY = 0

/** Tells the server's permissions; ignored by whoever receives it. A member never sends an empty datagram. */
const PROBE = new Uint8Array(0)

/** Resolves after the first attempt, whether or not it led to a link; further ones follow until `close`. */
export async function connectNats(options: NatsOptions): Promise<NatsFabric> {
  const fabric = new NatsFabric(options)
  await fabric.firstAttempt
  return fabric
}

/** What a server says of itself as soon as somebody connects; some of it. */
interface Greeting {
  readonly server_id?: string
  readonly max_payload?: number
  readonly tls_required?: boolean
  readonly tls_available?: boolean
}

interface Server {
  readonly host: string
  readonly port: number
  readonly credentials: { user: string; pass: string } | { token: string } | Record<never, never>
}

/** One connection and how much was put into it. */
interface Link extends Connected {
  putBytes: number
  /** The server is known to have read everything up to here. */
  takenBytes: number
  asking: boolean
}

export class NatsFabric implements CountingFabric {
  readonly counters: FabricCounters = newCounters()
  readonly firstAttempt: Promise<void>
  private readonly options: NatsOptions & typeof DEFAULTS
  private readonly servers: readonly Server[]
  private readonly prefix: string
  private readonly ending = new AbortController()
  private readonly running: Promise<void>
  private ended: Promise<void> | undefined
  private receive: ((datagram: Uint8Array) => void) | undefined
  private linkChanged: ((linked: boolean) => void) | undefined
  private incarnation = NOBODY
  /** Open, but not yet or no longer to be relied on where `link` is undefined. */
  private connection: NatsConnection | undefined
  private own: Subscription | undefined
  private link: Link | undefined
  private lastPayloadBytesMax = PAYLOAD_BYTES_DEFAULT
  private lastProblem = ''
  private readonly parts = new Parts()
  private readonly assembly = new Assembly()

  constructor(options: NatsOptions) {
    if (!/^[A-Za-z0-9_-]+$/.test(options.group)) {
      throw new BrokerError(
        'MALFORMED',
        `The group's name "${options.group}" must be letters, digits, - and _, because it is a part of NATS subjects.`,
      )
    }
    if (options.servers.length === 0) throw new BrokerError('MALFORMED', 'No NATS server is given.')
    this.options = { ...DEFAULTS, ...options }
    this.servers = options.servers.map(parseServer)
    this.prefix = `lockstep.${options.group}`
    let attempted = () => {}
    this.firstAttempt = new Promise((resolve) => {
      attempted = resolve
    })
    this.running = this.run(attempted)
  }

  get linked(): boolean {
    return this.link !== undefined
  }

  get datagramBytesMax(): number {
    return Math.min(this.link?.connection.info?.max_payload ?? this.lastPayloadBytesMax, DATAGRAM_BYTES_LARGEST)
  }

  send(to: number | 'everyone', datagram: Uint8Array): void {
    const link = this.link
    const bytes = datagram.length + DATAGRAM_OVERHEAD_BYTES
    // The connection may have ended a moment ago, and told nobody yet.
    if (link === undefined || link.connection.isClosed()) this.drop('unlinked')
    else if (datagram.length > DATAGRAM_BYTES_LARGEST) this.drop('too-large')
    else if (backlog(link) > 0 && backlog(link) + bytes > this.options.outboundBytesMax) {
      this.drop('backlog')
      this.askWhatWasTaken(link)
    } else {
      const subject = to === 'everyone' ? this.subjectOfAll() : this.subjectOf(to)
      for (const part of this.parts.split(datagram, this.datagramBytesMax)) link.publish(subject, part)
      link.putBytes += bytes
      this.counters.sent++
      this.counters.sentBytes += datagram.length
      if (backlog(link) >= ASK_EVERY_BYTES) this.askWhatWasTaken(link)
    }
  }

  listen(receive: (datagram: Uint8Array) => void, linkChanged: (linked: boolean) => void): void {
    this.receive = receive
    this.linkChanged = linkChanged
  }

  address(incarnation: number): void {
    if (incarnation === this.incarnation) return
    this.incarnation = incarnation
    if (this.connection === undefined || this.connection.isClosed()) return
    this.own?.unsubscribe()
    // The server takes what comes over a connection in order: whoever answers a datagram sent from now on finds this.
    this.own = this.subscribe(this.connection, this.subjectOf(incarnation))
    // Datagrams are written at once, and what the client has to say at the end of the turn, unless it is asked to flush.
    void settled(this.connection.flush())
  }

  close(): Promise<void> {
    this.ended ??= this.end()
    return this.ended
  }

  private async end(): Promise<void> {
    const link = this.link
    this.receive = undefined
    this.linkChanged = undefined
    this.link = undefined
    if (link !== undefined) {
      const patience = new AbortController()
      await Promise.race([
        settled(link.connection.flush()),
        link.connection.closed(),
        settled(pause(LAST_WORDS_MS, undefined, { signal: patience.signal })),
      ])
      patience.abort()
    }
    this.ending.abort()
    await this.connection?.close()
    await this.running
  }

  private async run(attempted: () => void): Promise<void> {
    const signal = this.ending.signal
    for (let attempt = 0; !signal.aborted; attempt++) {
      const server = this.servers[attempt % this.servers.length]!
      try {
        await this.linkOver(server, await this.greet(server), attempted)
      } catch (error) {
        if (!signal.aborted) this.problem(`NATS server ${server.host}:${server.port}: ${describe(error)}`)
      }
      attempted()
      await settled(pause(this.options.redialMs, undefined, { signal }))
    }
  }

  /**
   * Sees whether a NATS server answers at all. The client never closes the socket of an attempt that ran out of time, so
   * that a server which accepts connections and then hangs would cost a socket each time, and keep the process alive.
   * Answers what the server says of itself.
   */
  private async greet(server: Server): Promise<Greeting> {
    const { dialMs } = this.options
    const socket = dialSocket({ host: server.host, port: server.port, signal: this.ending.signal })
    try {
      // The second of two errors must not become an uncaught exception.
      socket.on('error', () => {})
      socket.setTimeout(dialMs, () => socket.destroy(new Error(`no answer within ${dialMs} ms`)))
      let said = ''
      for await (const piece of socket) {
        said += String(piece)
        if (said.includes('\r\n') || said.length > GREETING_BYTES_MAX) break
      }
      if (said === '') throw new Error('closed the connection at once')
      return greetingOf(said)
    } finally {
      socket.destroy()
    }
  }

  /** From the dialling to the end of the connection. Throws where it never came to a link, or why it was lost. */
  private async linkOver(server: Server, greeting: Greeting, attempted: () => void): Promise<void> {
    const { connection, publish } = await connectTo(greeting, {
      servers: [`${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`],
      ...server.credentials,
      name: `${this.options.group}/${this.options.name}`,
      noEcho: true,
      noAsyncTraces: true,
      reconnect: false,
      timeout: this.options.dialMs,
      pingInterval: this.options.pingEveryMs,
      maxPingOut: 2,
    })
    try {
      if (this.ending.signal.aborted) return
      this.connection = connection
      const trouble: { refused?: Error; last?: Error } = {}
      const watched = this.watch(connection, trouble)

      this.subscribe(connection, this.subjectOfAll())
      this.own = this.subscribe(connection, this.subjectOf(this.incarnation))
      connection.publish(this.subjectOfAll(), PROBE)
      connection.publish(this.subjectOf(this.incarnation), PROBE)
      // Refusals come before the answer to the flush, but through a queue of their own: one turn lets them be seen. A
      // flush never settles when its connection is closed.
      await Promise.race([connection.flush(), connection.closed()])
      await nextTurn()
      if (trouble.refused === undefined && !connection.isClosed() && !this.ending.signal.aborted) {
        this.lastPayloadBytesMax = connection.info?.max_payload ?? PAYLOAD_BYTES_DEFAULT
        this.link = { connection, publish, putBytes: 0, takenBytes: 0, asking: false }
        this.lastProblem = ''
        this.counters.links++
        attempted()
        this.tellLink(true)
        const ended = new AbortController()
        void settled(this.watchLimit(server, connection, trouble, ended.signal))
        await watched
        ended.abort()
      }
      if (trouble.refused !== undefined) throw trouble.refused
      throw new Error(trouble.last === undefined ? 'connection lost' : `connection lost: ${describe(trouble.last)}`)
    } finally {
      this.unlink()
      this.connection = undefined
      await connection.close()
    }
  }

  /**
   * A server that is configured anew enforces another payload limit at once and tells nobody. So it is greeted again now
   * and then, and what has changed is taken over by a new connection. Rejects when the connection has ended.
   */
  private async watchLimit(
    server: Server,
    connection: NatsConnection,
    trouble: { last?: Error },
    ended: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await pause(this.options.limitEveryMs, undefined, { signal: ended })
      const greeting = await this.greet(server).catch(() => undefined)
      const { info } = connection
      // Behind one name there may be several servers, and each has its own limit.
      if (greeting === undefined || info === undefined || greeting.server_id !== info.server_id) continue
      if (greeting.max_payload === info.max_payload) continue
      trouble.last = new Error(`the server's max_payload is ${greeting.max_payload} now, it was ${info.max_payload}`)
      await connection.close()
    }
  }

  /** Resolves when the connection has ended. */
  private async watch(connection: NatsConnection, trouble: { refused?: Error; last?: Error }): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'close') this.unlink()
      else if (status.type === 'staleConnection') {
        trouble.last = new Error('pings were not answered')
        this.unlink()
        // The client would first wait for its socket to take all bytes, which a hanging server never lets it.
        await connection.close()
      } else if (status.type === 'error') {
        trouble.last = status.error
        if (!(status.error instanceof PermissionViolationError)) continue
        const { operation, subject } = status.error
        const refused =
          `no permission for ${operation} on ${subject}; ` +
          `this account must be allowed to publish and to subscribe on ${this.prefix}.>`
        // Deaf is as bad as gone; but one subject that cannot be sent to is only one member not reached.
        if (this.link !== undefined && operation === 'publish') this.problem(refused)
        else {
          trouble.refused = new Error(refused)
          await connection.close()
        }
      }
    }
    await connection.closed()
  }

  private subscribe(connection: NatsConnection, subject: string): Subscription {
    return connection.subscribe(subject, { callback: (error, message) => this.onMessage(error, message) })
  }

  /** Called by the client as it reads its socket. An exception from here would end its reader for good. */
  private onMessage(error: Error | null, message: Msg): void {
    if (error !== null) return // Comes as a status, too.
    if (message.data.length === 0) return // Somebody's probe.
    const datagram = this.assembly.take(message.data)
    if (datagram === undefined) return // A part of one; the others follow, or are lost.
    const receive = this.receive
    if (this.link === undefined) this.drop('unlinked')
    else if (receive === undefined) this.drop('unheard')
    else {
      this.counters.received++
      this.counters.receivedBytes += datagram.length
      this.guarded(() => receive(datagram))
    }
  }

  /** The socket gives no sign when it is full. So the server's answer to a ping says what it has read. */
  private askWhatWasTaken(link: Link): void {
    if (link.asking) return
    link.asking = true
    const putBytes = link.putBytes
    link.connection.flush().then(
      () => {
        link.takenBytes = putBytes
        link.asking = false
        if (this.link === link && backlog(link) >= ASK_EVERY_BYTES) this.askWhatWasTaken(link)
      },
      () => {}, // The connection has ended, and this count with it.
    )
  }

  private unlink(): void {
    if (this.link === undefined) return
    this.link = undefined
    this.tellLink(false)
  }

  private tellLink(linked: boolean): void {
    this.guarded(() => this.linkChanged?.(linked))
  }

  private guarded(call: () => void): void {
    guarded(this.options.onBug, call)
  }

  private problem(text: string): void {
    this.counters.problems++
    if (text === this.lastProblem) return
    this.lastProblem = text
    this.guarded(() => this.options.onProblem(text))
  }

  private drop(reason: DropReason): void {
    this.counters.dropped[reason]++
  }

  private subjectOfAll(): string {
    return `${this.prefix}.all`
  }

  private subjectOf(incarnation: number): string {
    return `${this.prefix}.to.${incarnation.toString(36)}`
  }
}

/** Where the server wants TLS, by the client's own transport. */
async function connectTo({ tls_required, tls_available }: Greeting, options: ConnectionOptions): Promise<Connected> {
  if (!tls_required && !tls_available) return await connectInPlace(options)
  const connection = await connect(options)
  return { connection, publish: (subject, data) => connection.publish(subject, data) }
}

function backlog(link: Link): number {
  return link.putBytes - link.takenBytes
}

function parseServer(text: string): Server {
  const url = URL.parse(text.includes('://') ? text : `nats://${text}`)
  if (url === null || url.hostname === '' || !['nats:', 'tls:'].includes(url.protocol)) {
    throw new BrokerError('MALFORMED', `"${text}" is not the address of a NATS server, such as nats://127.0.0.1:4222.`)
  }
  const user = decodeURIComponent(url.username)
  const pass = decodeURIComponent(url.password)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 4222),
    credentials: user === '' ? {} : pass === '' ? { token: user } : { user, pass },
  }
}

function greetingOf(text: string): Greeting {
  const end = text.indexOf('\r\n')
  if (!text.startsWith('INFO ') || end < 0) throw new Error('does not speak NATS')
  try {
    return JSON.parse(text.slice('INFO '.length, end)) as Greeting
  } catch {
    throw new Error('does not speak NATS')
  }
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join(', ')
  return error instanceof Error ? error.message : String(error)
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => {})
}
