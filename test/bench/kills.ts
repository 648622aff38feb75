// How long a client waits when a replica is killed: three replicas as people run them, one client that publishes and
// subscribes at one of them, and many times a SIGKILL for whichever it is attached to, or for each rank in turn. It waits for an
// event and an acknowledgement out of a view without the one killed. At the end nothing may be missing, or be there twice.

import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ReplicaProcess, startNats } from '../../clients/examples/replicas.ts'
import { type Client, type Cluster, connect, type Member } from '../../clients/src/index.ts'
import { wholeWithin } from './arguments.ts'
import { describeMachine } from './machine.ts'
import { quantile, readable } from './statistics.ts'
import { atRate } from './steady.ts'

const HELP = `node test/bench/kills.ts [options]

  --kills N        how often a replica is killed (default 50, at most 1000)
  --whom WHOM      attached: the one that the client is attached to (default); any: the one of rank 0, 1, 2 in turn
  --rate N         events a second that the client publishes meanwhile (default 250, at most 2000)
  --json           print every wait as JSON instead of the table
  --help           this text

Every wait is also written to build/kills.json. It takes some three seconds a kill, exits with 1 when an event is
missing, twice or out of order, and is worth nothing beside other work.`

/** Longer than any wait that is not a fault of its own. */
const PATIENCE_MS = 30_000
/** The client is left alone for so long between two kills, once the group is whole again. */
const QUIET_MS = 1000

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))

