// Who is connected to whom in a view, and whether that calls for a change. Headers and heartbeats carry whom their
// sender hears; two members are connected when each hears the other. So a broken link between two others is seen by all,
// a member that can only send is connected to nobody, and an accuser that hears nobody moves nobody.

import type { Instant } from './port.ts'
import type { GroupSettings } from './settings.ts'
import { everyRank, has, isQuorum, type Ranks } from './view.ts'

export class Connectivity {
  readonly size: number
  private readonly self: number
  private readonly settings: GroupSettings
  /** By rank: whom that member says it hears. At the start of a view all are taken as hearing all. */
  private readonly hears: Ranks[]
  private readonly leaving: boolean[]
  private readonly wedged: boolean[]
  /** By pair of other members: since when their reports say that they are not connected. */
  private readonly apartSince = new Map<number, Instant>()
  private blindUntil = Number.NEGATIVE_INFINITY
  private blind = false

  constructor(size: number, self: number, settings: GroupSettings, optimistic: boolean) {
    this.size = size
    this.self = self
    this.settings = settings
    this.hears = new Array(size).fill(optimistic ? everyRank(size) : 0)
    this.leaving = new Array(size).fill(false)
    this.wedged = new Array(size).fill(false)
  }

  report(rank: number, hears: Ranks, leaving: boolean, wedged: boolean): void {
    this.hears[rank] = hears
    this.leaving[rank] = leaving
    if (wedged) this.wedged[rank] = true
  }

  /** A seat of view 0 is taken by another process: what the former one said does not count for it. */
  forget(rank: number): void {
    this.hears[rank] = 0
    this.leaving[rank] = false
    this.wedged[rank] = false
  }

  hearsOf(rank: number): Ranks {
    return this.hears[rank]!
  }

  isLeaving(rank: number): boolean {
    return this.leaving[rank]!
  }

  isWedged(rank: number): boolean {
    return this.wedged[rank]!
  }

  /** Oneself and those whom one hears and who say that they hear one. */
  connectedTo(mine: Ranks): Ranks {
    let connected = 2 ** this.self
    for (let rank = 0; rank < this.size; rank++) {
      if (rank !== this.self && has(mine, rank) && has(this.hears[rank]!, this.self)) connected += 2 ** rank
    }
    return connected
  }

  /**
   * To be called every tick. `fresh`: those heard within the last 3 heartbeats. A member without a quorum by such
   * evidence is blind, and starts no change then and for `calmMs` after: links come back spread out.
   */
  tick(time: Instant, mine: Ranks, fresh: Ranks): void {
    this.blind = !isQuorum(this.connectedTo(mine & fresh), this.size)
    if (this.blind) this.blindUntil = time + this.settings.calmMs
    for (let a = 0; a < this.size; a++) {
      for (let b = a + 1; b < this.size; b++) {
        if (a === this.self || b === this.self) continue
        const pair = a * this.size + b
        if (has(this.hears[a]!, b) && has(this.hears[b]!, a)) this.apartSince.delete(pair)
        else if (!this.apartSince.has(pair)) this.apartSince.set(pair, time)
      }
    }
  }

  maySeeAndStart(time: Instant): boolean {
    return !this.blind && time >= this.blindUntil
  }

  /** Two others that have not been connected for longer than reports can be late. */
  pairApart(time: Instant): boolean {
    for (const since of this.apartSince.values()) if (time - since > 1.5 * this.settings.heartbeatMs) return true
    return false
  }

  /** The lowest rank connected to me, or me, that hears a quorum: it leads a change. -1: nobody does. */
  leader(mine: Ranks): number {
    const connected = this.connectedTo(mine)
    for (let rank = 0; rank < this.size; rank++) {
      if (!has(connected, rank)) continue
      if (isQuorum(rank === this.self ? mine : this.hears[rank]!, this.size)) return rank
    }
    return -1
  }
}
