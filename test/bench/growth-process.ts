// A program that uses the client library, in a process of its own: it publishes typed events, over one topic or over many
// by turn, or it reads them, in order and safe.

import { type Client, connect, type Subscription } from '../../clients/src/index.ts'
import { serve, type Work } from './child.ts'
import { Fills, Trades } from './json-events.ts'
import { atRate } from './steady.ts'
import { ALL_TOPICS, type Spread, type Task, topicOf, type Window } from './task.ts'

/** Published in one go; then the event loop goes round. */
const GO = 250
const GO_BYTES = 64 * 1024
/**
 * What waits for its acknowledgement, as the client counts it: half of it is always there, which is more than the group has
 * under way, and little enough that the wait for a place in it does not hide what an event takes.
 */
const WAITING_BYTES = 4 * 1024 * 1024
const SAMPLE_EVERY = 20

type Fail = (error: unknown) => void

abstract class Growing implements Work {
  readonly latencies: number[] = []
  protected readonly client: Client
  protected readonly fail: Fail
  protected over = false
  protected counted = 0

  constructor({ url }: Task, fail: Fail) {
    this.fail = fail
    this.client = connect({
      replicas: url,
      publishBytesMax: WAITING_BYTES,
      onBroken: (why) => this.over || fail(new Error(`the stream broke: ${why}`)),
    })
  }

  abstract start(window: Window): void

  events(): number {
    return this.counted
  }

  counts(): Record<string, number> {
    return {}
  }

  async close(): Promise<void> {
    this.over = true
    this.client.close()
  }
}

class Publishing extends Growing {
  private readonly source: Trades | Fills
  private readonly spread: Spread
  private readonly rate: number | undefined
  private readonly go: number
  private published = 0

  constructor(task: Task, spread: Spread, fail: Fail) {
    super(task, fail)
    this.spread = spread
    this.rate = task.rate
    this.source = spread.events === 'trades' ? new Trades(task.eventBytes) : new Fills(task.eventBytes)
    this.go = Math.max(1, Math.min(GO, Math.floor(GO_BYTES / task.eventBytes)))
  }

  override start(window: Window): void {
    const { rate } = this
    const all = rate === undefined ? this.flood() : atRate(rate, Date.now(), window.until, () => this.publish(true))
    all.catch(this.fail)
  }

  private async flood(): Promise<void> {
    while (!this.over) {
      for (let i = 0; i < this.go; i++) this.publish(this.published % SAMPLE_EVERY === 0)
      await this.client.ready()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  private publish(isSample: boolean): void {
    const { topics, inARow } = this.spread
    const topic = topicOf(Math.floor(this.published++ / inARow) % topics)
    const at = performance.now()
    this.client.publish(topic, this.source.next()).then(
      () => {
        this.counted++
        if (isSample) this.latencies.push(performance.now() - at)
      },
      (error) => this.over || this.fail(error),
    )
  }
}

class Reading extends Growing {
  private lastSeq = 0

  /** Resolves when it is told of everything that is published from now on. */
  async listen(topics: number): Promise<void> {
    const subscription: Subscription<unknown> = this.client.subscribe([topics === 1 ? topicOf(0) : ALL_TOPICS])
    const reading = subscription.each((items) => {
      for (const item of items) {
        if (item.kind !== 'event') throw new Error(`a ${item.kind} in the stream`)
        if (item.seq <= this.lastSeq) throw new Error('an event out of order')
        this.lastSeq = item.seq
      }
      this.counted += items.length
    })
    reading.catch(this.fail)
    while (subscription.token === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** It has begun with `listen`. */
  override start(): void {}
}

serve(async (task, fail) => {
  const { spread } = task
  if (spread === undefined) throw new Error('a growing load is spread over topics')
  if (task.work === 'publish') return new Publishing(task, spread, fail)
  const work = new Reading(task, fail)
  await work.listen(spread.topics)
  return work
})
