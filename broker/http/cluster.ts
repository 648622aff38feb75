// Who is in the group, as this replica sees it: now, and from now on.

import { BrokerError } from '../errors.ts'
import type { ChangeStreams } from './change-streams.ts'
import { answer, type Routes } from './context.ts'
import type { Operations } from './operations.ts'
import { PLAY_PATH, type Play } from './play.ts'

export function clusterRoutes(routes: Routes, operations: Operations, changes: ChangeStreams, play?: Play): void {
  routes.get('/v1/cluster', (ctx) => {
    answer(ctx, 200, { ...operations.cluster(), ...(play !== undefined && { play: PLAY_PATH }) })
  })

  routes.get('/v1/cluster/changes', (ctx) => {
    if (changes.ending !== undefined) throw new BrokerError('OVERLOADED', `No new streams: ${changes.ending}.`)
    if (changes.full) throw new BrokerError('LIMIT', 'As many as are allowed watch this replica already.')
    ctx.status = 200
    ctx.set({
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no', // Else nginx holds changes back until it has a pageful.
    })
    ctx.respond = false
    if (ctx.method === 'HEAD') ctx.res.end()
    else changes.start(ctx.res)
  })
}
