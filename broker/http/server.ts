// The listening side: sockets, their limits and times, and how they come to an end. Before a request is whole there is
// no app to answer it; what can be answered then, is answered here.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BrokerError } from '../errors.ts'
import { makeApp } from './app.ts'
import { ChangeStreams } from './change-streams.ts'
import { EventStreams } from './event-stream.ts'
import type { Operations } from './operations.ts'
import type { Play } from './play.ts'
import { type ProblemAnswer, problemOf, rawProblem, statusProblem } from './problem.ts'
import { Streams } from './stream/streams.ts'

export interface HttpOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly unexpected: (error: unknown) => void
  /** A client was refused this, or cut off because of it. */
  readonly onRefused?: (error: BrokerError) => void
  /** Calls every so often until the function that it returns is called. */
  readonly every: (ms: number, call: () => void) => () => void
  /** A client came from this member, to which its connection broke. */
  readonly onLost?: (incarnation: string) => void
  readonly play?: Play
  /** How often streams show that they are alive. Too large: proxies cut them off, and clients notice late. */
  readonly heartbeatMs?: number
  /** The same for streams over WebSocket, whose clients move to another replica when nothing comes. */
  readonly beatMs?: number
  /** Within this time the head of a request must be there. */
  readonly headersMs?: number
  /** Within this time all of a request must be there. Too small: slow links cannot publish. */
  readonly requestMs?: number
  /** A connection without a request is closed after this. Keep it above that of a proxy in front. */
  readonly keepAliveMs?: number
}

