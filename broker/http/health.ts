// For those who look after a replica: is the process alive, may it be given work, how is it doing. Work is given to one
// that is in the primary view and in which stability advances: a view that looks well and makes nothing safe is of no use.

import { BrokerError } from '../errors.ts'
import { answer, type Routes } from './context.ts'
import type { MetricsFormat, Operations } from './operations.ts'

/**
 * What is offered, in the order of our preference. The names of our metrics are plain ones, so they are the same in
 * each of the ways of escaping that newer versions of Prometheus ask for.
 */
const METRICS_TYPES: ReadonlyMap<string, MetricsFormat> = new Map([
  ['text/plain; version=0.0.4; charset=utf-8', 'prometheus'],
  ...['allow-utf-8', 'underscores', 'dots', 'values'].map(
    (escaping) =>
      [`application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=${escaping}`, 'openmetrics'] as const,
  ),
])

export function healthRoutes(routes: Routes, operations: Operations): void {
  // Says only that the event loop turns. A replica that waits for its group is alive: to restart it would not help.
  routes.get('/healthz', (ctx) => {
    answer(ctx, 200, { status: 'alive' })
  })

  routes.get('/readyz', (ctx) => {
    const why = operations.unready()
    if (why !== undefined) throw new BrokerError('NOT_PRIMARY', `This replica is not ready: ${why}.`)
    answer(ctx, 200, { status: 'ready', view: operations.cluster().view.number })
  })

  routes.get('/metrics', async (ctx) => {
    // Who accepts neither gets the plain one, as is the custom.
    const type = ctx.accepts([...METRICS_TYPES.keys()])
    const { contentType, text } = await operations.metrics(METRICS_TYPES.get(type || '') ?? 'prometheus')
    ctx.set({ 'Content-Type': contentType, Vary: 'Accept' })
    ctx.body = text
  })
}
