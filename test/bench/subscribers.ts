// What very many subscribers cost a replica: three replicas as people run them, and thousands of idle subscribers at the
// first of them, by server-sent events or by streams. Told are the memory of each, and how long an event takes to reach
// all of them; then a tenth of them stop reading, and the same is told of the others.

import { connect as connectTcp } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ReplicaProcess, startNats } from '../../clients/examples/replicas.ts'
import { wholeWithin } from './arguments.ts'
import { quantile, readable } from './statistics.ts'
import { type Subscriber, subscribeByStream } from './stream-subscriber.ts'
import { residentBytesOf } from './usage.ts'

const HELP = `node test/bench/subscribers.ts [options]

  --subscribers N  at one replica (default 10000, at most 18000)
  --by sse|stream  how they subscribe (default sse)
  --events N       how many events are published in each part (default 20, at most 1000)
  --bytes N        of each event's data, about (default 100, at most 10000)
  --help           this text

The clients are this process, on the same machine, and their reading counts in the times. It exits with 1 when an event
does not reach somebody who reads.`

const PATIENCE_MS = 60_000
/** Connections that are opened at a time. */
const OPENING = 200
const EVERY_MS = 500
const SOON_MS = 5000
/** Two heartbeats of server-sent events. */
const SETTLED_MS = 40_000

const { values: args } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '10000' },
    by: { type: 'string', default: 'sse' },
    events: { type: 'string', default: '20' },
    bytes: { type: 'string', default: '100' },
    help: { type: 'boolean', default: false },
  },
})

async function measure(count: number, subscribe: (url: string) => Promise<Subscriber>): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, AbortSignal.timeout(PATIENCE_MS)])
  const nats = await startNats(signal)
  const group = { nats: nats.url, group: `subscribers-${process.pid}`, roster: ['a', 'b', 'c'] }
  const replicas = group.roster.map((name) => new ReplicaProcess(name, group, (error) => failed.abort(error)))
  const subscribers: Subscriber[] = []
  try {
    await Promise.all(replicas.map((replica) => replica.start(signal)))
    const [replica, other] = replicas as [ReplicaProcess, ReplicaProcess]
    const headers = { 'Content-Type': 'application/json' }
    await fetch(`${replica.url}/v1/topics/news`, { method: 'PUT', body: '{}', headers })
    // What the first ones need is needed once.
    for (let i = 0; i < 100; i++) subscribers.push(await subscribe(replica.url))
    for (const subscriber of subscribers.splice(0)) subscriber.close()
    await after(2000)
    const before = residentBytes(replica)
    while (subscribers.length < count) {
      const some = Array.from({ length: Math.min(OPENING, count - subscribers.length) }, () => subscribe(replica.url))
      subscribers.push(...(await Promise.all(some)))
      if (subscribers.length % 2000 === 0) process.stderr.write(`${subscribers.length} subscribers\n`)
    }
    const each = (): string => readable((residentBytes(replica) - before) / count / 1024)
    await after(SOON_MS)
    const soon = each()
    process.stderr.write(`${SETTLED_MS / 1000} s until the garbage of their coming is collected\n`)
    await after(SETTLED_MS)
    console.log(`${count} idle subscribers: ${each()} KiB of resident memory each, ${soon} KiB when they had just come`)

    const publish = (): Promise<unknown> =>
      fetch(`${other.url}/v1/topics/news/events`, {
        method: 'POST',
        headers,
        body: JSON.stringify('x'.repeat(number('bytes', 10_000))),
      })
    const events = number('events', 1000)
    tell('all of them read', await reach(subscribers, events, publish))
    const stalled = subscribers.filter((_, i) => i % 10 === 0)
    for (const subscriber of stalled) subscriber.pause()
    const readers = subscribers.filter((_, i) => i % 10 !== 0)
    tell('a tenth does not read, the others', await reach(readers, events, publish))
    console.log(
      `resident memory of the replica: ${readable(before / 2 ** 20)} MiB before, ${readable(residentBytes(replica) / 2 ** 20)} MiB at the end`,
    )
  } finally {
    for (const subscriber of subscribers) subscriber.close()
    await Promise.all(replicas.map((replica) => replica.kill()))
    await nats.stop()
  }
}

/** Of each event, how long it took from the call to publish it until it had reached all of them. */
async function reach(
  readers: readonly Subscriber[],
  events: number,
  publish: () => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < events; i++) {
    const target = readers.map(({ received }) => received + 1)
    const began = performance.now()
    await publish()
    while (!readers.every(({ received }, at) => received >= (target[at] as number))) {
      if (performance.now() - began > PATIENCE_MS) {
        const missing = readers.filter(({ received }, at) => received < (target[at] as number)).length
        throw new Error(`an event has not reached ${missing} of ${readers.length} within ${PATIENCE_MS / 1000} s`)
      }
      await after(2)
    }
    times.push(performance.now() - began)
    await after(EVERY_MS)
  }
  return times
}

function tell(who: string, times: readonly number[]): void {
  const [p50, most] = [quantile(times, 0.5), Math.max(...times)].map(readable)
  console.log(`${who}: each of ${times.length} events reached all, p50 ${p50} ms, longest ${most} ms`)
}

async function bySse(url: string): Promise<Subscriber> {
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  const subscriber = { received: 0, bytes: 0, pause: () => socket.pause(), close: () => socket.destroy() }
  let tail = ''
  let opened = (): void => {}
  const open = new Promise<void>((resolve, reject) => {
    opened = resolve
    socket.once('error', reject)
  })
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    const text = tail + chunk
    if (text.includes(': lockstep')) opened()
    subscriber.received += text.split(EVENT_LINE).length - 1
    tail = text.endsWith(EVENT_LINE) ? '' : text.slice(-EVENT_LINE.length + 1)
  })
  socket.write(`GET /v1/events?topics=news HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
  await open
  return subscriber
}

const EVENT_LINE = '\nevent: event\n'

function residentBytes({ pid }: ReplicaProcess): number {
  const bytes = residentBytesOf(pid as number)
  if (Number.isNaN(bytes)) throw new Error('the memory of a process is read from /proc, as Linux has it')
  return bytes
}

function number(flag: 'subscribers' | 'events' | 'bytes', most: number): number {
  return wholeWithin(args[flag], `--${flag}`, 1, most)
}

if (args.help) console.log(HELP)
else if (args.by !== 'sse' && args.by !== 'stream') throw new Error(`--by takes sse or stream, not ${args.by}`)
else await measure(number('subscribers', 18_000), args.by === 'sse' ? bySse : (url) => subscribeByStream(url, 'news'))
