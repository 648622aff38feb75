// What is measured: each workload gives a few named numbers a run. `README.md` beside this says what they mean.

import type { Flooded } from './http-flood.ts'
import { withCluster } from './jetstream.ts'
import { RETAINED_EVENTS, TRADE_SCHEMA, Trades } from './json-events.ts'
import { LEVELS, type Load, showAtAllLevels } from './levels.ts'
import { postFlood, postFloodToNothing, postSteadily } from './over-http.ts'
import { publishSteadily } from './over-stream.ts'
import { type CpuUse, inThree, type Trial, type TrialOptions, trial } from './processes.ts'
import { quantile } from './statistics.ts'
import { putTopic, withReplicas } from './whole-product.ts'

export interface Conditions {
  readonly warmUpMs: number
  readonly windowMs: number
  readonly profile?: string | undefined
}

/** Numbers by name with their unit, such as `events/s` or `p50 ms`. Ratios are made of these two kinds. */
export type Numbers = Readonly<Record<string, number>>

export interface Workload {
  readonly name: string
  readonly about: string
  /** What it belongs to, for `--only`: the group, the whole product, HTTP, latency, levels of order. */
  readonly letter?: 'G' | 'W' | 'H' | 'L' | 'O'
  /** The workloads that its ratios are against. */
  readonly against?: readonly string[]
  measure(conditions: Conditions): Promise<Numbers>
}

const PACK_BYTES = 64 * 1024

export const WORKLOADS: readonly Workload[] = [
  groupFlood('group-100', 100, ['raw-packed-100', 'raw-100']),
  rawFlood('raw-packed-100', 100, PACK_BYTES),
  rawFlood('raw-100', 100, 0),
  groupFlood('group-1k', 1024, ['raw-packed-1k', 'raw-1k']),
  rawFlood('raw-packed-1k', 1024, PACK_BYTES),
  rawFlood('raw-1k', 1024, 0),
  productFlood('product-100', 100, ['raw-json-100', 'jetstream-100']),
  rawJson('raw-json-100', 100),
  jetStream('jetstream-100', 100),
  productFlood('product-1k', 1024, ['raw-json-1k', 'jetstream-1k']),
  rawJson('raw-json-1k', 1024),
  jetStream('jetstream-1k', 1024),
  {
    name: 'safe-latency',
    about: 'group, 100 B, 500 events/s: submit to own safe delivery',
    letter: 'L',
    against: ['echo', 'echo-all'],
    async measure(conditions) {
      const { processes, cpu } = await run(conditions, 'group-process.ts', 'steady', 100)
      return latencies(
        processes.flatMap((one) => one.latencies),
        machineOf(cpu),
      )
    },
  },
  echo('echo', 'request to another process and its answer'),
  echo('echo-all', 'request to two other processes and the answers of both'),
  {
    name: 'stream-latency',
    about:
      'whole product, typed JSON events of 100 B, 500/s by stream to one replica: publish to acknowledgement, safe at all three',
    letter: 'L',
    against: ['echo', 'echo-all'],
    async measure({ warmUpMs, windowMs }) {
      const { latencies: waits, cpu } = await publishSteadily(100, warmUpMs, windowMs)
      return latencies(waits, machineOf(cpu))
    },
  },
  {
    name: 'http-latency',
    about: 'whole product, typed JSON events of 100 B, 500 POST/s to one replica: call to answer, safe at all three',
    letter: 'L',
    against: ['echo', 'echo-all'],
    async measure({ warmUpMs, windowMs }) {
      const posted = await postSteadily(trade(), TRADE_SCHEMA, warmUpMs, windowMs)
      return latencies(posted.latencies, { 'left out': posted.leftOut, ...machineOf(posted.cpu) })
    },
  },
  {
    name: 'http-flood',
    about: 'whole product, typed JSON events of 100 B, one a POST over 64 kept connections to one replica',
    letter: 'H',
    against: ['http-nothing'],
    measure: async ({ warmUpMs, windowMs }) => answers(await postFlood(trade(), TRADE_SCHEMA, warmUpMs, windowMs)),
  },
  {
    name: 'http-nothing',
    about: 'the same to the same HTTP server with nothing behind it',
    measure: async ({ warmUpMs, windowMs }) => answers(await postFloodToNothing(trade(), warmUpMs, windowMs)),
  },
  levels('levels-light', '500 events/s', { goes: 500, events: 1, eventBytes: 100 }),
  levels('levels-heavy', '10,000 events/s', { goes: 100, events: 100, eventBytes: 100 }),
  levels('levels-half', '500 events/s beside half of the peak', {
    goes: 500,
    events: 1,
    eventBytes: 100,
    besideHalfOfPeak: true,
  }),
]

function echo(name: 'echo' | 'echo-all', what: string): Workload {
  return {
    name,
    about: `raw NATS, 100 B, 500/s: ${what}`,
    async measure(conditions) {
      const { processes, cpu } = await run(conditions, 'raw-process.ts', name, 100)
      return latencies(processes[0]!.latencies, machineOf(cpu))
    },
  }
}

