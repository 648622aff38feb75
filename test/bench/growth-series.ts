// What grows, and what an event costs then: each point is the whole product started anew, one client that publishes at one
// replica and one that reads at another, each in a process of its own, and a window in which all are looked at.

import { cpus, freemem } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, connect } from '../../clients/src/index.ts'
import { FILL_SCHEMA, Fills, TRADE_SCHEMA } from './json-events.ts'
import type { Axis } from './plot.ts'
import { cpuUseWithin, inProcesses, soon } from './processes.ts'
import { mean, median } from './statistics.ts'
import { type Subscriber, subscribeByStream } from './stream-subscriber.ts'
import { type Spread, type Task, topicOf, type Window } from './task.ts'
import { cpuSecondsOf, residentBytesOf } from './usage.ts'
import { putTopic, type ReplicasOptions, withReplicas } from './whole-product.ts'

export interface Conditions {
  readonly warmUpMs: number
  readonly windowMs: number
  /** What takes long before a window. */
  tell(progress: string): void
}

/** Null: the system does not tell. */
export interface Measures {
  /** That the reader has read. */
  readonly eventsPerSecond: number
  /** The mean of all replicas, with whatever else they did in the window. */
  readonly cpuMicrosPerEvent: number | null
  /** The mean of all replicas, at the end of the window. */
  readonly residentBytes: number | null
  readonly publishP50Ms: number
  /** Of all its cores, by whomever. Where it is far from what the same point had elsewhere, so is the rest. */
  readonly machineBusy: number
  /** To all subscribers, where there are several. */
  readonly bytesSentPerSecond?: number
}

export interface Series {
  readonly name: string
  readonly title: string
  readonly x: Axis
  readonly values: readonly number[]
  readonly quick: readonly number[]
  measure(x: number, conditions: Conditions): Promise<Measures>
}

/** No failure: this machine is too small for it. */
export class LeftOut extends Error {}

const EVENT_BYTES = 100
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
/** More than are ever measured, and than the replicas have by default. */
const TOPICS_MAX = 200_000
/** By this part of a window whoever looks at the replicas may be late; else what it saw is not of that window. */
const LATE_MAX = 0.2
/** Subscribers that are opened at a time. */
const OPENING = 200
/** A modest rate: at 10,000 subscribers it is 50,000 messages a second, all read by one process. */
const TO_SUBSCRIBERS_A_SECOND = 5
/** Windows so many times as long: events are few, and who reads for 10,000 comes late to look at the replicas. */
const TO_SUBSCRIBERS_WINDOWS = 2
const FILL_BYTES = 64 * 1024
/** The setting has no place for less, nor for more than 4 GiB. */
const LOG_LEAST = 2 ** 20
/** Of a replica's memory besides what it retains, and how much more than its bytes that takes. */
const REPLICA_BYTES = 300 * 2 ** 20
const RETAINED_TIMES = 1.3
/** For what comes before a window. */
const PREPARING_MS = 600_000
const TELL_EVERY_MS = 5000

const ONE_TOPIC: Spread = { topics: 1, inARow: 1, events: 'trades' }
const POWERS = (from: number, to: number, times: number): number[] => {
  const all: number[] = []
  for (let n = from; n <= to; n *= times) all.push(n)
  return all
}

