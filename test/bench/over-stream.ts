// The whole product: three replicas as they are run by people, and one client that publishes to the first of them over a
// stream, on a fixed schedule. The client is this process, which does nothing else meanwhile.

import { WebSocket } from 'ws'
import { connect } from '../../clients/src/index.ts'
import { TRADE_SCHEMA, Trades } from './json-events.ts'
import { type CpuUse, cpuUseWithin, soon } from './processes.ts'
import { atRate } from './steady.ts'
import { STEADY_A_SECOND } from './task.ts'
import { putTopic, withReplicas } from './whole-product.ts'

export interface Acknowledged {
  /** From the call to publish to its acknowledgement, in milliseconds. */
  readonly latencies: readonly number[]
  readonly cpu: CpuUse
}

export function publishSteadily(eventBytes: number, warmUpMs: number, windowMs: number): Promise<Acknowledged> {
  return withReplicas(async ([url], server, pids) => {
    await putTopic(url as string, { schema: TRADE_SCHEMA })
    const client = connect({ replicas: url as string, WebSocket })
    try {
      const trades = new Trades(eventBytes)
      const window = { from: Date.now() + warmUpMs, until: Date.now() + warmUpMs + windowMs }
      const latencies: number[] = []
      const open: Promise<unknown>[] = []
      const cpu = cpuUseWithin(window, [server], pids)
      await atRate(STEADY_A_SECOND, Date.now(), window.until, () => {
        const at = performance.now()
        const counts = Date.now() >= window.from
        const answered = client.publish('bench', trades.next())
        const noted = counts ? answered.then(() => latencies.push(performance.now() - at)) : answered
        noted.catch(() => {}) // Judged with all others at the end.
        open.push(noted)
      })
      await soon(Promise.all(open), 'every event is acknowledged')
      return { latencies, cpu: await cpu }
    } finally {
      client.close()
    }
  })
}
