// Everything that takes part in one run: servers, replicas, publishers, subscribers, and what was seen of them.

import { setTimeout as pause } from 'node:timers/promises'
import { Chance } from '../sim/random.ts'
import { CarefulPublisher, END_TOPIC, HastyPublisher, type Place, Subscriber, TOPICS } from './clients.ts'
import type { Namespace } from './namespaces.ts'
import { NatsServers } from './nats.ts'
import { Replica } from './replicas.ts'
import type { ClusterSeen, Trace } from './trace.ts'

export const NAMES: readonly string[] = ['a', 'b', 'c', 'd', 'e']
/** How long the group may take to be whole again after a fault; many times what it takes on a machine with time. */
const WHOLE_MS = 60_000
/** So many acknowledgements show that the group goes on: more than may have been under way. */
const ANSWERED = 20
const FINISH_MS = 60_000
const IDLE_MS = 1000
/** After everything is delivered, the last acknowledgements are still told among the members. */
const SETTLE_MS = 300
const LOOK_EVERY_MS = 20

export interface StageOptions {
  readonly seed: number
  readonly replicas: 3 | 5
  readonly servers: 1 | 3
  /** How long a fault lasts, at least and at most. */
  readonly shortestMs: number
  readonly longestMs: number
  readonly trace: Trace
  /** Something went wrong that no judge can see. */
  readonly onProblem: (error: Error) => void
  /** Where replicas live, by name. Default: all on this machine's network. */
  readonly homes?: ReadonlyMap<string, Namespace> | undefined
}

export class Stage {
  readonly servers: NatsServers
  readonly replicas: readonly Replica[]
  readonly shortestMs: number
  readonly longestMs: number
  /** What a fault is at work on. */
  readonly taken: Set<string> = new Set<string>()
  readonly complaints: string[] = []
  private readonly subscribers: Subscriber[] = []
  private readonly options: StageOptions
  private readonly chance: Chance
  private readonly ending = new AbortController()
  private readonly enough = new AbortController()
  private readonly publishing: Promise<void>[] = []

  private constructor(options: StageOptions, servers: NatsServers, replicas: readonly Replica[]) {
    this.options = options
    this.shortestMs = options.shortestMs
    this.longestMs = options.longestMs
    this.servers = servers
    this.replicas = replicas
    this.chance = new Chance(options.seed, 'clients')
  }

  /** With a group that is formed, and topics that exist. */
  static async set(options: StageOptions): Promise<Stage> {
    const roster = NAMES.slice(0, options.replicas)
    const servers = await NatsServers.start(options.servers, roster)
    const { trace, onProblem: onDeath, homes } = options
    const replicas = await Promise.all(
      roster.map((name, i) => {
        const nearest = rotated(servers.all, i % servers.all.length)
        const home = homes?.get(name)
        return Replica.create({ name, group: 'chaos', roster, servers: nearest, trace, onDeath, home })
      }),
    )
    const stage = new Stage(options, servers, replicas)
    for (const replica of replicas) replica.launch()
    await Promise.all(replicas.map((replica) => replica.ready()))
    await stage.prepare()
    for (const replica of replicas) void replica.watch(stage.ending.signal)
    return stage
  }

  get places(): readonly Place[] {
    return this.replicas
  }

  startClients(): void {
    const { chance, places } = this
    const { trace } = this.options
    // Each prefers another replica: only what stops them all stops the acknowledgements.
    for (let i = 0; i < Math.max(4, places.length); i++) {
      const name = `p${i + 1}`
      this.start(new CarefulPublisher(name, rotated(places, i % places.length), trace, chance.fork(name)), 150)
    }
    for (const name of ['q1', 'q2']) this.start(new HastyPublisher(name, places, false, trace, chance.fork(name)), 150)
    this.start(new HastyPublisher('large', places, true, trace, chance.fork('large')), 800)
    for (const place of places) this.subscribe(place)
    for (let i = 0; i < 3; i++) this.subscribe('moves')
  }

  /** At one replica, or moving between all; from the first event on. It reads nothing until `mayRead` is settled. */
  subscribe(at: Place | 'moves', mayRead?: Promise<void>): Subscriber {
    const number = this.subscribers.length + 1
    const name = at === 'moves' ? `s${number}-moves` : `s${number}-at-${at.name}`
    const places = at === 'moves' ? this.places : [at]
    const subscriber = new Subscriber(name, places, this.options.trace, this.chance.fork(name))
    if (mayRead !== undefined) subscriber.hold(mayRead)
    this.subscribers.push(subscriber)
    subscriber.read(this.ending.signal).catch((error: unknown) => this.options.onProblem(error as Error))
    return subscriber
  }