export const SERIES: readonly Series[] = [
  {
    name: 'replicas',
    title: 'Events of 100 B over more replicas',
    x: { label: 'replicas' },
    values: [1, 2, 3, 5, 7],
    quick: [1, 3],
    measure: (count, conditions) =>
      withGroup({ roster: NAMES.slice(0, count) }, async (group) => {
        await putTopic(group.first, { schema: TRADE_SCHEMA }, topicOf(0))
        return measure(group, { eventBytes: EVENT_BYTES, spread: ONE_TOPIC }, conditions)
      }),
  },
  topics('topics', 'each to the next topic by turn', 1),
  topics('topics-in-rows', '100 in a row to a topic, then to the next', 100),
  {
    name: 'idle-subscribers',
    title: 'Events of 100 B beside subscribers of another topic',
    x: { label: 'idle subscribers', log: true },
    values: POWERS(1, 10_000, 10),
    quick: [1, 100],
    measure: (count, conditions) =>
      withGroup({}, async (group) => {
        await putTopic(group.first, { schema: TRADE_SCHEMA }, topicOf(0))
        await putTopic(group.first, {}, 'idle')
        return withSubscribers(group.urls, 'idle', count, conditions, () =>
          measure(group, { eventBytes: EVENT_BYTES, spread: ONE_TOPIC }, conditions),
        )
      }),
  },
  {
    name: 'subscribers',
    title: `${TO_SUBSCRIBERS_A_SECOND} events of 100 B a second to many subscribers`,
    x: { label: 'subscribers', log: true },
    values: POWERS(1, 10_000, 10),
    quick: [1, 100],
    measure: (count, conditions) =>
      withGroup({}, async (group) => {
        await putTopic(group.first, { schema: TRADE_SCHEMA }, topicOf(0))
        const rate = TO_SUBSCRIBERS_A_SECOND
        const longer = { ...conditions, windowMs: TO_SUBSCRIBERS_WINDOWS * conditions.windowMs }
        return withSubscribers(group.urls, topicOf(0), count, conditions, (subscribers) =>
          measure(group, { eventBytes: EVENT_BYTES, spread: ONE_TOPIC, rate, subscribers }, longer),
        )
      }),
  },
  {
    name: 'event-size',
    title: 'Larger events',
    x: { label: 'bytes of an event', log: true, tell: bytesReadable },
    values: POWERS(16, 256 * 1024, 4),
    quick: [64, 16 * 1024],
    measure: (eventBytes, conditions) =>
      withGroup({}, async (group) => {
        await putTopic(group.first, { schema: FILL_SCHEMA }, topicOf(0))
        return measure(group, { eventBytes, spread: { ...ONE_TOPIC, events: 'fills' } }, conditions)
      }),
  },
  {
    name: 'retained-log',
    title: 'Events of 100 B behind a full log',
    x: { label: 'bytes retained (retainedBytesMax)', log: true, tell: bytesReadable },
    values: [LOG_LEAST, 64 * 2 ** 20, 256 * 2 ** 20, 2 ** 30, 2 ** 31, 2 ** 32],
    quick: [LOG_LEAST, 64 * 2 ** 20],
    async measure(retained, conditions) {
      const needed = 3 * (REPLICA_BYTES + RETAINED_TIMES * retained)
      if (needed > freemem())
        throw new LeftOut(
          `three replicas would need some ${bytesReadable(needed)}, and ${bytesReadable(freemem())} are free`,
        )
      return await withGroup({ flags: ['--retained-bytes-max', String(retained)] }, async (group) => {
        await fill(group.first, retained, conditions)
        await putTopic(group.first, { schema: TRADE_SCHEMA }, topicOf(0))
        return await measure(group, { eventBytes: EVENT_BYTES, spread: ONE_TOPIC }, conditions)
      })
    },
  },
]

function topics(name: string, how: string, inARow: number): Series {
  return {
    name,
    title: `Events of 100 B over more topics, ${how}`,
    x: { label: 'topics', log: true },
    values: POWERS(1, 100_000, 10),
    quick: [1, 1000],
    measure: (count, conditions) =>
      withGroup({ flags: ['--topics-max', String(TOPICS_MAX)] }, async (group) => {
        await makeTopics(group.first, count, conditions)
        return measure(group, { eventBytes: EVENT_BYTES, spread: { ...ONE_TOPIC, topics: count, inARow } }, conditions)
      }),
  }
}

interface Running {
  readonly urls: readonly string[]
  readonly pids: readonly number[]
  readonly first: string
}

function withGroup<T>(options: ReplicasOptions, use: (group: Running) => Promise<T>): Promise<T> {
  return withReplicas((urls, _, pids) => use({ urls, pids, first: urls[0] as string }), options)
}

interface Load {
  readonly eventBytes: number
  readonly spread: Spread
  /** Events a second; none: as fast as they are acknowledged. */
  readonly rate?: number
  /** Of the topic that is published to. */
  readonly subscribers?: readonly Subscriber[]
}

async function measure(
  { urls, pids }: Running,
  { eventBytes, spread, rate, subscribers = [] }: Load,
  { warmUpMs, windowMs }: Conditions,
): Promise<Measures> {
  const rest = { group: 'growth', roster: [], eventBytes, packBytes: 0, spread, ...(rate !== undefined && { rate }) }
  const tasks: readonly Task[] = [
    { ...rest, name: 'publisher', work: 'publish', url: urls[0] as string },
    // At another replica, if there is one.
    { ...rest, name: 'reader', work: 'read', url: (urls[1] ?? urls[0]) as string },
  ]
  const meanwhile = (window: Window): Promise<Use> => useWithin(window, pids, subscribers)
  const { processes, used } = await inProcesses({ script: 'growth-process.ts', tasks, warmUpMs, windowMs, meanwhile })
  const [publisher, reader] = processes as [(typeof processes)[0], (typeof processes)[0]]
  if (reader.events === 0 || publisher.latencies.length === 0) throw new Error('no event came through in the window')
  return {
    eventsPerSecond: reader.events / reader.seconds,
    cpuMicrosPerEvent: orNull((1e6 * used.cpuSeconds) / reader.events),
    residentBytes: orNull(used.residentBytes),
    publishP50Ms: median(publisher.latencies),
    machineBusy: used.machineBusy,
    ...(subscribers.length > 0 && { bytesSentPerSecond: used.bytesSent / used.seconds }),
  }
}

