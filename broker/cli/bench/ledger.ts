// What one subscriber of `lockstep bench` was given, compared with what was published: each publisher's events, numbered
// from 0, are to come once and in order. Below `safe` they may come before they have their places, and are then to be kept
// or taken back: what is taken back has not come. And what became of each publish that failed.

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
  /** Shown before it had its place, and neither kept nor taken back. */
  readonly unsettled: number
  /** Refused as not published, and came all the same. */
  readonly refusedAndCame: number
  /** Of nobody here. */
  readonly strange: number
}

/** Shown, and without a place so far. */
interface Shown {
  readonly publisher: number
  readonly n: number
  /** How long it took. */
  readonly ms: number
}

export class Ledger {
  received = 0
  /** Grows with whatever it is told. */
  moves = 0
  /** How often something was taken back. */
  takenBack = 0
  /** What is shown comes in the order of places, also before it has them. */
  private readonly inOrder: boolean
  private readonly open = new Map<string, Shown>()
  private readonly publishers: readonly Published[]
  /** Of each publisher, the number after the largest that came. */
  private readonly next: number[]
  /** Of each publisher, the smaller ones that did not come. */
  private readonly missing: Set<number>[]
  /** Those of them that were taken back, and not all that came after them: another copy of those was shown. */
  private readonly again: Set<number>[]
  private lastSeq = 0
  private twice = 0
  private outOfOrder = 0
  private strange = 0
  /** Of what has which place, for two subscribers to compare. */
  private trail = 0

  /** `inOrder`: as at `agreed` and `safe`. */
  constructor(publishers: readonly Published[], inOrder = true) {
    this.publishers = publishers
    this.inOrder = inOrder
    this.next = publishers.map(() => 0)
    this.missing = publishers.map(() => new Set())
    this.again = publishers.map(() => new Set())
  }

  /** It came, and has its place. False: it is nothing new. */
  take(publisher: number, n: number, seq: number): boolean {
    if (!this.come(publisher, n)) return false
    if (this.inOrder && this.open.size > 0) this.outOfOrder++
    this.place(publisher, n, seq)
    return true
  }

  /** It came before it has its place, so many milliseconds after it was due. */
  show(ref: string, publisher: number, n: number, ms: number): void {
    if (this.come(publisher, n)) this.open.set(ref, { publisher, n, ms })
  }

  /** What was shown has its place. Gives how long it took until it was shown; undefined: it was nothing new. */
  keep(ref: string, seq: number): number | undefined {
    this.moves++
    const shown = this.open.get(ref)
    if (shown === undefined) return undefined
    if (this.inOrder && this.open.keys().next().value !== ref) this.outOfOrder++
    this.open.delete(ref)
    this.place(shown.publisher, shown.n, seq)
    return shown.ms
  }

  takeBack(ref: string): void {
    this.moves++
    const shown = this.open.get(ref)
    if (shown === undefined) return
    const { publisher, n } = shown
    this.open.delete(ref)
    this.takenBack++
    this.received--
    const missing = this.missing[publisher] as Set<number>
    const again = this.again[publisher] as Set<number>
    missing.add(n)
    again.add(n)
    // What is taken back with all that came after it is to come again in its order.
    let next = this.next[publisher] as number
    while (missing.delete(next - 1)) again.delete(--next)
    this.next[publisher] = next
  }

  private come(publisher: number, n: number): boolean {
    this.moves++
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
    if (n < expected && !this.again[publisher]!.delete(n)) this.outOfOrder++
    for (let skipped = expected; skipped < n; skipped++) missing.add(skipped)
    this.next[publisher] = Math.max(expected, n + 1)
    return true
  }

  private place(publisher: number, n: number, seq: number): void {
    if (seq <= this.lastSeq) this.outOfOrder++
    this.lastSeq = Math.max(this.lastSeq, seq)
    this.trail = (Math.imul(this.trail, 31) + Math.imul(publisher + 1, 0x9e3779b1) + n) | 0
  }

  /** Everything that must come has come. */
  get complete(): boolean {
    return this.open.size === 0 && this.lost() === 0
  }

  /** Both were given the same events, and their places in the same order. */
  agreesWith(other: Ledger): boolean {
    return this.received === other.received && this.trail === other.trail
  }

  findings(): Findings {
    let refusedAndCame = 0
    for (const [i, { failures }] of this.publishers.entries())
      refusedAndCame += failures.filter(({ n, mayBeIn }) => !mayBeIn && this.has(i, n)).length
    const { twice, outOfOrder, strange } = this
    return { lost: this.lost(), twice, outOfOrder, unsettled: this.open.size, refusedAndCame, strange }
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