  /** Resolves after that time; rejects when the run ends before. */
  async pass(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.ending.signal })
  }

  complain(text: string): void {
    this.complaints.push(text)
  }

  /** Resolves when every replica says that it is a member of one view of all, and publishers are answered. */
  async untilWhole(after: string): Promise<void> {
    const { trace } = this.options
    const enough = trace.acknowledgements + (this.enough.signal.aborted ? 0 : ANSWERED)
    const why = (): string | undefined =>
      whyNotWhole(this.replicas) ?? (trace.acknowledgements < enough ? 'no publisher is answered' : undefined)
    if (!(await this.comesTrue(() => why() === undefined, WHOLE_MS)))
      this.complain(`${WHOLE_MS / 1000} s ${after} ${why()}`)
  }

  /** Ends the load, waits until everybody has everything, and records how it is then. */
  async finish(): Promise<void> {
    const { trace } = this.options
    this.enough.abort()
    const giveUp = AbortSignal.timeout(FINISH_MS)
    const published = Promise.all(this.publishing).then(async () => {
      const last = new HastyPublisher('last', this.places, false, trace, this.chance.fork('last'))
      const end = { topic: END_TOPIC, type: 'chaos.ended', time: '2026-01-31T12:00:00Z', data: {} }
      await last.publish(END_TOPIC, [end], giveUp)
    })
    if (!(await within(FINISH_MS, published))) this.complain(`publishers are not answered within ${FINISH_MS / 1000} s`)
    else {
      const read = Promise.all(this.subscribers.map(({ atEnd }) => atEnd))
      if (!(await within(FINISH_MS, read))) this.complain(`subscribers are not at the end within ${FINISH_MS / 1000} s`)
    }
    await this.untilWhole('after the end')
    this.ending.abort()
    const idle = await this.idle()
    const seen = await Promise.all(this.replicas.map((replica) => replica.ask()))
    const replicas = seen.filter((one): one is ClusterSeen => one !== undefined)
    for (const [i, one] of seen.entries())
      if (one === undefined) this.complain(`${this.replicas[i]!.life} does not answer at the end`)
    const subscribers = this.subscribers.map(({ name }) => name)
    trace.add({ type: 'ended', replicas, subscribers, complaints: this.complaints, idle })
  }

  /** Ends every process, and leaves the logs of replicas in the folder. */
  async remove(folder: string): Promise<void> {
    this.enough.abort()
    this.ending.abort()
    await Promise.all(this.replicas.map((replica) => replica.remove(folder)))
    await this.servers.remove()
  }

  private start(publisher: CarefulPublisher | HastyPublisher, meanPauseMs: number): void {
    const run = publisher.run(meanPauseMs, this.enough.signal, this.ending.signal)
    run.catch((error: unknown) => {
      if (!this.ending.signal.aborted) this.options.onProblem(error as Error)
    })
    this.publishing.push(run)
  }

  private async prepare(): Promise<void> {
    const [first] = this.replicas
    for (const topic of [...TOPICS, END_TOPIC]) {
      const response = await fetch(`${first!.url}/v1/topics/${topic}`, {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ schema: { type: 'object' } }),
        signal: AbortSignal.timeout(20_000),
      })
      if (!response.ok) throw new Error(`${topic}: ${response.status} ${await response.text()}`)
      await response.body?.cancel()
    }
    const seen = await first!.ask()
    if (seen === undefined) throw new Error(`${first!.life} does not answer`)
    this.options.trace.add({ type: 'prepared', history: seen.history, seq: seen.seq })
  }

  /** What is sent while nobody wants anything. */
  private async idle(): Promise<{ ms: number; sent: Record<string, number> } | undefined> {
    await pause(SETTLE_MS)
    const from = performance.now()
    try {
      const before = await Promise.all(this.replicas.map((replica) => replica.sent()))
      await pause(IDLE_MS)
      const after = await Promise.all(this.replicas.map((replica) => replica.sent()))
      const sent: Record<string, number> = {}
      for (const [i, counts] of after.entries())
        for (const [kind, count] of counts) {
          const more = count - (before[i]!.get(kind) ?? 0)
          if (more > 0) sent[kind] = (sent[kind] ?? 0) + more
        }
      return { ms: performance.now() - from, sent }
    } catch {
      return undefined
    }
  }

  private async comesTrue(condition: () => boolean, withinMs: number): Promise<boolean> {
    for (const until = performance.now() + withinMs; performance.now() < until; await pause(LOOK_EVERY_MS)) {
      if (condition()) return true
      if (this.ending.signal.aborted) return true
    }
    return condition()
  }
}

/** Undefined: all are members of one view, which has them all. */
export function whyNotWhole(replicas: readonly Replica[]): string | undefined {
  const view = replicas[0]?.seen?.view
  for (const { life, seen } of replicas) {
    if (seen === undefined) return `${life} does not answer`
    if (!seen.primary) return `${life} is ${seen.state}, and no primary`
    if (seen.view !== view) return `${life} is in view ${seen.view}, and ${replicas[0]!.life} in ${view}`
    if (seen.members.length !== replicas.length)
      return `view ${seen.view} has ${seen.members.length} members of ${replicas.length}`
  }
  return undefined
}

const rotated = <T>(list: readonly T[], by: number): T[] => [...list.slice(by), ...list.slice(0, by)]

async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const patience = new AbortController()
  const late = pause(ms, false, { signal: patience.signal }).catch(() => false)
  const came = promise.then(
    () => true,
    () => false,
  )
  const result = await Promise.race([came, late])
  patience.abort()
  return result
}
