// Whether the members still agree. Each says in its headers what its application's state comes to at some position of the
// order (a digest); equal positions mean equal states (G8), so a difference is a bug, of the application, of the machine or
// of ours. Who differs from so many that the others alone are a quorum stops: what it says is worth nothing. With equal
// numbers it is the side without rank 0 that stops, as everywhere.

import { everyRank, has, isQuorum, type Ranks } from './view.ts'

/** Digests are compared at positions that are multiples of this. */
export const DIGEST_EVERY = 16

/** Of each member so many digests of positions ahead are kept. */
const AHEAD_MAX = 8

/** Of one's own digests so many are kept; a member that is further behind says a later one soon. */
const DIGESTS_KEPT = 256

export interface Digest {
  /** 0: none yet. */
  readonly position: number
  /** 32 bits. */
  readonly digest: number
}

const NONE: Digest = { position: 0, digest: 0 }

export class Agreement {
  private readonly own = new Map<number, number>()
  private last: Digest = NONE
  /** By rank: what was said of positions that are still ahead here. */
  private ahead: Digest[][] = []
  private differing: Ranks = 0
  private found: { rank: number; position: number }[] = []

  /** A new view: ranks are others. One's own digests stay, since positions go on. */
  begin(size: number): void {
    this.ahead = Array.from({ length: size }, () => [])
    this.differing = 0
    this.found = []
  }

  /** One's own newest. */
  get latest(): Digest {
    return this.last
  }

  /** The application's state after the entry of this position. */
  record(position: number, digest: number): void {
    this.last = { position, digest }
    this.own.set(position, digest)
    if (this.own.size > DIGESTS_KEPT) this.own.delete(this.own.keys().next().value!)
    for (const [rank, ahead] of this.ahead.entries()) {
      while (ahead.length > 0 && ahead[0]!.position <= position) this.compare(rank, ahead.shift()!)
    }
  }

  /** A member has said its own. */
  hear(rank: number, said: Digest): void {
    if (said.position <= this.last.position) return this.compare(rank, said)
    const ahead = this.ahead[rank]!
    // Of a member that is far ahead the next few are kept: the newest alone would never be reached while it goes on.
    if (said.position > (ahead.at(-1)?.position ?? 0) && ahead.length < AHEAD_MAX) ahead.push(said)
  }

  /** Those that have been found to differ since this was last asked, and at which position. */
  takeFound(): { rank: number; position: number }[] {
    const { found } = this
    if (found.length > 0) this.found = []
    return found
  }

  /** Whether those that do not differ from here are too few to go on. */
  get isAlone(): boolean {
    const size = this.ahead.length
    return !isQuorum(everyRank(size) & ~this.differing, size)
  }

  private compare(rank: number, { position, digest }: Digest): void {
    const own = this.own.get(position)
    if (own === undefined || own === digest || has(this.differing, rank)) return
    this.differing |= 1 << rank
    this.found.push({ rank, position })
  }
}