interface Use {
  /** Means of the replicas. */
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly bytesSent: number
  readonly machineBusy: number
  readonly seconds: number
}

async function useWithin(window: Window, pids: readonly number[], subscribers: readonly Subscriber[]): Promise<Use> {
  const cpu = (): number => mean(pids.map(cpuSecondsOf))
  const bytes = (): number => subscribers.reduce((sum, subscriber) => sum + subscriber.bytes, 0)
  const whole = cpuUseWithin(window, [])
  await pause(Math.max(0, window.from - Date.now()))
  const before = { cpu: cpu(), bytes: bytes(), at: performance.now() }
  const lateMs = Date.now() - window.from
  await pause(Math.max(0, window.until - Date.now()))
  const seconds = (performance.now() - before.at) / 1000
  const cpuSeconds = cpu() - before.cpu
  if (!pids.every(isAlive)) throw new Error('a replica has ended before its time')
  const late = Math.max(lateMs, Date.now() - window.until)
  if (late > LATE_MAX * (window.until - window.from))
    throw new LeftOut(`this process, busy with reading, was ${late} ms late when it looked at the replicas`)
  return {
    cpuSeconds,
    residentBytes: mean(pids.map(residentBytesOf)),
    bytesSent: bytes() - before.bytes,
    machineBusy: (await whole).machine / cpus().length,
    seconds,
  }
}

/** Spread over the replicas by turn. */
async function withSubscribers<T>(
  urls: readonly string[],
  topic: string,
  count: number,
  { tell }: Conditions,
  use: (subscribers: readonly Subscriber[]) => Promise<T>,
): Promise<T> {
  const subscribers: Subscriber[] = []
  try {
    while (subscribers.length < count) {
      const opening = Array.from({ length: Math.min(OPENING, count - subscribers.length) }, (_, i) =>
        subscribeByStream(urls[(subscribers.length + i) % urls.length] as string, topic),
      )
      // Those that come after one has failed are to be closed as well.
      const opened = await soon(Promise.allSettled(opening), 'all subscribers are there')
      for (const one of opened) if (one.status === 'fulfilled') subscribers.push(one.value)
      const failed = opened.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      if (subscribers.length % 2000 === 0) tell(`${subscribers.length} subscribers`)
    }
    return await use(subscribers)
  } finally {
    for (const subscriber of subscribers) subscriber.close()
  }
}

/** By publishing once to each. */
async function makeTopics(url: string, count: number, { tell }: Conditions): Promise<void> {
  const event = new Fills(EVENT_BYTES)
  await publishAll(
    url,
    count,
    (client, i) => client.publish(topicOf(i), event.next()),
    (done) => tell(`${done} topics`),
  )
}

async function fill(url: string, bytes: number, { tell }: Conditions): Promise<void> {
  await putTopic(url, { retention: { events: 0, bytes: 0 } }, 'fill')
  const event = new Fills(FILL_BYTES)
  const count = Math.ceil(bytes / FILL_BYTES)
  const told = (done: number): void => tell(`${bytesReadable(done * FILL_BYTES)} of ${bytesReadable(bytes)} filled`)
  await publishAll(url, count, (client) => client.publish('fill', event.next()), told)
}

async function publishAll(
  url: string,
  count: number,
  publish: (client: Client, i: number) => Promise<unknown>,
  tell: (done: number) => void,
): Promise<void> {
  const client = connect({ replicas: url })
  const failed = new AbortController()
  const all = async (): Promise<void> => {
    let toldAt = performance.now()
    for (let i = 0; i < count; i++) {
      publish(client, i).catch((error) => failed.abort(error))
      await client.ready()
      failed.signal.throwIfAborted()
      if (performance.now() - toldAt < TELL_EVERY_MS) continue
      tell(i)
      toldAt = performance.now()
    }
    await client.flushed()
    failed.signal.throwIfAborted()
  }
  const aborted = new Promise<never>((_, reject) => {
    failed.signal.addEventListener('abort', () => reject(failed.signal.reason), { once: true })
  })
  try {
    await soon(Promise.race([all(), aborted]), `${count} events are published before the measurement`, 0, PREPARING_MS)
  } finally {
    // What is still under way is given up, and its errors are of no interest any more.
    client.close()
  }
}

export function bytesReadable(bytes: number): string {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes) / 10)))
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${['B', 'KiB', 'MiB', 'GiB'][power]}`
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function orNull(number: number): number | null {
  return Number.isFinite(number) ? number : null
}
