// The main job, from beginning to end, on real data: three replicas over a real nats-server; flights and stock prices
// published as typed events by several publishers to all of them; a subscriber at each; one replica is killed in the
// middle and started again. At the end a table shows that nothing was lost, came twice or in another order.
//
//   node clients/examples/flights-and-stocks.ts --help

import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { command } from './command.ts'
import { Ledger } from './ledger.ts'
import { Publisher } from './publisher.ts'
import { eventsOfPublishers, type NewEvent, TOPICS } from './records.ts'
import { ReplicaProcess, startNats } from './replicas.ts'
import { Subscriber, type View } from './subscriber.ts'
import { judge, renderTable } from './table.ts'

const NAMES = ['a', 'b', 'c']
/** The last event of all. There is one order, so who has read it has read everything. */
const END_TOPIC = 'example.end'
const PATTERNS = ['flights.*', 'stocks.*', END_TOPIC]
const BATCH_EVENTS = 8

const HELP = `Usage: node clients/examples/flights-and-stocks.ts [FLAGS]

Publishes flights and stock prices to three replicas, kills one of them in the middle, starts it again,
and shows what subscribers at each were given. Exits with 0 when all of it arrived once and in one order.

  --events N    how many events are published. Default: 2560, all the data; more: the data again.
  --seconds N   how long publishing is spread over. Default: 8.
  --kill NAME   the replica to be killed: ${NAMES.join(', ')}. Default: the coordinator.
  --nats URL    a NATS server that runs already. Default: one is started, on a free port.
  --timeout N   seconds after which it is given up. Default: 60.
`

interface Options {
  readonly events: number
  readonly seconds: number
  readonly kill: string | undefined
  readonly nats: string | undefined
  readonly timeout: number
}

/** Undefined: help was asked for. Throws a sentence when it was called wrongly. */
function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { events: text, seconds: text, kill: text, nats: text, timeout: text, help: { type: 'boolean' } },
  })
  if (values.help) return undefined
  const number = (name: 'events' | 'seconds' | 'timeout', byDefault: number, most: number): number => {
    const given = values[name]
    if (given === undefined) return byDefault
    if (/^\d{1,7}$/.test(given) && Number(given) >= 1 && Number(given) <= most) return Number(given)
    throw new Error(`--${name} takes a whole number from 1 to ${most}, and was given "${given}"`)
  }
  if (values.kill !== undefined && !NAMES.includes(values.kill)) {
    throw new Error(`--kill takes one of ${NAMES.join(', ')}, and was given "${values.kill}"`)
  }
  return {
    events: number('events', 2560, 1_000_000),
    seconds: number('seconds', 8, 3600),
    kill: values.kill,
    nats: values.nats,
    timeout: number('timeout', 60, 7200),
  }
}

const startedAt = performance.now()

function say(text: string): void {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}

/** Whether all went well and was carried through in time. Rejects when there is no NATS server to be had. */
async function run(options: Options, interrupted: AbortSignal): Promise<boolean> {
  const stopped = new AbortController()
  const late = new Error(`not done after ${options.timeout} s (--timeout)`)
  setTimeout(() => stopped.abort(late), options.timeout * 1000).unref()
  const signal = AbortSignal.any([stopped.signal, interrupted])
  const nats = options.nats === undefined ? await startNats(signal) : undefined
  const url = options.nats ?? nats!.url
  // A group of its own: on a NATS server that is used by others it must not meet theirs.
  const group = { nats: url, group: `example-${process.pid}-${Date.now()}`, roster: NAMES }
  const replicas = NAMES.map((name) => new ReplicaProcess(name, group, (error) => stopped.abort(error)))
  const ledger = new Ledger()
  const subscribers: Subscriber[] = []
  const readings: Promise<void>[] = []
  try {
    say(`NATS at ${url}; starting replicas ${NAMES.join(', ')}`)
    await Promise.all(replicas.map((replica) => replica.start(signal)))
    for (const { name, url, pid } of replicas) say(`replica ${name} is ready at ${url}, process ${pid}`)
    const urls = replicas.map((replica) => replica.url)

    for (const [topic, schema] of [...TOPICS, [END_TOPIC, {}] as const]) await createTopic(urls[0]!, topic, schema)
    say(`${TOPICS.size} topics, each with a schema: ${[...TOPICS.keys()].join(', ')}`)

    const subscribe = async (name: string, at: readonly string[]): Promise<Subscriber> => {
      const subscriber = new Subscriber(name, PATTERNS, at, showView)
      subscribers.push(subscriber)
      const reading = subscriber.read(signal)
      // It ends only by an error; whoever waits for anything is told at once.
      reading.catch((error: unknown) => stopped.abort(error))
      readings.push(reading)
      await subscriber.open(signal)
      return subscriber
    }
    await Promise.all(NAMES.map((name, index) => subscribe(`at ${name}`, rotated(urls, index))))

    const publishing = publishAll(options, urls, ledger, signal)
    publishing.catch((error: unknown) => stopped.abort(error))
    const progress = setInterval(() => sayProgress(ledger, subscribers), 1000)
    signal.addEventListener('abort', () => clearInterval(progress))

    await ledger.reached(Math.floor(options.events / 3), signal)
    const victim = await chooseVictim(replicas, options.kill)
    say(`killing ${victim.name}, process ${victim.pid}, with SIGKILL`)
    await victim.kill()
    const survivor = subscribers[(replicas.indexOf(victim) + 1) % replicas.length]!
    await survivor.changes.until(() => survivor.views.some(({ failed }) => failed.includes(victim.name)), signal)
    say(`starting ${victim.name} again`)
    await victim.start(signal)
    say(`replica ${victim.name} is ready again, process ${victim.pid}`)

    // What it has must be what the others have, from the very first event.
    await subscribe(`at ${victim.name}, started again`, [victim.url])
    await publishing
    clearInterval(progress)
    await publishEnd(urls, ledger, signal)
    await Promise.all(subscribers.map((subscriber) => subscriber.reached(END_TOPIC, signal)))
    sayProgress(ledger, subscribers)
  } catch (error) {
    const { cause = error } = error as Error
    say(`given up: ${(cause as Error).message}`)
    stopped.abort(error)
  }

  const failed = signal.aborted
  stopped.abort(new Error('done'))
  await Promise.allSettled(readings)
  await Promise.all(replicas.map((replica) => replica.stop()))
  await nats?.stop()
  if (subscribers.length === 0) return false
  const verdict = judge(ledger, subscribers)
  console.log(`\n${renderTable(verdict, ledger)}\n`)
  const good = verdict.faults === 0 && !failed
  console.log(
    good
      ? 'All delivered, once, in one order.'
      : `NOT as it should be: ${failed ? 'not carried through, ' : ''}${verdict.faults} faults.`,
  )
  return good
}

