// Whether stability advances: whether what waits to be safe becomes so. A view may be primary and look well, and yet
// nothing comes through; then clients see silence, and nobody else tells. Looked at every tick, it costs events nothing.

import type { Instant } from './group/port.ts'

export class Progress {
  private position = 0
  private waits = false
  /** Of the last step, or when the waiting began. */
  private since: Instant

  constructor(now: Instant) {
    this.since = now
  }

  /** `position`: how far delivery has come. `waits`: something is on its way to be delivered. */
  look(position: number, waits: boolean, now: Instant): void {
    if (!waits || !this.waits || position !== this.position) this.since = now
    this.position = position
    this.waits = waits
  }

  /** 0: nothing waits. */
  stalledMs(now: Instant): number {
    return this.waits ? now - this.since : 0
  }
}
