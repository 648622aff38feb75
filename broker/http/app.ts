// The koa app of a replica: the routes, and around them what every answer has in common. Whatever goes wrong below
// arrives here as an exception or as an empty answer, and leaves as a problem document.

import type { IncomingMessage } from 'node:http'
import cors from '@koa/cors'
import Router from '@koa/router'
import Koa from 'koa'
import { BrokerError } from '../errors.ts'
import { Bodies } from './body.ts'
import type { ChangeStreams } from './change-streams.ts'
import { clientLibraryRoutes } from './client-library.ts'
import { clusterRoutes } from './cluster.ts'
import { consoleRoutes } from './console.ts'
import type { RequestState, Routes } from './context.ts'
import { documentRoutes } from './documents.ts'
import type { EventStreams } from './event-stream.ts'
import { healthRoutes } from './health.ts'
import type { Operations } from './operations.ts'
import { originAllowed, type Play, playRoutes } from './play.ts'
import { PROBLEM_TYPE, type ProblemAnswer, problemOf, statusProblem } from './problem.ts'
import { publishRoutes } from './publish.ts'
import { streamRoutes } from './stream/streams.ts'
import { subscribeRoutes } from './subscribe.ts'
import { topicRoutes } from './topics.ts'

export interface AppParts {
  readonly operations: Operations
  readonly streams: EventStreams
  readonly changes: ChangeStreams
  /** Told of exceptions that are bugs; the client sees a 500 that says nothing of them. */
  readonly unexpected: (error: unknown) => void
  /** Told of every refusal that a client is told. */
  readonly onRefused: (error: BrokerError) => void
  /** In a group that lives in one process. */
  readonly play?: Play | undefined
}

const PATHS = '/v1/topics, /v1/topics/{topic}, /v1/topics/{topic}/events, /v1/events, /v1/cluster, /metrics'

/** Every path that is answered, but for what changes to another protocol. */
export function makeRoutes({ operations, streams, changes, unexpected, play }: Omit<AppParts, 'onRefused'>): Routes {
  const routes = new Router<RequestState>({ sensitive: true })
  const bodies = new Bodies(operations.limits.bodiesBytesMax)
  documentRoutes(routes)
  clientLibraryRoutes(routes)
  consoleRoutes(routes)
  topicRoutes(routes, operations, bodies)
  publishRoutes(routes, operations, bodies)
  subscribeRoutes(routes, operations, streams, unexpected)
  streamRoutes(routes)
  clusterRoutes(routes, operations, changes, play)
  healthRoutes(routes, operations)
  if (play !== undefined) playRoutes(routes, play, bodies)
  return routes
}

export function makeApp(parts: AppParts): Koa<RequestState> {
  const { unexpected, onRefused, play } = parts
  const routes = makeRoutes(parts)
  const app = new Koa<RequestState>()
  // Of answers that could not be finished: the client has gone, and there is nobody to tell.
  app.on('error', (error: unknown) => {
    if (!isDisconnect(error)) unexpected(error)
  })

  app.use(async (ctx, next) => {
    ctx.set({ 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' })
    try {
      checkHost(ctx.req)
      await next()
      if (ctx.respond !== false && ctx.status >= 400 && ctx.body == null) respond(ctx, emptyAnswer(ctx))
    } catch (error) {
      if (ctx.res.destroyed || (ctx.req.destroyed && !ctx.req.complete)) {
        // The client broke off in the middle of its request.
        ctx.respond = false
        ctx.res.destroy()
        return
      }
      if (error instanceof BrokerError) onRefused(error)
      else unexpected(error)
      respond(ctx, problemOf(error, ctx.state.outcome))
    }
  })
  app.use(
    cors({
      origin: (ctx) => originAllowed(ctx.path, ctx.get('Origin'), play),
      allowMethods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
      allowHeaders: [
        'Content-Type',
        'Last-Event-ID',
        'Lockstep-Publisher',
        'Lockstep-Sequence',
        'Lockstep-Key',
        'Traceparent',
        'Tracestate',
      ],
      exposeHeaders: ['Retry-After', 'Location', 'Allow'],
      maxAge: 600,
    }),
  )
  app.use(routes.routes())
  app.use(routes.allowedMethods())
  return app
}

function checkHost({ httpVersion, rawHeaders }: IncomingMessage): void {
  // Names and values in turn. Node.js would keep lists of all headers for as long as the request is answered.
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1) throw new BrokerError('MALFORMED', 'The header Host is given more than once.')
  if (hosts === 0 && httpVersion === '1.1') throw new BrokerError('MALFORMED', 'The header Host is missing.')
}

type AnyContext = Koa.ParameterizedContext<RequestState>

function respond(ctx: AnyContext, { problem, retryAfterSeconds }: ProblemAnswer): void {
  if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds))
  ctx.status = problem.status
  ctx.set('Content-Type', PROBLEM_TYPE)
  ctx.body = `${JSON.stringify(problem)}\n`
}

/** What the routes leave to be said: no such path, no such method for it, another protocol. */
function emptyAnswer(ctx: AnyContext): ProblemAnswer {
  if (ctx.status === 405) {
    return statusProblem(405, `${ctx.method} is not offered here; offered are ${ctx.response.get('Allow')}.`)
  }
  if (ctx.status === 426) {
    return statusProblem(426, 'There is a WebSocket at this path: the request must ask to change to it.')
  }
  if (ctx.status === 501) return statusProblem(501, `The method ${ctx.method} is offered nowhere here.`)
  return problemOf(
    new BrokerError('NOT_FOUND', `There is nothing at this path. There are ${PATHS}, and more: /openapi.json tells.`),
  )
}

function isDisconnect(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