async function createTopic(url: string, topic: string, schema: object): Promise<void> {
  const response = await fetch(`${url}/v1/topics/${topic}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ schema }),
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new Error(`${topic}: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}

/** All publishers at once, each at its own pace: its requests are spread evenly over the time. */
async function publishAll(
  options: Options,
  urls: readonly string[],
  ledger: Ledger,
  signal: AbortSignal,
): Promise<void> {
  const sources = [...eventsOfPublishers(options.events)]
  await Promise.all(
    sources.map(async ([id, events], index) => {
      const publisher = new Publisher(id, rotated(urls, index))
      const requests = batches(events)
      const beganAt = performance.now()
      let sequence = 1
      for (const [i, request] of requests.entries()) {
        const wait = beganAt + (i * options.seconds * 1000) / requests.length - performance.now()
        if (wait > 0) await pause(wait, undefined, { signal })
        await publishBatch(publisher, sequence, request, ledger, signal)
        sequence += request.length
      }
    }),
  )
}

async function publishEnd(urls: readonly string[], ledger: Ledger, signal: AbortSignal): Promise<void> {
  const end: NewEvent = { topic: END_TOPIC, type: 'example.ended', time: new Date().toISOString(), data: {} }
  await publishBatch(new Publisher('example', urls), 1, [end], ledger, signal)
}

async function publishBatch(
  publisher: Publisher,
  sequence: number,
  events: readonly NewEvent[],
  ledger: Ledger,
  signal: AbortSignal,
): Promise<void> {
  const { topic } = events[0]!
  const ids = events.map((_, index) => publisher.eventId(sequence + index))
  events.forEach(({ data }, index) => {
    const entry = { topic, publisher: publisher.id, sequence: sequence + index, data: JSON.stringify(data) }
    ledger.publish(ids[index]!, entry)
  })
  ledger.acknowledge(ids, await publisher.publish(topic, events, signal))
}

/** Neighbours of the same topic go together: a request has one topic. */
function batches(events: readonly NewEvent[]): NewEvent[][] {
  const all: NewEvent[][] = []
  for (const event of events) {
    const last = all.at(-1)
    if (last !== undefined && last[0]!.topic === event.topic && last.length < BATCH_EVENTS) last.push(event)
    else all.push([event])
  }
  return all
}

async function chooseVictim(replicas: readonly ReplicaProcess[], name: string | undefined): Promise<ReplicaProcess> {
  const response = await fetch(`${replicas[0]!.url}/v1/cluster`)
  const { view } = (await response.json()) as { view: { members: { name: string; rank: number }[] } }
  const chosen = name ?? view.members.find(({ rank }) => rank === 0)!.name
  return replicas.find((replica) => replica.name === chosen)!
}

/** The list with another one first: who uses which replica by preference. */
const rotated = <T>(list: readonly T[], by: number): T[] => list.map((_, index) => list[(index + by) % list.length]!)

let viewShown = 0

/** Each view once, when the first subscriber is told of it. */
function showView({ number, members, joined, left, failed }: View): void {
  if (number <= viewShown) return
  viewShown = number
  const told = { joined, left, failed }
  const why = Object.entries(told).flatMap(([what, names]) => names.map((name) => `${name} ${what}`))
  say(`view ${number}: ${members.map(({ name }) => name).join(' ')} (${why.join(', ')})`)
}

function sayProgress({ published, acknowledged }: Ledger, subscribers: readonly Subscriber[]): void {
  const delivered = subscribers.map(({ name, events }) => `${events.length} ${name}`).join(', ')
  say(`published ${published.size}, acknowledged ${acknowledged}, delivered ${delivered}`)
}

process.exitCode = await command(HELP, readOptions, async (options) => {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => interrupted.abort(new Error(`told to stop by ${name}`)))
  }
  return (await run(options, interrupted.signal)) ? 0 : 1
})
