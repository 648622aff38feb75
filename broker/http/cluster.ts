// Who is in the group, as this replica sees it.

import { answer, type Routes } from './context.ts'
import type { Operations } from './operations.ts'

export function clusterRoutes(routes: Routes, operations: Operations): void {
  routes.get('/v1/cluster', (ctx) => {
    answer(ctx, 200, operations.cluster())
  })
}
