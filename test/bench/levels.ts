// What less order gains: a client publishes at one replica, another one subscribes at a second, once at each level. Both
// are this process, so one clock measures from the call to publish an event to when it is shown.

import { WebSocket } from 'ws'
import { connect } from '../../clients/src/index.ts'
import { TRADE_SCHEMA } from './json-events.ts'
import { type CpuUse, cpuUseWithin, inThree, type Server, soon } from './processes.ts'
import { atRate } from './steady.ts'
import { putTopic, withReplicas } from './whole-product.ts'

export const LEVELS = ['fifo', 'causal', 'agreed', 'safe'] as const
type Level = (typeof LEVELS)[number]

export interface Load {
  /** Calls a second, on a fixed schedule. */
  readonly goes: number
  /** Events in one go. */
  readonly events: number
  readonly eventBytes: number
  /** Three programs publish typed events meanwhile, and read them all: at half the rate that they have come to before. */
  readonly besideHalfOfPeak?: boolean
}

export interface Shown {
  /** From the call to when it was shown, in milliseconds. */
  readonly waits: Readonly<Record<Level, readonly number[]>>
  /** From the call to its acknowledgement. */
  readonly acknowledged: readonly number[]
  readonly takenBack: number
  /** Events a second that were published and read meanwhile by others. */
  readonly beside: number
  readonly cpu: CpuUse
}

interface Timed {
  readonly at: number
  readonly fill: string
}

const TOPIC = 'levels'
const PATIENCE_MS = 20_000
/** Of an event's data besides the filling. */
const FRAME_BYTES = 40

export function showAtAllLevels(load: Load, warmUpMs: number, windowMs: number): Promise<Shown> {
  return withReplicas(async (urls, server) => {
    if (!load.besideHalfOfPeak) return { ...(await showAll(load, urls, server, warmUpMs, windowMs)), beside: 0 }
    await putTopic(urls[0] as string, { schema: TRADE_SCHEMA })
    const peak = await others(load, urls, server, warmUpMs, windowMs)
    const half = { ...load, rate: peak / 2 / urls.length }
    const beside = others(half, urls, server, warmUpMs, windowMs)
    beside.catch(() => {}) // Waited for below.
    return { ...(await showAll(load, urls, server, warmUpMs, windowMs)), beside: await beside }
  })
}

/** What each of three programs publishes, all read; events a second. */
async function others(
  { eventBytes, rate }: Load & { rate?: number },
  urls: readonly string[],
  server: Server,
  warmUpMs: number,
  windowMs: number,
): Promise<number> {
  const load = { script: 'client-process.ts', work: 'json', eventBytes, ...(rate !== undefined && { rate }) } as const
  const { processes } = await inThree({ ...load, warmUpMs, windowMs }, urls, [server])
  return Math.min(...processes.map(({ events, seconds }) => events / seconds))
}

async function showAll(
  load: Load,
  [first, second]: readonly string[],
  server: Server,
  warmUpMs: number,
  windowMs: number,
): Promise<Omit<Shown, 'beside'>> {
  const clients = [first, second].map((url) => connect({ replicas: url as string, WebSocket }))
  const [publisher, subscriber] = clients as [(typeof clients)[0], (typeof clients)[0]]
  try {
    await soon(publisher.publish(TOPIC, { at: 0, fill: '' }), 'the topic is there')
    const began = performance.now()
    const from = began + warmUpMs
    const counts = (at: number): boolean => at >= from
    const waits: Record<Level, number[]> = { fifo: [], causal: [], agreed: [], safe: [] }
    let takenBack = 0
    for (const order of LEVELS) {
      const items = subscriber.topic<Timed>(TOPIC).subscribe({ from: 'start', order })
      void (async () => {
        for await (const item of items) {
          if (item.kind === 'retract') takenBack++
          else if (item.kind === 'event' && counts(item.data.at)) waits[order].push(performance.now() - item.data.at)
        }
      })()
    }
    const acknowledged: number[] = []
    const fill = 'x'.repeat(Math.max(0, load.eventBytes - FRAME_BYTES))
    const window = { from: Date.now() + warmUpMs, until: Date.now() + warmUpMs + windowMs }
    let sent = 0
    const publishing = atRate(load.goes, Date.now(), window.until, () => {
      const at = performance.now()
      for (let i = 0; i < load.events; i++) {
        if (counts(at)) sent++
        publisher.publish(TOPIC, { at, fill }).then(
          () => counts(at) && acknowledged.push(performance.now() - at),
          () => {}, // The run has failed, and says why.
        )
      }
    })
    const cpu = await cpuUseWithin(window, [server])
    await publishing
    const all = (): boolean => LEVELS.every((level) => waits[level].length >= sent)
    for (const until = Date.now() + PATIENCE_MS; !all(); await new Promise((resolve) => setTimeout(resolve, 10)))
      if (Date.now() > until) throw new Error(`not all of ${sent} events were shown at all levels`)
    await soon(publisher.flushed(), 'every event is acknowledged')
    return { waits, acknowledged, takenBack, cpu }
  } finally {
    for (const client of clients) client.close()
  }
}
