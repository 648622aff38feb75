// One run of `lockstep bench`, on a topic that is there: publishers and subscribers, each a client of its own, at one
// replica after the other. Every event carries its publisher, its number and when it was due, so a subscriber needs
// nothing else to know what came, and how long it took.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, type EarlyOrder, LockstepError } from '../../../clients/src/index.ts'
import { attach } from '../attach.ts'
import { Ledger, Published } from './ledger.ts'
import { publishOnSchedule } from './load.ts'

export interface BenchOptions {
  readonly topic: string
  /** Addresses of replicas. */
  readonly urls: readonly string[]
  readonly publishers: number
  readonly subscribers: number
  /** Of subscribers. */
  readonly order: 'safe' | EarlyOrder
  readonly bytes: number
  /** Of all publishers together; undefined: as fast as there is room. */
  readonly eventsASecond: number | undefined
  readonly seconds: number
  readonly signal: AbortSignal
}

const ONE_GO_BYTES = 64 * 1024
/** When nothing comes for so long, nothing will. */
const PATIENCE_MS = 10_000
/** The same, when it was stopped: whoever pressed Ctrl-C does not wait for long. */
const IMPATIENCE_MS = 1000
const LOOK_EVERY_MS = 20
/** So many are borne: then something is wrong that more of them would not show better. */
const ERRORS_MAX = 1000
/** What somebody else published here. */
const NOTHING: BenchData = { p: -1, n: -1, us: 0, fill: '' }
/** Latencies are recorded in microseconds. */
const LONGEST_US = 3_600_000_000

/** An event's data, of about so many bytes. */
export function dataOf(publisher: number, n: number, dueAt: number, bytes: number): BenchData {
  const us = Math.round(dueAt * 1000)
  const bare = FIELDS_BYTES + String(publisher).length + String(n).length + String(us).length
  return { p: publisher, n, us, fill: 'x'.repeat(Math.max(0, bytes - bare)) }
}

export interface BenchData {
  readonly p: number
  readonly n: number
  readonly us: number
  readonly fill: string
}

export const BENCH_SCHEMA: object = {
  type: 'object',
  properties: { p: { type: 'integer' }, n: { type: 'integer' }, us: { type: 'integer' }, fill: { type: 'string' } },
  required: ['p', 'n', 'us', 'fill'],
}

const FIELDS_BYTES = '{"p":,"n":,"us":,"fill":""}'.length

export class BenchRun {
  readonly published: readonly Published[]
  readonly ledgers: readonly Ledger[]
  /** From when an event was due to when it was handed to the client: what this process itself is late. */
  readonly lateness: RecordableHistogram = histogram()
  readonly acknowledging: RecordableHistogram = histogram()
  readonly receiving: readonly RecordableHistogram[]
  readonly publisherClients: readonly Client[]
  readonly subscriberClients: readonly Client[]
  broken = 0
  gaps = 0
  /** Events that were due and for which there was no room. */
  unsent = 0
  /** From the beginning to the last acknowledgement or arrival. */
  elapsedMs = 0
  /** Of one core, this process's. */
  busy = 0
  /** By code: how many, and what the first one said. */
  readonly errors: Map<string, { count: number; readonly message: string }> = new Map()
  private readonly options: BenchOptions
  private beganAt = 0
  private readonly stop = new AbortController()

  constructor(options: BenchOptions) {
    this.options = options
    const { urls, publishers, subscribers, order, signal } = options
    const inOrder = order === 'agreed' || order === 'safe'
    // The next replica for each: a subscriber is elsewhere than the publisher, if there is an elsewhere.
    let next = 0
    const client = (): Client => attach([urls[next++ % urls.length] as string], { onBroken: () => this.broken++ })
    this.published = Array.from({ length: publishers }, () => new Published())
    this.publisherClients = this.published.map(client)
    this.ledgers = Array.from({ length: subscribers }, () => new Ledger(this.published, inOrder))
    this.subscriberClients = this.ledgers.map(client)
    this.receiving = this.ledgers.map(histogram)
    signal.addEventListener('abort', () => this.stop.abort())
    if (signal.aborted) this.stop.abort()
  }

  get sent(): number {
    return this.published.reduce((sum, { sent }) => sum + sent, 0)
  }

