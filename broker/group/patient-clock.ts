// A member's own time, by which all its deadlines are set. It stands still while the process does not run and while the
// fabric says that it is cut off: then silence says nothing about the others, whose datagrams may be waiting unread in
// our own socket. So a pause of one's own pushes every deadline out by its length, and blames nobody.

import type { Instant } from './port.ts'

export class PatientClock {
  private readonly lateTickMs: number
  private lastTick: Instant
  private time = 0
  private frozen = false

  constructor(lateTickMs: number, now: Instant) {
    this.lateTickMs = lateTickMs
    this.lastTick = now
  }

  /** Answers how long the pause was if this tick ends one; 0 otherwise. */
  tick(now: Instant): number {
    const elapsed = Math.max(0, now - this.lastTick)
    this.lastTick = Math.max(now, this.lastTick)
    if (this.frozen) return 0
    this.time += Math.min(elapsed, this.lateTickMs)
    return elapsed > this.lateTickMs ? elapsed - this.lateTickMs : 0
  }

  at(now: Instant): Instant {
    return this.frozen ? this.time : this.time + Math.min(Math.max(0, now - this.lastTick), this.lateTickMs)
  }

  freeze(now: Instant): void {
    this.tick(now)
    this.frozen = true
  }

  thaw(now: Instant): void {
    this.lastTick = Math.max(now, this.lastTick)
    this.frozen = false
  }
}
