// The open streams of a replica: how a WebSocket becomes one, their beats, and their common end.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { BrokerError } from '../../errors.ts'
import type { Routes } from '../context.ts'
import type { Operations } from '../operations.ts'
import { problemOf, rawProblem, statusProblem } from '../problem.ts'
import { messageBytesMax, StreamConnection } from './connection.ts'
import { SUBPROTOCOL } from './subprotocol.ts'

export interface StreamsParts {
  readonly operations: Operations
  readonly unexpected: (error: unknown) => void
  readonly onRefused: (error: BrokerError) => void
  /** Calls every so often until the function that it returns is called. */
  readonly every: (ms: number, call: () => void) => () => void
  /** Within this time something is said on each stream. Too large: clients notice late that a replica is gone. */
  readonly beatMs: number
  /** A client has lost its connection to this member of the group. */
  readonly onLost: (incarnation: string) => void
}

/** How often it is looked whether the view has changed, or whether this replica is primary. */
const LOOK_MS = 50
/** Streams take their turns at beats and at news, so many at a time: others have to be served meanwhile. */
const STREAMS_A_TURN = 200

/** A request that does not ask to change to a WebSocket has come to the right path, and is told so. */
export function streamRoutes(routes: Routes): void {
  routes.get('/v1/stream', (ctx) => {
    ctx.status = 426
    ctx.set({ Upgrade: 'websocket', Connection: 'Upgrade' })
  })
}

export class Streams {
  private readonly parts: StreamsParts
  private readonly server: WebSocketServer
  private readonly open = new Set<StreamConnection>()
  private readonly stops: (() => void)[]
  private lastCluster = ''
  private ending: string | undefined

  constructor(parts: StreamsParts) {
    this.parts = parts
    const { operations, every, beatMs } = parts
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Events are many and small, and often compressed in the data already; compressing each stream costs 300 KiB.
      perMessageDeflate: false,
      maxPayload: messageBytesMax(operations),
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    })
    this.stops = [
      every(beatMs, () => this.inTurns((stream) => stream.beat())),
      every(LOOK_MS, () => this.lookAtCluster()),
    ]
  }

  get size(): number {
    return this.open.size
  }

  get pendingBytes(): number {
    let bytes = 0
    for (const stream of this.open) bytes += stream.pendingBytes
    return bytes
  }

  /** A request to change to another protocol: answered here in any case. */
  upgrade(request: IncomingMessage, transport: Duplex, head: Buffer): void {
    const refuse = (answer: Parameters<typeof rawProblem>[0]): void => {
      transport.on('error', () => {})
      transport.end(rawProblem(answer))
    }
    const [path] = (request.url ?? '').split('?')
    if (path !== '/v1/stream') {
      const detail = 'There is no WebSocket at this path; there is one at /v1/stream.'
      return refuse(problemOf(new BrokerError('NOT_FOUND', detail)))
    }
    if (this.ending !== undefined) {
      return refuse(problemOf(new BrokerError('OVERLOADED', `No new streams: ${this.ending}.`)))
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(SUBPROTOCOL)) {
      return refuse(
        statusProblem(400, `The subprotocol of this WebSocket is ${SUBPROTOCOL}; the client must offer it.`),
      )
    }
    this.server.handleUpgrade(request, transport, head, (socket) => {
      const stream = new StreamConnection({ ...this.parts, socket, transport })
      this.open.add(stream)
      socket.once('close', () => this.open.delete(stream))
    })
  }

  end(detail: string): void {
    this.ending = detail
    for (const stop of this.stops.splice(0)) stop()
    for (const stream of this.open) stream.end(detail)
  }

  private lookAtCluster(): void {
    const { history, primary, view } = this.parts.operations.cluster()
    const cluster = `${history} ${view.number} ${primary}`
    if (cluster === this.lastCluster) return
    this.lastCluster = cluster
    this.inTurns((stream) => stream.tellCluster())
  }

  private inTurns(act: (stream: StreamConnection) => void): void {
    const streams = [...this.open]
    const turn = (from: number): void => {
      for (const stream of streams.slice(from, from + STREAMS_A_TURN)) if (this.open.has(stream)) act(stream)
      if (from + STREAMS_A_TURN < streams.length) setImmediate(turn, from + STREAMS_A_TURN)
    }
    turn(0)
  }
}
