// `lockstep bench`: measures a running group from outside, and judges what it gave: on a topic of its own, which is
// gone afterwards however it ends.

import type { RecordableHistogram } from 'node:perf_hooks'
import { look } from '../attach.ts'
import {
  AnswerError,
  ask,
  forPeople,
  JSON_FLAG,
  ORDER_FLAG,
  orderOf,
  put,
  REPLICA_FLAG,
  readable,
  replicasOf,
  table,
} from '../client-flags.ts'
import { type Command, wholeNumber } from '../command.ts'
import { exitCode, INTERRUPTED, interruption } from '../interruption.ts'
import { note, Progress } from '../notes.ts'
import type { Findings } from './ledger.ts'
import { BENCH_SCHEMA, type BenchOptions, BenchRun } from './run.ts'

/** What of its events is kept: what others published must not be dropped for them. */
const RETENTION = { events: 200_000, bytes: 64 * 1024 * 1024 }

export const bench: Command = {
  name: 'bench',
  summary: 'measures a running group, and judges what it gives',
  about:
    'Publishes to a topic of its own and subscribes to it, at different replicas, and says how many events a second came ' +
    'through and how long they took, until they were acknowledged and until they were received. It checks that nothing was ' +
    'lost, came twice or out of order; that is worth something while replicas are killed. At an --order below safe the ' +
    'latency is that of showing an event, of those that are kept: what is taken back was not received. The topic is deleted afterwards. ' +
    'At full speed latencies are those of full queues; at a fixed --rate they count from when an event was due, ' +
    'so a pause of the group is seen in all that were due meanwhile. Clients of this kind all run in this one process: ' +
    'when it keeps a core busy, it is what limits.',
  examples: [
    'lockstep bench',
    'lockstep bench --rate 1000 --seconds 30',
    'lockstep bench --rate 1000 --order agreed',
    'lockstep bench --publishers 3 --subscribers 3 --bytes 1000 --typed | jq .received[0].latencyMs.p99',
  ],
  ownFlags: [
    { flag: 'publishers', argument: 'N', description: 'How many clients publish.', default: '1' },
    { flag: 'subscribers', argument: 'N', description: 'How many clients subscribe.', default: '1' },
    { flag: 'bytes', argument: 'N', description: "Bytes of an event's data, some 40 at least.", default: '100' },
    { flag: 'rate', argument: 'N', description: 'Events a second, of all publishers together. Default: full speed.' },
    { flag: 'seconds', argument: 'N', description: 'How long it publishes.', default: '10' },
    ORDER_FLAG,
    { flag: 'typed', argument: '', description: 'The topic has a JSON Schema that each event is checked by.' },
    REPLICA_FLAG,
    JSON_FLAG,
  ],
  exits: [
    [0, 'every event that was published came once and in order, to all subscribers'],
    [1, 'something was lost, came twice, out of order or too late, or was refused; or no replica answers'],
    INTERRUPTED,
  ],
  keys: [],
  async run(flags, environment) {
    const whole = (flag: string, byDefault: number, most: number): number =>
      wholeNumber(flags, flag, byDefault, 1, most)
    const given = {
      publishers: whole('publishers', 1, 1000),
      subscribers: whole('subscribers', 1, 1000),
      order: orderOf(flags),
      bytes: whole('bytes', 100, 1024 * 1024),
      eventsASecond: flags['rate'] === undefined ? undefined : whole('rate', 1, 10_000_000),
      seconds: whole('seconds', 10, 86_400),
    }
    const replicas = replicasOf(flags, environment)
    const signal = interruption()
    const urls = await answering(replicas)
    const topic = `bench.${crypto.randomUUID()}`
    const typed = flags['typed'] === true
    await put(replicas, `/v1/topics/${topic}`, { retention: RETENTION, ...(typed && { schema: BENCH_SCHEMA }) })
    let run: BenchRun | undefined
    try {
      run = new BenchRun({ ...given, topic, urls, signal })
      await runWithProgress(run, given.seconds)
    } finally {
      run?.close()
      await removeTopic([...new Set([...replicas, ...urls])], topic)
    }
    const report = reportOf(run, { ...given, topic, urls, signal }, typed)
    process.stdout.write(forPeople(flags) ? forReading(report) : `${JSON.stringify(report)}\n`)
    return report.ok ? exitCode(signal) : 1
  },
}

/** All replicas of the group that answer here; those that were named, if no other does. */
async function answering(named: readonly string[]): Promise<readonly string[]> {
  const { view } = await look(named)
  const urls = view.members.map(({ url }) => url).filter((url) => URL.canParse(url))
  const answers = await Promise.allSettled(urls.map((url) => look([url])))
  const found = urls.filter((_, i) => answers[i]?.status === 'fulfilled')
  return found.length === 0 ? named : found
}

async function runWithProgress(run: BenchRun, seconds: number): Promise<void> {
  const progress = new Progress(() => {
    const received = Math.min(...run.receiving.map(({ count }) => count))
    const time = `${Math.min(seconds, Math.floor(run.elapsedMs / 1000))} of ${seconds} s`
    const counts = `${readable(run.lateness.count)} sent, ${readable(run.acknowledging.count)} acknowledged`
    return `${time}: ${counts}, ${readable(received)} received by all`
  })
  try {
    await run.run()
  } finally {
    progress.end()
  }
}

async function removeTopic(urls: readonly string[], topic: string): Promise<void> {
  try {
    await ask(urls, `/v1/topics/${topic}`, { method: 'DELETE' })
  } catch (error) {
    if (error instanceof AnswerError && error.status === 404) return
    note(`\`lockstep topics ${topic} --delete\` is left to do: ${(error as Error).message}`)
  }
}

interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

interface Line {
  readonly events: number
  readonly perSecond: number
}

