// The processes outside the view that are heard, as their Joins tell, and who of them may be let in. One whose try
// failed is banned for a while, longer each time: every failed try costs a view. So is a name that is put out again and
// again, whatever process has it.

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
  private readonly flaps = new Map<string, { times: number; at: Instant; until: Instant }>()

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
      .filter(({ member: { name, incarnation }, wantsIn, settingsFit }) => {
        if (!wantsIn || !settingsFit || !detector.hears(incarnation, time)) return false
        return (this.bans.get(incarnation)?.until ?? 0) <= time && (this.flaps.get(name)?.until ?? 0) <= time
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

  /** A member has been put out. After the first time it may come back at once. */
  excluded({ name }: MemberId, time: Instant): void {
    const { flapMemoryMs, flapBanMaxMs, joinerBanMs } = this.settings
    const last = this.flaps.get(name)
    const times = last && time - last.at <= flapMemoryMs ? last.times + 1 : 1
    const ms = times === 1 ? 0 : Math.min(joinerBanMs * 2 ** (times - 2), flapBanMaxMs)
    this.flaps.set(name, { times, at: time, until: time + ms })
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
    for (const [name, { at }] of this.flaps) if (time - at > this.settings.flapMemoryMs) this.flaps.delete(name)
  }
}
