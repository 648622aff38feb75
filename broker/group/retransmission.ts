// Asking for what got lost. The fabric keeps each sender's order nearly always, so a gap is a loss and is asked for at
// once, from the sender; then every `repairMs`, in turn from others that hold it and the sender. One question a lane at
// a time, so that a burst of losses does not become a storm of questions.

import type { Instant } from './port.ts'
import type { Missing } from './total-order.ts'

interface Ask {
  from: number
  attempt: number
  nextAt: Instant
}

export class Retransmission {
  private readonly repairMs: number
  private readonly asks = new Map<number, Ask>()

  constructor(repairMs: number) {
    this.repairMs = repairMs
  }

  /** Which of what is missing to ask for now, and how often each was asked for before. */
  due(missing: readonly Missing[], time: Instant): (Missing & { attempt: number })[] {
    const due: (Missing & { attempt: number })[] = []
    if (missing.length === 0) {
      if (this.asks.size > 0) this.asks.clear() // Which makes a new table, each time.
      return due
    }
    const lanes = new Set(missing.map(({ rank }) => rank))
    for (const rank of this.asks.keys()) if (!lanes.has(rank)) this.asks.delete(rank)
    for (const gap of missing) {
      const ask = this.asks.get(gap.rank)
      if (!ask || ask.from !== gap.from) {
        this.asks.set(gap.rank, { from: gap.from, attempt: 1, nextAt: time + this.repairMs })
        due.push({ ...gap, attempt: 0 })
      } else if (time >= ask.nextAt) {
        due.push({ ...gap, attempt: ask.attempt })
        ask.attempt += 1
        ask.nextAt = time + this.repairMs
      }
    }
    return due
  }
}
