// What was published and what was acknowledged, when and where: all that is needed to judge afterwards what subscribers
// have been given.

import { Changes } from './changes.ts'
import type { Acknowledged } from './publisher.ts'

export interface Entry {
  readonly topic: string
  readonly publisher: string
  readonly sequence: number
  /** JSON text. */
  readonly data: string
  /** Place in the order, once it is acknowledged. */
  seq?: number
}

export class Ledger {
  /** By the event's id. */
  readonly published: Map<string, Entry> = new Map<string, Entry>()
  readonly changes: Changes = new Changes()
  acknowledged = 0
  /** Requests that were repeated although their events had arrived. */
  duplicateRequests = 0
  longestPauseMs = 0
  private lastAcknowledgedAt: number | undefined

  publish(id: string, entry: Entry): void {
    this.published.set(id, entry)
  }

  acknowledge(ids: readonly string[], { seqs, duplicate }: Acknowledged): void {
    ids.forEach((id, index) => {
      this.published.get(id)!.seq = seqs[index]!
    })
    const now = performance.now()
    this.longestPauseMs = Math.max(this.longestPauseMs, now - (this.lastAcknowledgedAt ?? now))
    this.lastAcknowledgedAt = now
    this.acknowledged += ids.length
    if (duplicate) this.duplicateRequests++
    this.changes.notify()
  }

  /** Resolves when so many events are acknowledged. */
  async reached(count: number, signal: AbortSignal): Promise<void> {
    await this.changes.until(() => this.acknowledged >= count, signal)
  }
}
