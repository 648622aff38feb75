// How far a long run has come, for the person who waits: on a terminal in one line that changes, elsewhere in a line now
// and then.

const TELL_EVERY_MS = 30_000
const SHOW_EVERY_MS = 250

export class Progress {
  private readonly total: number
  private readonly began = performance.now()
  private toldAt = performance.now()
  private shownAt = 0

  constructor(total: number) {
    this.total = total
  }

  /** Answers whether this is a moment to write down what there is. */
  tell(done: number, failed: number): boolean {
    const now = performance.now()
    const last = done === this.total
    if (process.stdout.isTTY && (last || now - this.shownAt >= SHOW_EVERY_MS)) {
      this.shownAt = now
      process.stdout.write(`\r${this.text(done, failed)} \x1b[K${last ? '\n' : ''}`)
    }
    const tenth = done % Math.max(1, Math.ceil(this.total / 10)) === 0 && this.total < 10_000
    if (!last && !tenth && now - this.toldAt < TELL_EVERY_MS) return false
    this.toldAt = now
    if (!process.stdout.isTTY) console.log(this.text(done, failed))
    return true
  }

  rate(done: number): string {
    const seconds = (performance.now() - this.began) / 1000
    return `${seconds.toFixed(1)} s, ${(done / seconds).toFixed(1)} seeds a second`
  }

  private text(done: number, failed: number): string {
    const leftMs = ((performance.now() - this.began) / Math.max(1, done)) * (this.total - done)
    const end = new Date(Date.now() + leftMs).toTimeString().slice(0, 5)
    return `${done} of ${this.total}, ${failed} failed; ${this.rate(done)}, done at about ${end}`
  }
}
