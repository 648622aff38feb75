// The replicas that a client may go to: those that it was told of, and those that views name. Which one is next, and
// how long to wait when none answers.

const KNOWN_MAX = 64
const WAIT_FIRST_MS = 20
const WAIT_MAX_MS = 2000

export class Replicas {
  private readonly given: readonly string[]
  private learned: readonly string[] = []
  private next: number
  private failures = 0

  /** `first`: from 0 to below 1, chooses the one to begin with. */
  constructor(given: readonly string[], first: number) {
    if (given.length === 0) throw new TypeError('a client needs the address of one replica at least')
    this.given = given.map(trimmed)
    this.next = Math.floor(first * this.given.length)
  }

  get known(): readonly string[] {
    return [...new Set([...this.given, ...this.learned])]
  }

  learn(urls: readonly string[]): void {
    this.learned = urls.slice(0, KNOWN_MAX).map(trimmed)
  }

  /** The address to try now. */
  take(): string {
    const { known } = this
    const url = known[this.next % known.length] as string
    this.next = (this.next + 1) % known.length
    return url
  }

  /** It worked. */
  succeeded(): void {
    this.failures = 0
  }

  /** Milliseconds to wait before the next try: none until all have been tried, then longer and longer. */
  failed(random: number): number {
    this.failures++
    const rounds = Math.floor(this.failures / this.known.length)
    if (rounds === 0) return 0
    return Math.min(WAIT_MAX_MS, WAIT_FIRST_MS * 2 ** Math.min(rounds, 10)) * (0.5 + random / 2)
  }
}

function trimmed(url: string): string {
  return new URL(url).href.replace(/\/$/, '')
}
