// A long run at a steady rate: three replicas as people run them, a client at each that publishes and reads. Every few
// seconds the replicas' own metrics are read. Memory must come to rest once the log is as large as it may be, the garbage
// collector must not be felt, and nobody may be suspected: all live.

import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { within } from './arguments.ts'
import { TRADE_SCHEMA } from './json-events.ts'
import { describeMachine } from './machine.ts'
import { inThree, ROSTER } from './processes.ts'
import { mean, quantile, readable } from './statistics.ts'
import { putTopic, withReplicas } from './whole-product.ts'

const HELP = `node test/bench/soak.ts [options]

  --minutes N      how long (default 30, at most 600)
  --rate N         events a second of each of the three clients (default 40000); 0: as many as are taken
  --bytes N        size of an event (default 100)
  --retain MIB     how much of the log each replica keeps, in MiB (default 64): full within the first minute, or
                   memory grows for longer
  --json           print what was found as JSON instead of the table
  --help           this text

What was read every five seconds is written to build/soak.json. It judges nothing, but exits with 1 when an event is
missing or out of order.`

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))
const EVERY_MS = 5000
/** So many samples of each replica. */
const A_MINUTE: number = 60_000 / EVERY_MS
/** Not counted: the log fills, code is compiled. */
const SETTLE_MS = 60_000

const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '40000' },
    bytes: { type: 'string', default: '100' },
    retain: { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** What one replica said of itself. */
interface Sample {
  readonly second: number
  readonly replica: string
  readonly residentMib: number
  readonly view: number
  readonly suspicions: number
  /** Of all kinds, since its start: how many, and how many lasted 10 ms or less. */
  readonly pauses: number
  readonly shortPauses: number
}

async function soak(minutes: number, rate: number, eventBytes: number, retainMib: number): Promise<void> {
  const windowMs = minutes * 60_000 - SETTLE_MS
  const samples: Sample[] = []
  const done = await withReplicas(
    async (urls, server) => {
      await putTopic(urls[0] as string, { schema: TRADE_SCHEMA })
      const over = new AbortController()
      const sampling = sampleUntil(over.signal, urls, samples)
      try {
        const load = { script: 'client-process.ts', work: 'json', eventBytes, ...(rate > 0 && { rate }) } as const
        return await inThree({ ...load, warmUpMs: SETTLE_MS, windowMs }, urls, [server])
      } finally {
        over.abort()
        await sampling
      }
    },
    { flags: ['--retained-bytes-max', String(retainMib * 1024 * 1024)] },
  )
  const { processes, cpu } = done
  const settled = samples.filter(({ second }) => second * 1000 >= SETTLE_MS)
  const waits = processes.flatMap(({ latencies }) => latencies)
  const found = {
    minutes,
    events: Math.min(...processes.map(({ events }) => events)),
    'events/s': Math.min(...processes.map(({ events, seconds }) => events / seconds)),
    'acknowledgement p50 ms': quantile(waits, 0.5),
    'acknowledgement p99 ms': quantile(waits, 0.99),
    'left out': processes.reduce((sum, { counts }) => sum + (counts.leftOut ?? 0), 0),
    'machine cpu %': 100 * cpu.machine,
    replicas: ROSTER.map((replica) => summary(settled.filter((sample) => sample.replica === replica))),
  }
  mkdirSync(BUILD, { recursive: true })
  const machine = await describeMachine()
  const conditions = { minutes, rate, eventBytes, retainMib }
  writeFileSync(`${BUILD}soak.json`, `${JSON.stringify({ machine, conditions, found, samples })}\n`)
  if (args.json) console.log(JSON.stringify(found, undefined, 2))
  else tell(found)
}

interface Summary {
  readonly replica: string
  /** Means over the second and the last minute, and the most. */
  readonly firstMib: number
  readonly lastMib: number
  readonly mostMib: number
  readonly views: number
  readonly suspicions: number
  readonly pauses: number
  readonly shareOfPausesWithin10Ms: number
}

function summary(samples: readonly Sample[]): Summary {
  const mib = samples.map(({ residentMib }) => residentMib)
  const [first, last] = [samples[0], samples.at(-1)] as [Sample, Sample]
  const pauses = last.pauses - first.pauses
  return {
    replica: first.replica,
    firstMib: mean(mib.slice(0, A_MINUTE)),
    lastMib: mean(mib.slice(-A_MINUTE)),
    mostMib: Math.max(...mib),
    views: last.view - first.view,
    suspicions: last.suspicions,
    pauses,
    shareOfPausesWithin10Ms: (last.shortPauses - first.shortPauses) / pauses,
  }
}

async function sampleUntil(over: AbortSignal, urls: readonly string[], samples: Sample[]): Promise<void> {
  const began = performance.now()
  while (!over.aborted) {
    const second = (performance.now() - began) / 1000
    for (const [i, url] of urls.entries()) {
      const text = await (await fetch(`${url}/metrics`)).text()
      samples.push(sampleOf(text, second, ROSTER[i] as string))
    }
    const { residentMib } = samples.at(-1) as Sample
    process.stderr.write(`\r${readable(second)} s, ${readable(residentMib)} MiB resident at the last replica   `)
    await after(EVERY_MS, undefined, { signal: over }).catch(() => {})
  }
  process.stderr.write('\n')
}

function sampleOf(text: string, second: number, replica: string): Sample {
  /** All values of the metric whose labels hold this, added up. Before the first collection there are none of it. */
  const sum = (metric: string, label = ''): number => {
    const lines = text.split('\n').filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
    if (lines.length === 0 && !metric.startsWith('nodejs_gc_')) throw new Error(`the replica has no metric ${metric}`)
    return lines
      .filter((line) => line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  return {
    second,
    replica,
    residentMib: sum('process_resident_memory_bytes') / 2 ** 20,
    view: sum('lockstep_view_number'),
    suspicions: sum('lockstep_suspicions_total', 'outcome="raised"'),
    pauses: sum('nodejs_gc_duration_seconds_count'),
    shortPauses: sum('nodejs_gc_duration_seconds_bucket', 'le="0.01"'),
  }
}

function tell({
  replicas,
  ...whole
}: {
  readonly replicas: readonly Summary[]
  readonly [name: string]: unknown
}): void {
  for (const [name, value] of Object.entries(whole)) console.log(`${name.padEnd(24)} ${readable(value as number)}`)
  for (const one of replicas)
    console.log(
      `replica ${one.replica}: ${readable(one.firstMib)} MiB in the second minute, ${readable(one.lastMib)} in the last, ` +
        `${readable(one.mostMib)} at most; ${one.pauses} pauses of the collector, ` +
        `${(100 * one.shareOfPausesWithin10Ms).toFixed(2)} % of them within 10 ms; ` +
        `${one.suspicions} suspicions, ${one.views} changes of view`,
    )
}

if (args.help) console.log(HELP)
else
  await soak(
    within(args.minutes, '--minutes', 1.2, 600),
    within(args.rate, '--rate', 0, 1_000_000),
    within(args.bytes, '--bytes', 90, 100_000),
    within(args.retain, '--retain', 1, 2048),
  )
