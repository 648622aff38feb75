// What one subscriber of `lockstep bench` was given, compared with what was published: each publisher's events, numbered
// from 0, are to come once and in order. And what became of each publish that failed.

export interface Failure {
  readonly n: number
  /** Whether it may be in the order all the same. */
  readonly mayBeIn: boolean
}

/** One publisher's side. */
export class Published {
  sent = 0
  acknowledged = 0
  readonly failures: Failure[] = []

  get settled(): boolean {
    return this.acknowledged + this.failures.length === this.sent
  }
}

export interface Findings {
  readonly lost: number
  readonly twice: number
  readonly outOfOrder: number
  /** Refused as not published, and came all the same. */
  readonly refusedAndCame: number
  /** Of nobody here. */
  readonly strange: number
}

export class Ledger {
  received = 0
  private readonly publishers: readonly Published[]
  /** Of each publisher, the number after the largest that came. */
  private readonly next: number[]
  /** Of each publisher, the smaller ones that did not come. */
  private readonly missing: Set<number>[]
  private lastSeq = 0
  private twice = 0
  private outOfOrder = 0
  private strange = 0
  /** Of what came in which order, for two subscribers to compare. */
  private trail = 0

  constructor(publishers: readonly Published[]) {
    this.publishers = publishers
    this.next = publishers.map(() => 0)
    this.missing = publishers.map(() => new Set())
  }

  /** False: it is nothing new. */
  take(publisher: number, n: number, seq: number): boolean {
    const expected = this.next[publisher]
    const missing = this.missing[publisher]
    if (expected === undefined || missing === undefined || !(n < this.publishers[publisher]!.sent)) {
      this.strange++
      return false
    }
    if (n < expected && !missing.delete(n)) {
      this.twice++
      return false
    }
    this.received++
    if (n < expected || seq <= this.lastSeq) this.outOfOrder++
    for (let skipped = expected; skipped < n; skipped++) missing.add(skipped)
    this.next[publisher] = Math.max(expected, n + 1)
    this.lastSeq = Math.max(this.lastSeq, seq)
    this.trail = (Math.imul(this.trail, 31) + Math.imul(publisher + 1, 0x9e3779b1) + n) | 0
    return true
  }

  /** Everything that must come has come. */
  get complete(): boolean {
    return this.lost() === 0
  }

  /** Both were given the same events, and in the same order. */
  agreesWith(other: Ledger): boolean {
    return this.received === other.received && this.trail === other.trail
  }

  findings(): Findings {
    let refusedAndCame = 0
    for (const [i, { failures }] of this.publishers.entries())
      refusedAndCame += failures.filter(({ n, mayBeIn }) => !mayBeIn && this.has(i, n)).length
    const { twice, outOfOrder, strange } = this
    return { lost: this.lost(), twice, outOfOrder, refusedAndCame, strange }
  }

  private lost(): number {
    let lost = 0
    for (const [i, published] of this.publishers.entries()) {
      const { sent, failures } = published
      const absent = sent - (this.next[i] as number) + (this.missing[i] as Set<number>).size
      lost += absent - failures.filter(({ n }) => !this.has(i, n)).length
    }
    return lost
  }

  private has(publisher: number, n: number): boolean {
    return n < (this.next[publisher] as number) && !(this.missing[publisher] as Set<number>).has(n)
  }
}
