// One replica, and the order as it delivers it there. A client that stays at this replica reads all topics at `safe`; under load it
// asks for single places, and the replica sends no more than the event that is there.

import { type Client, connect, type Event, type Subscription } from '../src/index.ts'
import { nextPlace, type Sampling } from './sampling.ts'

export interface LaneHost {
  readonly sampling: () => Sampling
  /** The newest place that is known of. */
  readonly head: () => number
  readonly saw: (lane: string, event: Event<unknown>) => void
  /** This lane is shown more than anybody can follow. */
  readonly tooMuch: (seen: number) => void
}

const BUFFER_BYTES = 32 * 1024
/** A lane that is behind by more than so many places that would be shown goes on near the newest. */
const BEHIND_MAX = 40
const KEPT_BEHIND = 8
const EVENTS_A_SECOND_MAX = 60
const RETRY_MS = 1000

export class Lane {
  readonly name: string
  private readonly host: LaneHost
  private readonly client: Client
  private reading: Subscription<unknown> | undefined
  private closed = false
  private second = 0
  private inSecond = 0

  constructor(name: string, url: string, host: LaneHost) {
    this.name = name
    this.host = host
    this.client = connect({ replicas: url, stay: true })
    void this.readViews()
    void this.readEvents()
  }

  /** What is to be shown has changed. */
  resample(): void {
    this.reading?.close()
  }

  close(): void {
    this.closed = true
    this.client.close()
  }

  private async readEvents(): Promise<void> {
    let next = 0
    while (!this.closed) {
      const sampling = this.host.sampling()
      const { every, from } = sampling
      next = Math.max(next, from)
      const head = this.host.head()
      if (head - next > BEHIND_MAX * every) next = nextPlace(head - KEPT_BEHIND * every, every)
      const reading = this.client.subscribe(['>'], { from: next, bufferBytes: every === 1 ? BUFFER_BYTES : 1 })
      this.reading = reading
      try {
        for await (const item of reading) {
          if (item.kind !== 'event') continue
          next = nextPlace(item.seq, every)
          this.show(item)
          if (every > 1 || this.host.sampling() !== sampling) break
        }
      } catch {
        // The replica refuses this place for now: it is behind, or its group began anew.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  private async readViews(): Promise<void> {
    try {
      for await (const item of this.client.subscribe(['$sys.views'])) {
        if (item.kind === 'event') this.host.saw(this.name, item)
      }
    } catch {
      // The lane goes on without.
    }
  }

  private show(event: Event<unknown>): void {
    this.host.saw(this.name, event)
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.second) {
      this.second = second
      this.inSecond = 0
    }
    if (++this.inSecond > EVENTS_A_SECOND_MAX) this.host.tooMuch(event.seq)
  }
}
