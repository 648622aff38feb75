// Members that are alive and do not advance. One whose `held` of my slots stays below my oldest unstable slot, without a
// step, holds everybody up. After `stallAfterMs` it counts as not heard: only in an unwedged view, and not once it says
// that it is wedged, or two wedged members would find each other stalled and no quorum would be left.

import type { Connectivity } from './connectivity.ts'
import type { Instant } from './port.ts'
import type { GroupSettings } from './settings.ts'
import type { TotalOrder } from './total-order.ts'
import type { Ranks } from './view.ts'

export class Laggards {
  private readonly stallAfterMs: number
  private readonly self: number
  private readonly connectivity: Connectivity
  /** By rank: the last step that was seen, and when. */
  private readonly steps: { held: number; at: Instant }[]
  /** Own payload slots that are not stable, as many as were the last one at a tick, and when. */
  private readonly marks: { slot: number; at: Instant }[] = []

  constructor(settings: GroupSettings, size: number, self: number, connectivity: Connectivity, time: Instant) {
    this.stallAfterMs = settings.stallAfterMs
    this.self = self
    this.connectivity = connectivity
    this.steps = Array.from({ length: size }, () => ({ held: 0, at: time }))
  }

  /** To be called every tick of an unwedged member. */
  watch(order: TotalOrder, time: Instant): void {
    const { oldest } = order.ownUnstable()
    this.mark(order, oldest, time)
    for (const [rank, step] of this.steps.entries()) {
      const held = order.reportedBy(rank, this.self)
      if (oldest !== 0 && held < oldest && held === step.held && !this.connectivity.isWedged(rank)) continue
      step.held = held
      step.at = time
    }
  }

  /** How far a member is behind, to the exactness of a tick. */
  lag(rank: number, order: TotalOrder, time: Instant): { slots: number; ms: number } {
    const { slots, oldest } = order.ownLackedBy(rank)
    const mark = slots === 0 ? undefined : this.marks.find(({ slot }) => slot >= oldest)
    return { slots, ms: mark === undefined ? 0 : time - mark.at }
  }

  private mark(order: TotalOrder, oldest: number, time: Instant): void {
    while (this.marks.length > 0 && (oldest === 0 || this.marks[0]!.slot < oldest)) this.marks.shift()
    const { lastPayload } = order.ownWatermark()
    if (oldest !== 0 && lastPayload > (this.marks.at(-1)?.slot ?? 0)) this.marks.push({ slot: lastPayload, at: time })
  }

  stalled(time: Instant): Ranks {
    let ranks = 0
    for (let rank = 0; rank < this.steps.length; rank++) {
      const late = time - this.steps[rank]!.at >= this.stallAfterMs
      if (late && rank !== this.self && !this.connectivity.isWedged(rank)) ranks |= 1 << rank
    }
    return ranks
  }
}
