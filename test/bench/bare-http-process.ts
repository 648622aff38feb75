// The peer of publishing by HTTP: the same server, routes and checks of a request, with nothing behind them. A publish is
// answered at once, and nobody hears of it. It ends with its parent.

import { setCollector } from '../../broker/collector.ts'
import type { Published, PublishRequest } from '../../broker/http/operations.ts'
import { listen } from '../../broker/http/server.ts'
import { ReplicaModel } from '../http/replica-model.ts'

class Nothing extends ReplicaModel {
  private place = 0

  override async publish({ events }: PublishRequest): Promise<Published> {
    const seq = ++this.place
    return { history: this.history, seq, offset: seq, count: events.length, duplicate: false, positionKnown: true }
  }
}

setCollector()
process.once('disconnect', () => process.exit(1))
const { port } = await listen(new Nothing(), {
  host: '127.0.0.1',
  port: 0,
  unexpected: (error) => {
    throw error
  },
  every: (ms, call) => {
    const timer = setInterval(call, ms)
    return () => clearInterval(timer)
  },
})
process.send?.({ port })