function levels(name: string, what: string, load: Load): Workload {
  return {
    name,
    letter: 'O',
    about: `whole product, streams, ${load.eventBytes} B, ${what}: publish at one replica to shown at another, by level`,
    async measure({ warmUpMs, windowMs }) {
      const { waits, acknowledged, takenBack, beside, cpu } = await showAtAllLevels(load, warmUpMs, windowMs)
      const numbers: Record<string, number> = {}
      for (const [what, of] of [
        ...LEVELS.map((level) => [level, waits[level]] as const),
        ['acknowledged', acknowledged] as const,
      ]) {
        numbers[`${what} p50 ms`] = quantile(of, 0.5)
        numbers[`${what} p99 ms`] = quantile(of, 0.99)
      }
      if (beside > 0) numbers['beside it events/s'] = beside
      return { ...numbers, events: acknowledged.length, 'taken back': takenBack, ...machineOf(cpu) }
    },
  }
}

function groupFlood(name: string, eventBytes: number, against: readonly string[]): Workload {
  return {
    name,
    letter: 'G',
    against,
    about: `group, ${eventBytes} B, one submit an event: safe at all three`,
    async measure(conditions) {
      const done = await run(conditions, 'group-process.ts', 'flood', eventBytes)
      const { processes } = done
      // What is safe at all is what is safe at the one that is furthest behind.
      const rate = Math.min(...processes.map(({ events, seconds }) => events / seconds))
      const waits = processes.flatMap((one) => one.latencies)
      const sum = (count: string): number => processes.reduce((total, { counts }) => total + (counts[count] ?? 0), 0)
      return {
        'events/s': rate,
        'p50 ms': quantile(waits, 0.5),
        'p99 ms': quantile(waits, 0.99),
        ...shares(done),
        'slots sent': sum('slots'),
        'headers sent': sum('headers'),
        'repairs asked': sum('repairsAsked'),
        'datagrams dropped': sum('fabricDropped'),
      }
    },
  }
}

function rawFlood(name: string, eventBytes: number, packBytes: number): Workload {
  const how = packBytes > 0 ? `packed into messages of ${packBytes / 1024} KiB` : 'one event a message'
  return {
    name,
    about: `raw NATS, ${eventBytes} B, ${how}: heard by both others`,
    async measure(conditions) {
      const done = await run(conditions, 'raw-process.ts', 'flood', eventBytes, packBytes)
      // Each event is heard by the two processes that did not publish it.
      const heard = done.processes.reduce((total, { events, seconds }) => total + events / seconds, 0)
      return { 'events/s': heard / (done.processes.length - 1), ...shares(done) }
    },
  }
}

function productFlood(name: string, eventBytes: number, against: readonly string[]): Workload {
  return {
    name,
    letter: 'W',
    against,
    about: `whole product, typed JSON events of ${eventBytes} B by stream: published at each replica, read at each, safe`,
    measure: (conditions) =>
      withReplicas(async (urls, server, pids) => {
        await putTopic(urls[0] as string, { schema: TRADE_SCHEMA, retention: { events: RETAINED_EVENTS } })
        const options = { ...conditions, script: 'client-process.ts', work: 'json', eventBytes } as const
        return read(await inThree(options, urls, [server], pids))
      }),
  }
}

function rawJson(name: string, eventBytes: number): Workload {
  return {
    name,
    about: `raw NATS, JSON of ${eventBytes} B, one event a message: written and read as by a program, heard by all three`,
    measure: async (conditions) => read(await run(conditions, 'raw-process.ts', 'json', eventBytes)),
  }
}

function jetStream(name: string, eventBytes: number): Workload {
  return {
    name,
    about: `JetStream R3 in memory over three servers, JSON of ${eventBytes} B, lean publishers: read by all three`,
    measure: (conditions) =>
      withCluster(async (servers) => {
        const options = { ...conditions, script: 'jetstream-process.ts', work: 'json', eventBytes } as const
        const urls = servers.map(({ url }) => url)
        return read(await inThree(options, urls, servers))
      }),
  }
}

function trade(): string {
  return JSON.stringify(new Trades(100).next())
}

function answers({ answers, seconds, latencies }: Flooded): Numbers {
  return { 'events/s': answers / seconds, 'p50 ms': quantile(latencies, 0.5), 'p99 ms': quantile(latencies, 0.99) }
}

/** What the one that is furthest behind has read. */
function read(done: Trial): Numbers {
  const { processes } = done
  const waits = processes.flatMap((one) => one.latencies)
  return {
    'events/s': Math.min(...processes.map(({ events, seconds }) => events / seconds)),
    ...(waits.length > 0 && { 'p50 ms': quantile(waits, 0.5), 'p99 ms': quantile(waits, 0.99) }),
    ...shares(done),
  }
}

function run(
  conditions: Conditions,
  script: TrialOptions['script'],
  work: TrialOptions['work'],
  eventBytes: number,
  packBytes = 0,
): Promise<Trial> {
  return trial({ ...conditions, script, work, eventBytes, packBytes })
}

function shares({ processes, cpu }: Trial): Numbers {
  const busy = processes.reduce((sum, { cpuShare }) => sum + cpuShare, 0) / processes.length
  return { 'process cpu %': 100 * busy, ...machineOf(cpu) }
}

function machineOf({ server, replicas, machine }: CpuUse): Numbers {
  return {
    'server cpu %': 100 * server,
    ...(replicas !== undefined && { 'replicas cpu %': 100 * replicas }),
    'machine cpu %': 100 * machine,
  }
}

function latencies(waits: readonly number[], more: Numbers): Numbers {
  return { 'p50 ms': quantile(waits, 0.5), 'p99 ms': quantile(waits, 0.99), events: waits.length, ...more }
}