const { values: args } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    rate: { type: 'string', default: '250' },
    whom: { type: 'string', default: 'attached' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function measure(kills: number, rate: number): Promise<number> {
  const failed = new AbortController()
  const soon = (): AbortSignal => AbortSignal.any([failed.signal, AbortSignal.timeout(PATIENCE_MS)])
  const nats = await startNats(soon())
  const group = { nats: nats.url, group: `kills-${process.pid}`, roster: ['a', 'b', 'c'] }
  const replicas = group.roster.map((name) => new ReplicaProcess(name, group, (error) => failed.abort(error)))
  let client: Client | undefined
  try {
    await Promise.all(replicas.map((replica) => replica.start(soon())))
    const urls = replicas.map(({ url }) => url)
    await fetch(`${urls[0]}/v1/topics/kills`, {
      method: 'PUT',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    })
    client = connect({ replicas: urls })
    const load = new Load(client, rate)
    await until('three members and a steady load', () => load.acknowledged > rate, failed.signal)

    const waits: Wait[] = []
    for (let i = 1; i <= kills; i++) {
      const cluster = client.cluster as Cluster
      const name = args.whom === 'any' ? memberOf(cluster, i % group.roster.length) : cluster.replica
      const victim = replicas.find((replica) => replica.name === name) as ReplicaProcess
      const member = cluster.view.members.find((member) => member.name === name) as Member
      const waiting = load.waitFrom(performance.now(), member.incarnation)
      await victim.kill()
      await until(`the client goes on after kill ${i}`, () => waiting.over, failed.signal)
      const { eventMs, acknowledgementMs } = waiting
      const role = member.rank === 0 ? 'coordinator' : `rank ${member.rank}`
      waits.push({
        replica: victim.name,
        rank: member.rank,
        attached: cluster.replica === name,
        eventMs,
        acknowledgementMs,
      })
      process.stderr.write(
        `${i}/${kills} ${victim.name}, ${role}: event ${readable(eventMs)} ms, acknowledgement ${readable(acknowledgementMs)} ms\n`,
      )
      await victim.start(soon())
      await until('three members', () => client?.cluster?.view.members.length === 3, failed.signal)
      await after(QUIET_MS)
    }
    await load.end()
    const machine = await describeMachine()
    const conditions = { kills, rate, whom: args.whom }
    const told = JSON.stringify({ machine, conditions, waits, sent: load.sent, faults: load.faults }, undefined, 2)
    mkdirSync(BUILD, { recursive: true })
    writeFileSync(`${BUILD}kills.json`, `${told}\n`)
    if (args.json) console.log(told)
    else tell(waits, load)
    return load.faults === 0 ? 0 : 1
  } finally {
    client?.close()
    await Promise.all(replicas.map((replica) => replica.kill()))
    await nats.stop()
  }
}

function memberOf({ view }: Cluster, rank: number): string | undefined {
  return view.members.find((member) => member.rank === rank)?.name
}

interface Wait {
  readonly replica: string
  readonly rank: number
  /** Whether it was the one that the client was attached to. */
  readonly attached: boolean
  readonly eventMs: number
  readonly acknowledgementMs: number
}

/** The longest time without an event, and without an acknowledgement, from the kill until the view is another. */
class Waiting {
  eventMs = 0
  acknowledgementMs = 0
  private readonly from: number
  /** Which incarnation is killed. */
  private readonly victim: string
  private readonly client: Client
  private moved = { event: false, acknowledgement: false }

  constructor(client: Client, from: number, victim: string) {
    this.client = client
    this.from = from
    this.victim = victim
  }

  /** Each has come out of a view without the one killed, from a replica that lives. */
  get over(): boolean {
    return this.moved.event && this.moved.acknowledgement
  }

  private get goesOn(): boolean {
    const { cluster } = this.client
    return cluster !== undefined && !cluster.view.members.some(({ incarnation }) => incarnation === this.victim)
  }

  came(what: 'event' | 'acknowledgement', now: number, before: number): void {
    if (this.moved[what] || before === 0) return
    const ms = now - Math.max(before, this.from)
    if (what === 'event') this.eventMs = Math.max(this.eventMs, ms)
    else this.acknowledgementMs = Math.max(this.acknowledgementMs, ms)
    this.moved[what] = this.goesOn
  }
}

/** Publishes numbers at a fixed rate, and sees that they come once and in order. */
class Load {
  acknowledged = 0
  faults = 0
  sent = 0
  private received = 0
  private readonly client: Client
  private readonly ended: Promise<void>
  private readonly over = new AbortController()
  private lastEventAt = 0
  private lastAcknowledgementAt = 0
  private waiting: Waiting | undefined

  constructor(client: Client, rate: number) {
    this.client = client
    void this.read()
    this.ended = atRate(rate, Date.now(), this.over.signal, () => this.publish())
  }

  waitFrom(now: number, victim: string): Waiting {
    this.waiting = new Waiting(this.client, now, victim)
    return this.waiting
  }

  async end(): Promise<void> {
    this.over.abort()
    await this.ended
    await this.client.flushed()
    await until('every event has come', () => this.received === this.sent, new AbortController().signal)
  }

  private async read(): Promise<void> {
    for await (const item of this.client.topic<number>('kills').subscribe({ from: 'start' })) {
      if (item.kind !== 'event' || item.data !== this.received + 1) this.faults++
      this.received++
      const now = performance.now()
      this.waiting?.came('event', now, this.lastEventAt)
      this.lastEventAt = now
    }
  }

  private publish(): void {
    this.client.publish('kills', ++this.sent).then(
      () => {
        this.acknowledged++
        const now = performance.now()
        this.waiting?.came('acknowledgement', now, this.lastAcknowledgementAt)
        this.lastAcknowledgementAt = now
      },
      () => this.faults++,
    )
  }
}

function tell(waits: readonly Wait[], load: Load): void {
  console.log(`${waits.length} kills, ${load.sent} events published and received, ${load.faults} faults`)
  for (const [name, of] of [
    ['next event', waits.map(({ eventMs }) => eventMs)],
    ['next acknowledgement', waits.map(({ acknowledgementMs }) => acknowledgementMs)],
  ] as const) {
    const [p50, p99, most] = [quantile(of, 0.5), quantile(of, 0.99), Math.max(...of)].map(readable)
    console.log(`${name.padEnd(20)}  p50 ${p50} ms  p99 ${p99} ms  longest ${most} ms`)
  }
}

async function until(what: string, holds: () => boolean, failed: AbortSignal): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!holds()) {
    failed.throwIfAborted()
    if (performance.now() > deadline) throw new Error(`${PATIENCE_MS / 1000} s were not enough: ${what}`)
    await after(5)
  }
}

if (args.help) console.log(HELP)
else if (!['attached', 'any'].includes(args.whom)) throw new Error(`--whom attached or --whom any, not ${args.whom}`)
else
  process.exitCode = await measure(
    wholeWithin(args.kills, '--kills', 1, 1000),
    wholeWithin(args.rate, '--rate', 1, 2000),
  )
