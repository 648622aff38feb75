// What it costs to be watched: three replicas as people run them, with many topics, subscriptions and publishers. Told are
// how long one scrape takes and what it costs the replica, and how many events a second come through while each replica is
// scraped every second and while none is, by turns in one run.

import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { within } from './arguments.ts'
import { TRADE_SCHEMA } from './json-events.ts'
import { describeMachine } from './machine.ts'
import { inThree } from './processes.ts'
import { median, quantile, readable } from './statistics.ts'
import { type Subscriber, subscribeByStream } from './stream-subscriber.ts'
import { cpuSecondsOf } from './usage.ts'
import { putTopic, withReplicas } from './whole-product.ts'

const HELP = `node test/bench/scrapes.ts [options]

  --rounds N       each a window with scrapes and one without (default 5)
  --seconds N      of each window (default 5)
  --topics N       published to at the first replica (default 100)
  --subscribers N  idle ones at the first replica, a stream each (default 1000)
  --publishers N   whose numbers the group remembers (default 10000)
  --help           this text`

const SCRAPES = 200
const EVERY_MS = 1000
const WARM_UP_MS = 2000
/** Requests, or streams that are opened, at a time. */
const AT_A_TIME = 50

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    topics: { type: 'string', default: '100' },
    subscribers: { type: 'string', default: '1000' },
    publishers: { type: 'string', default: '10000' },
    help: { type: 'boolean', default: false },
  },
})

async function measure(): Promise<void> {
  const rounds = within(args.rounds, '--rounds', 1, 100)
  const windowMs = 1000 * within(args.seconds, '--seconds', 1, 60)
  console.log(JSON.stringify(await describeMachine()))
  await withReplicas(async (urls, server, pids) => {
    const [url] = urls as [string, ...string[]]
    const subscribers = await fill(url)
    await tellScrapes(url, pids[0]!, 'text/plain')
    await tellScrapes(url, pids[0]!, 'application/openmetrics-text')

    await putTopic(url, { schema: TRADE_SCHEMA })
    const load = { script: 'client-process.ts', work: 'json', eventBytes: 100, warmUpMs: WARM_UP_MS, windowMs } as const
    const rates: Record<'scraped' | 'not', number[]> = { scraped: [], not: [] }
    for (let round = 1; round <= rounds; round++) {
      // Whoever is first in one round is second in the next.
      for (const how of round % 2 === 0 ? (['scraped', 'not'] as const) : (['not', 'scraped'] as const)) {
        const stop = how === 'scraped' ? scrapeEverySecond(urls) : async (): Promise<number> => 0
        const { processes } = await inThree(load, urls, [server])
        const times = await stop()
        rates[how].push(Math.min(...processes.map(({ events, seconds }) => events / seconds)))
        console.log(`round ${round}, ${how}: ${readable(rates[how].at(-1)!)} events/s, ${times} scrapes`)
      }
    }
    for (const [how, all] of Object.entries(rates)) console.log(`${how}: events/s, ${spread(all)}`)
    console.log(`scraped beside not, by rounds: ${spread(rates.scraped.map((rate, i) => rate / rates.not[i]!))}`)
    for (const subscriber of subscribers) subscriber.close()
  })
}

function spread(numbers: readonly number[]): string {
  const [middle, least, most] = [median(numbers), Math.min(...numbers), Math.max(...numbers)].map(readable)
  return `median ${middle}, ${least} to ${most}`
}

async function fill(url: string): Promise<Subscriber[]> {
  const topics = within(args.topics, '--topics', 1, 10_000)
  await inTurns(within(args.publishers, '--publishers', 1, 1_000_000), (i) =>
    post(`${url}/v1/topics/scrapes.t${i % topics}/events`, { 'Lockstep-Publisher': `p${i}`, 'Lockstep-Sequence': '0' }),
  )
  const subscribers: Subscriber[] = []
  await inTurns(within(args.subscribers, '--subscribers', 0, 18_000), async () => {
    subscribers.push(await subscribeByStream(url, 'scrapes.t0'))
  })
  return subscribers
}

async function post(url: string, headers: Record<string, string>): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: '1',
  })
  if (!answer.ok) throw new Error(`not published: ${await answer.text()}`)
  await answer.arrayBuffer()
}

async function inTurns(count: number, act: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, one))
}

async function scrape(url: string, accept: string): Promise<number> {
  const answer = await fetch(`${url}/metrics`, { headers: { accept } })
  if (!answer.ok) throw new Error(`not scraped: ${answer.status}`)
  return (await answer.arrayBuffer()).byteLength
}

async function tellScrapes(url: string, pid: number, accept: string): Promise<void> {
  for (let i = 0; i < 50; i++) await scrape(url, accept)
  const idleFrom = cpuSecondsOf(pid)
  const idleMs = 2000
  await after(idleMs)
  const idle = (cpuSecondsOf(pid) - idleFrom) / idleMs
  const times: number[] = []
  let bytes = 0
  const began = performance.now()
  const from = cpuSecondsOf(pid)
  for (let i = 0; i < SCRAPES; i++) {
    const at = performance.now()
    bytes = await scrape(url, accept)
    times.push(performance.now() - at)
  }
  const cpuMs = (1000 * (cpuSecondsOf(pid) - from - idle * (performance.now() - began))) / SCRAPES
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)].map(readable)
  console.log(
    `one scrape as ${accept}: p50 ${p50} ms, p99 ${p99} ms, ${readable(cpuMs)} ms of the replica's processor, ${readable(bytes / 1024)} KiB`,
  )
}

/** Of all of them; gives how to stop, which says how often it was. */
function scrapeEverySecond(urls: readonly string[]): () => Promise<number> {
  let times = 0
  let failed: unknown
  const timer = setInterval(() => {
    for (const url of urls)
      scrape(url, 'application/openmetrics-text').then(
        () => times++,
        (error: unknown) => {
          failed = error
        },
      )
  }, EVERY_MS)
  return async () => {
    clearInterval(timer)
    if (failed !== undefined) throw failed
    return times
  }
}

if (args.help) console.log(HELP)
else await measure()
