// The only source of chance in a simulated world: sfc32 (Chris Doty-Humphrey), small, fast and equal on every machine.
// Streams are forked by name, whatever was drawn before: a change in how the workload is drawn leaves the weather of a
// seed as it was, and a run without one of its faults keeps the others as they were.

export class Chance {
  private a: number
  private b: number
  private c: number
  private counter = 1
  private readonly seed: number
  private readonly stream: string

  constructor(seed: number, stream = '') {
    this.seed = seed
    this.stream = stream
    this.a = seed >>> 0
    this.b = Math.floor(seed / 2 ** 32) >>> 0
    this.c = 0x9e3779b9
    for (let i = 0; i < stream.length; i++) this.c = Math.imul(this.c ^ stream.charCodeAt(i), 0x01000193) >>> 0
    for (let i = 0; i < 12; i++) this.bits()
  }

  /** An independent stream, the same for the same seed and name. */
  fork(stream: string): Chance {
    return new Chance(this.seed, `${this.stream}/${stream}`)
  }

  /** In [0, 1). */
  readonly next = (): number => this.bits() / 2 ** 32

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  /** Waiting time until the next of things that come by themselves, `mean` apart. */
  wait(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T
  }

  shuffle<T>(from: readonly T[]): T[] {
    const all = [...from]
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.whole(0, i)
      ;[all[i], all[j]] = [all[j] as T, all[i] as T]
    }
    return all
  }

  /** One of the keys, as often as its number says in relation to the others. */
  weighted<T extends string | number>(weights: readonly (readonly [T, number])[]): T {
    let rest = this.next() * weights.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [value, weight] of weights) {
      rest -= weight
      if (rest < 0) return value
    }
    return (weights[weights.length - 1] as readonly [T, number])[0]
  }

  private bits(): number {
    const sum = (((this.a + this.b) >>> 0) + this.counter) >>> 0
    this.counter = (this.counter + 1) >>> 0
    this.a = (this.b ^ (this.b >>> 9)) >>> 0
    this.b = (this.c + (this.c << 3)) >>> 0
    this.c = ((((this.c << 21) | (this.c >>> 11)) >>> 0) + sum) >>> 0
    return sum
  }
}