export interface HttpServer {
  readonly port: number
  readonly connections: number
  readonly streams: EventStreams
  readonly changes: ChangeStreams
  readonly webSockets: Streams
  /** Stops taking connections, ends streams, lets requests finish, and cuts off what is left after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>
}

const HEAD_BYTES_MAX = 16 * 1024
/** A socket with so much unsent is full: what a stream writes next is only asked for when it is empty again. */
const UNSENT_BYTES_FULL = 16 * 1024
/** Connections over the limit that are still told so; further ones are cut off. */
const SURPLUS_CONNECTIONS_MAX = 100
/**
 * Requests of one connection that are not answered yet, at most. A client that sends more of them ahead (pipelining) is
 * cut off, since nothing else would keep it from making the replica remember any number.
 */
const REQUESTS_AHEAD_MAX = 32

export async function listen(operations: Operations, options: HttpOptions): Promise<HttpServer> {
  const { heartbeatMs = 15_000, beatMs = 5000, headersMs = 10_000, requestMs = 30_000, keepAliveMs = 65_000 } = options
  const { unexpected, every, onLost = () => {}, onRefused = () => {}, play } = options
  const { connectionsMax } = operations.limits
  const streams = new EventStreams()
  const changes = new ChangeStreams(operations)
  const webSockets = new Streams({ operations, unexpected, onRefused, every, beatMs, onLost })
  const handle = makeApp({ operations, streams, changes, unexpected, onRefused, play }).callback()
  const sockets = new Set<Socket>()
  const surplus = new WeakSet<Duplex>()
  const answering = new WeakMap<Duplex, ServerResponse[]>()
  let closing: Promise<void> | undefined

  const server = createServer({
    maxHeaderSize: HEAD_BYTES_MAX,
    highWaterMark: UNSENT_BYTES_FULL,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, headersMs),
    requireHostHeader: false, // The app says so in its own words.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  })
  server.maxConnections = connectionsMax + SURPLUS_CONNECTIONS_MAX

  // Of what is kept for each connection there is little: idle subscribers may be many.
  function forget(this: Socket): void {
    sockets.delete(this)
  }
  const tooMany = new BrokerError('LIMIT', `This replica has its ${connectionsMax} connections; use another one.`)
  server.on('connection', (socket) => {
    sockets.add(socket)
    if (sockets.size > connectionsMax) {
      surplus.add(socket)
      onRefused(tooMany)
    }
    socket.on('close', forget)
  })

  server.on('drop', () => onRefused(tooMany))

  const ahead = `A connection has ${REQUESTS_AHEAD_MAX} requests at most that wait for their answers; it was cut off.`
  const tooFarAhead = new BrokerError('LIMIT', ahead)
  function answered(this: ServerResponse): void {
    const open = answering.get(this.req.socket)
    open?.splice(open.indexOf(this), 1)
  }

  /** Requests that were sent ahead are taken up one after another: so a connection costs no more than one answer. */
  function inTurn(take: (request: IncomingMessage, response: ServerResponse) => void) {
    return (request: IncomingMessage, response: ServerResponse): void => {
      const { socket } = request
      if (socket.destroyed) return
      const open = answering.get(socket) ?? []
      if (open.push(response) === 1) answering.set(socket, open)
      response.on('close', answered)
      if (open.length > REQUESTS_AHEAD_MAX) {
        onRefused(tooFarAhead)
        socket.destroy()
      } else if (response.socket !== null) take(request, response)
      else response.once('socket', () => take(request, response))
    }
  }

  const onRequest = inTurn((request, response) => {
    if (closing !== undefined) response.setHeader('Connection', 'close')
    if (surplus.has(request.socket)) {
      sendProblem(response, problemOf(tooMany))
    } else void handle(request, response)
  })
  server.on('request', onRequest)
  server.on('checkContinue', onRequest) // The body is asked for where it is read, if it is.
  const onExpectation = inTurn((_request, response) => {
    sendProblem(response, statusProblem(417, 'Of expectations only 100-continue is understood.'))
  })
  server.on('checkExpectation', onExpectation)

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    if (surplus.has(request.socket)) socket.destroy()
    else webSockets.upgrade(request, socket, head)
  })

  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const open = answering.get(socket) ?? []
    const whole = open.findLast(({ req }) => req.complete)
    if (error.code !== 'ECONNRESET' && whole !== undefined && !whole.headersSent) {
      // What came whole is answered first, or its client would not know what became of it. Then Node.js closes.
      whole.setHeader('Connection', 'close')
      return
    }
    // An answer of which some is sent must not be broken into.
    const mayAnswer = open.every(({ headersSent }) => !headersSent)
    if (socket.writable && mayAnswer && error.code !== 'ECONNRESET') socket.write(rawProblem(problemOfParser(error)))
    ;(socket as Socket).destroySoon()
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      server.on('error', unexpected)
      resolve()
    })
  })
  const stopHeartbeat = every(heartbeatMs, () => {
    streams.heartbeat()
    changes.heartbeat()
  })

  async function drain(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const cutOff = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, deadlineMs)
    stopHeartbeat()
    const why = 'the replica is stopping; the stream goes on at another one'
    streams.end(why)
    changes.end(why)
    webSockets.end(why)
    // Answers under way, begun when connections were still to be kept.
    for (const socket of sockets) {
      for (const response of answering.get(socket) ?? []) {
        if (!response.headersSent) response.setHeader('Connection', 'close')
      }
    }
    await closed
    clearTimeout(cutOff)
  }

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.size
    },
    streams,
    changes,
    webSockets,
    close(deadlineMs) {
      closing ??= drain(deadlineMs)
      return closing
    },
  }
}

function sendProblem(response: ServerResponse, answer: ProblemAnswer): void {
  response.setHeader('Connection', 'close')
  if (answer.retryAfterSeconds !== undefined) response.setHeader('Retry-After', answer.retryAfterSeconds)
  response.statusCode = answer.problem.status
  response.setHeader('Content-Type', 'application/problem+json')
  response.end(`${JSON.stringify(answer.problem)}\n`)
}

function problemOfParser(error: NodeJS.ErrnoException): ProblemAnswer {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return statusProblem(431, `The head of a request may have ${HEAD_BYTES_MAX} bytes: URL and headers together.`)
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return statusProblem(413, 'The chunk extensions are too large.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return statusProblem(408, 'The request did not arrive in time.')
    default:
      return statusProblem(400, `This is not HTTP: ${error.message}.`)
  }
}
