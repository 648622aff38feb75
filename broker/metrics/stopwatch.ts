// How long something has been so, all times together, and going on while it is.

export class Stopwatch {
  private total = 0
  private since: number | undefined

  set(runs: boolean, now: number): void {
    if (runs) this.since ??= now
    else if (this.since !== undefined) {
      this.total += now - this.since
      this.since = undefined
    }
  }

  seconds(now: number): number {
    return (this.total + (this.since === undefined ? 0 : now - this.since)) / 1000
  }
}