interface Received extends Line, Findings {
  readonly at: string
  readonly latencyMs: Latency | null
  /** Shown, and taken back; 0 at safe. */
  readonly takenBack: number
}

interface Report {
  readonly ok: boolean
  readonly topic: string
  readonly publishers: number
  readonly subscribers: number
  readonly order: BenchOptions['order']
  readonly bytes: number
  readonly typed: boolean
  /** Null: full speed. */
  readonly rate: number | null
  readonly seconds: number
  readonly sent: Line & { readonly lateMs: Latency | null; readonly unsent: number }
  readonly acknowledged: Line & { readonly latencyMs: Latency | null }
  readonly received: readonly Received[]
  /** Whether all subscribers were given the same events, and their places in the same order. */
  readonly sameOrder: boolean
  readonly gaps: number
  readonly errors: { readonly [code: string]: { readonly count: number; readonly message: string } }
  readonly brokenConnections: number
  /** Of one core, this process's. */
  readonly busy: number
}

function reportOf(run: BenchRun, options: BenchOptions, typed: boolean): Report {
  const { topic, publishers, subscribers, order, bytes, eventsASecond, signal } = options
  const seconds = run.elapsedMs / 1000
  const line = (events: number): Line => ({ events, perSecond: seconds > 0 ? Math.round(events / seconds) : 0 })
  const received = run.ledgers.map((ledger, i) => {
    const latency = run.receiving[i] as RecordableHistogram
    const at = run.subscriberClients[i]?.cluster?.replica ?? '?'
    const { takenBack } = ledger
    return { at, ...line(latency.count), latencyMs: latencyOf(latency), takenBack, ...ledger.findings() }
  })
  const sameOrder = run.ledgers.every((ledger) => ledger.agreesWith(run.ledgers[0] as typeof ledger))
  const faults = received.reduce((sum, one) => sum + faultsOf(one), 0)
  return {
    ok:
      faults === 0 &&
      sameOrder &&
      run.gaps === 0 &&
      run.errors.size === 0 &&
      (run.acknowledging.count > 0 || signal.aborted),
    topic,
    publishers,
    subscribers,
    order,
    bytes,
    typed,
    rate: eventsASecond ?? null,
    seconds: rounded(seconds),
    sent: { ...line(run.lateness.count), lateMs: eventsASecond ? latencyOf(run.lateness) : null, unsent: run.unsent },
    acknowledged: { ...line(run.acknowledging.count), latencyMs: latencyOf(run.acknowledging) },
    received,
    sameOrder,
    gaps: run.gaps,
    errors: Object.fromEntries(run.errors),
    brokenConnections: run.broken,
    busy: rounded(run.busy),
  }
}

function faultsOf({ lost, twice, outOfOrder, unsettled, refusedAndCame, strange }: Findings): number {
  return lost + twice + outOfOrder + unsettled + refusedAndCame + strange
}

function latencyOf(histogram: RecordableHistogram): Latency | null {
  if (histogram.count === 0) return null
  const ms = (us: number): number => rounded(us / 1000)
  return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function forReading(report: Report): string {
  const { sent, acknowledged, received, publishers, subscribers, order, bytes, typed, rate, seconds, busy } = report
  const row = (what: string, { events, perSecond }: Line, latency: Latency | null): (string | number)[] =>
    latency === null
      ? [what, events, perSecond, '-', '-', '-']
      : [what, events, perSecond, latency.p50, latency.p99, latency.max]
  const rows = [
    row(rate === null ? 'sent' : 'sent late by', sent, sent.lateMs),
    row('acknowledged', acknowledged, acknowledged.latencyMs),
    ...received.map((one) => row(`received at ${one.at}`, one, one.latencyMs)),
  ]
  const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
  const speed = rate === null ? 'at full speed' : `${readable(rate)} a second`
  const setting = `${several(publishers, 'publisher')}, ${several(subscribers, 'subscriber')} at ${order}, ${bytes} B${typed ? ', typed' : ''}`
  return [
    table(['', 'events', 'a second', 'p50 ms', 'p99 ms', 'max ms'], rows),
    '',
    `${setting}, ${speed}; ${readable(seconds)} s; this process kept ${busy} of a core busy`,
    ...troubles(report),
    '',
  ].join('\n')
}

function troubles({ ok, rate, sent, received, sameOrder, gaps, errors, brokenConnections }: Report): string[] {
  const lines: string[] = []
  if (rate !== null && sent.unsent > 0)
    lines.push(`The rate was too high: ${readable(sent.unsent)} events were due and not sent.`)
  if (brokenConnections > 0) lines.push(`Connections that broke: ${brokenConnections}.`)
  for (const [code, { count, message }] of Object.entries(errors))
    lines.push(`${code}, ${readable(count)} times: ${message}`)
  if (gaps > 0)
    lines.push(`Gaps: ${gaps}. A subscriber was too slow for what the topic keeps, or the topic was deleted.`)
  for (const [i, one] of received.entries()) {
    const { lost, twice, outOfOrder, unsettled, refusedAndCame, strange, takenBack } = one
    if (takenBack > 0) lines.push(`Subscriber ${i + 1}: ${readable(takenBack)} shown and taken back.`)
    if (faultsOf(one) === 0) continue
    lines.push(
      `Subscriber ${i + 1}: ${readable(lost)} lost, ${readable(twice)} twice, ${readable(outOfOrder)} out of order, ` +
        `${readable(unsettled)} neither kept nor taken back, ${readable(refusedAndCame)} refused and came, ${readable(strange)} published by somebody else.`,
    )
  }
  if (!sameOrder) lines.push('Subscribers were not given the same events in the same order.')
  if (ok) lines.push('Nothing was lost, came twice or out of order.')
  return lines
}
