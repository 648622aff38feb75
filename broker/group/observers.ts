// The processes outside the view that are heard, as their Joins tell, and who of them may be let in. One whose try
// failed is banned for a while, longer each time: every failed try costs a view.

import type { FailureDetector } from './failure-detector.ts'
import type { Instant } from './port.ts'
import type { Candidate } from './proposal.ts'
import type { GroupSettings } from './settings.ts'
import type { Incarnation, MemberId } from './view.ts'

export interface Observer extends Candidate {
  readonly wantsIn: boolean
  readonly settingsFit: boolean
}

export class Observers {
  private readonly settings: GroupSettings
  private readonly known = new Map<Incarnation, Observer>()
  private readonly bans = new Map<Incarnation, { until: Instant; ms: number }>()

  constructor(settings: GroupSettings) {
    this.settings = settings
  }

  /** Answers false when there are too many, and this one is new. */
  add(observer: Observer): boolean {
    const { incarnation } = observer.member
    if (!this.known.has(incarnation) && this.known.size >= this.settings.observersMax) return false
    this.known.set(incarnation, observer)
    return true
  }

  get(incarnation: Incarnation): Observer | undefined {
    return this.known.get(incarnation)
  }

  incarnations(): Incarnation[] {
    return [...this.known.keys()].sort((a, b) => a - b)
  }

  /** Those that ask to be let in and may be, in a fixed order. */
  candidates(detector: FailureDetector, time: Instant): Observer[] {
    return [...this.known.values()]
      .filter(({ member: { incarnation }, wantsIn, settingsFit }) => {
        if (!wantsIn || !settingsFit || !detector.hears(incarnation, time)) return false
        return (this.bans.get(incarnation)?.until ?? 0) <= time
      })
      .sort((a, b) => a.member.incarnation - b.member.incarnation)
  }

  /** Answers for how long. */
  ban({ incarnation }: MemberId, time: Instant): number {
    const { joinerBanMs, joinerBanMaxMs } = this.settings
    const last = this.bans.get(incarnation)?.ms
    const ms = last ? Math.min(2 * last, joinerBanMaxMs) : joinerBanMs
    this.bans.set(incarnation, { until: time + ms, ms })
    return ms
  }

  /** It is in. */
  remove(incarnation: Incarnation): void {
    this.known.delete(incarnation)
    this.bans.delete(incarnation)
  }

  /** Forgets those that are heard no more, and old bans. */
  tick(detector: FailureDetector, time: Instant): void {
    for (const incarnation of this.known.keys()) if (!detector.hears(incarnation, time)) this.known.delete(incarnation)
    for (const [incarnation, { until }] of this.bans) {
      if (time - until > 4 * this.settings.joinerBanMaxMs) this.bans.delete(incarnation)
    }
  }
}
