// For those who look after a replica: is the process alive, may it be given work, how is it doing.

import { BrokerError } from '../errors.ts'
import { answer, type Routes } from './context.ts'
import type { Operations } from './operations.ts'

export function healthRoutes(routes: Routes, operations: Operations): void {
  // Says only that the event loop turns. A replica that waits for its group is alive: to restart it would not help.
  routes.get('/healthz', (ctx) => {
    answer(ctx, 200, { status: 'alive' })
  })

  routes.get('/readyz', (ctx) => {
    const { primary, state, reason, view } = operations.cluster()
    if (!primary) {
      throw new BrokerError('NOT_PRIMARY', reason ?? `This replica is not in a primary view; its state is ${state}.`)
    }
    answer(ctx, 200, { status: 'ready', view: view.number })
  })

  routes.get('/metrics', async (ctx) => {
    const { contentType, text } = await operations.metrics()
    ctx.set('Content-Type', contentType)
    ctx.body = text
  })
}