  get acknowledged(): number {
    return this.published.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  /** Resolves when everything that was sent has come, or will not. */
  async run(): Promise<void> {
    for (const i of this.ledgers.keys()) this.subscribe(i).catch((error: unknown) => this.failed(error))
    await this.warmUp()
    const cpuBefore = process.cpuUsage()
    this.beganAt = performance.now()
    // What does not come once does not come often.
    if (!this.settled() || !this.complete() || this.errors.size > 0) this.stop.abort()
    const unsent = await Promise.all(this.published.map((_, i) => this.load(i)))
    this.unsent = unsent.reduce((sum, one) => sum + one, 0)
    await this.settle()
    const { user, system } = process.cpuUsage(cpuBefore)
    this.busy = (user + system) / 1000 / (performance.now() - this.beganAt)
  }

  close(): void {
    for (const client of [...this.publisherClients, ...this.subscriberClients]) client.close()
  }

  /** One event of each publisher comes to everybody, so connections are there and code is warm. It is not measured. */
  private async warmUp(): Promise<void> {
    for (const i of this.published.keys()) this.publish(i, 0, performance.now())
    await this.whenStill(() => this.settled() && this.complete())
    this.lateness.reset()
    this.acknowledging.reset()
    for (const one of this.receiving) one.reset()
  }

  private load(i: number): Promise<number> {
    const { eventsASecond, publishers, seconds, bytes } = this.options
    const client = this.publisherClients[i] as Client
    const outlet = {
      // The first event was for warming up.
      publish: (n: number, dueAt: number) => this.publish(i, n + 1, dueAt),
      ready: () => client.ready(),
    }
    return publishOnSchedule(outlet, {
      now: () => performance.now(),
      from: this.beganAt + (eventsASecond === undefined ? 0 : (i * 1000) / eventsASecond),
      forMs: seconds * 1000,
      everyMs: eventsASecond === undefined ? 0 : (publishers * 1000) / eventsASecond,
      inOneGo: Math.max(1, Math.floor(ONE_GO_BYTES / bytes)),
      signal: this.stop.signal,
    })
  }

  private publish(i: number, n: number, dueAt: number): void {
    const { topic, bytes } = this.options
    const published = this.published[i] as Published
    published.sent++
    record(this.lateness, performance.now() - dueAt)
    const answer = (this.publisherClients[i] as Client).publish(topic, dataOf(i, n, dueAt, bytes))
    answer.then(
      () => {
        published.acknowledged++
        record(this.acknowledging, this.moved() - dueAt)
      },
      (error: unknown) => {
        const mayBeIn = !(error instanceof LockstepError) || error.outcome !== 'not-published'
        published.failures.push({ n, mayBeIn })
        this.failed(error)
      },
    )
  }

  private async subscribe(i: number): Promise<void> {
    const ledger = this.ledgers[i] as Ledger
    const latency = this.receiving[i] as RecordableHistogram
    const client = this.subscriberClients[i] as Client
    const { topic, order } = this.options
    for await (const item of client.subscribe<BenchData>([topic], { from: 'start', order })) {
      if (item.kind === 'view') continue
      const now = this.moved()
      if (item.kind === 'gap') this.gaps++
      else if (item.kind === 'retract') ledger.takeBack(item.ref)
      else if (item.kind === 'kept') {
        // Only now, since what is taken back was not received.
        const ms = ledger.keep(item.ref, item.seq)
        if (ms !== undefined) record(latency, ms)
      } else {
        const { p, n, us } = item.data ?? NOTHING
        const ms = now - us / 1000
        if ('ref' in item && item.seq === undefined) ledger.show(item.ref, p, n, ms)
        else if (ledger.take(p, n, item.seq as number)) record(latency, ms)
      }
    }
  }

  private moved(): number {
    const now = performance.now()
    this.elapsedMs = now - this.beganAt
    return now
  }

  private failed(error: unknown): void {
    const { message } = error as Error
    const code = error instanceof LockstepError ? error.code : 'INTERNAL'
    const known = this.errors.get(code) ?? { count: 0, message }
    known.count++
    this.errors.set(code, known)
    if (known.count >= ERRORS_MAX) this.stop.abort()
  }

  private settled(): boolean {
    return this.published.every(({ settled }) => settled)
  }

  private complete(): boolean {
    return this.ledgers.every(({ complete }) => complete)
  }

  /** What is under way is answered, and comes; what is not answered by then is given up, and may be in. */
  private async settle(): Promise<void> {
    await this.whenStill(() => this.settled())
    for (const client of this.publisherClients) client.close()
    await sleep(0)
    await this.whenStill(() => this.complete())
  }

  /** Resolves when it is so, or when nothing has moved for a while. */
  private async whenStill(isSo: () => boolean): Promise<void> {
    let [before, movedAt] = [-1, performance.now()]
    while (!isSo()) {
      const moved = this.acknowledged + this.ledgers.reduce((sum, { moves }) => sum + moves, 0)
      if (moved !== before) [before, movedAt] = [moved, performance.now()]
      const patienceMs = this.stop.signal.aborted ? IMPATIENCE_MS : PATIENCE_MS
      if (performance.now() - movedAt > patienceMs) return
      await sleep(LOOK_EVERY_MS)
    }
  }
}

function histogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 })
}

function record(into: RecordableHistogram, ms: number): void {
  into.record(Math.min(LONGEST_US, Math.max(1, Math.round(ms * 1000))))
}
