// Subscribing by server-sent events: what is asked for, from where, and in which form.

import { BrokerError } from '../errors.ts'
import type { Context, Routes } from './context.ts'
import type { EventStreams } from './event-stream.ts'
import { malformed } from './json.ts'
import { checkPattern } from './names.ts'
import type { Operations, Order } from './operations.ts'
import { readParameters } from './parameters.ts'
import { readFrom } from './tokens.ts'

const PATTERNS_MAX = 1000
const CLOUD_EVENTS = 'application/cloudevents+json'

export function subscribeRoutes(
  routes: Routes,
  operations: Operations,
  streams: EventStreams,
  unexpected: (error: unknown) => void,
): void {
  const history = () => operations.cluster().history
  routes.get('/v1/events', (ctx) => {
    const parameters = readParameters(ctx, ['topics', 'from', 'order', 'limit', 'views'])
    const patterns = readPatterns(parameters.topics, operations.limits.topicNameBytesMax)
    const order = readOrder(parameters.order)
    const limit = readLimit(parameters.limit)
    const views = readFlag('views', parameters.views)
    const from = readFrom(parameters.from, ctx.get('Last-Event-ID'))
    const form = ctx.accepts('text/event-stream', CLOUD_EVENTS) === CLOUD_EVENTS ? 'cloudevents' : 'lockstep'
    if (form === 'cloudevents' && order !== 'safe') {
      throw malformed(
        'order',
        'a CloudEvent has an id, which an event may not have before it is safe: use text/event-stream',
      )
    }
    if (streams.ending !== undefined) throw new BrokerError('OVERLOADED', `No new streams: ${streams.ending}.`)

    ctx.status = 200
    ctx.set({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no', // Else nginx holds events back until it has a pageful.
    })
    if (ctx.method === 'HEAD') return endWithoutBody(ctx)
    const cursor = operations.subscribe(patterns, from, { views, order })
    ctx.respond = false
    const early = order !== 'safe'
    streams.start({ response: ctx.res, cursor, form, early, limit, history, unexpected })
  })
}

function endWithoutBody(ctx: Context): void {
  ctx.respond = false
  ctx.res.end()
}

function readPatterns(topics: string | undefined, bytesMax: number): string[] {
  if (topics === undefined || topics === '') {
    throw malformed('topics', 'the parameter topics must name what to subscribe to, as in topics=flights.*,prices.>')
  }
  const patterns = topics.split(',')
  if (patterns.length > PATTERNS_MAX) {
    throw new BrokerError('LIMIT', `${patterns.length} patterns are asked for; the limit is ${PATTERNS_MAX} a stream.`)
  }
  return patterns.map((pattern) => checkPattern(pattern, bytesMax))
}

function readOrder(order = 'safe'): Order {
  if (order === 'fifo' || order === 'causal' || order === 'agreed' || order === 'safe') return order
  throw malformed('order', 'the parameter order must be fifo, causal, agreed or safe')
}

function readLimit(limit: string | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY
  if (/^[1-9]\d{0,14}$/.test(limit)) return Number(limit)
  throw malformed('limit', 'the parameter limit must be a number of events, from 1')
}

function readFlag(name: string, value: string | undefined): boolean {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw malformed(name, `the parameter ${name} must be true or false`)
}
