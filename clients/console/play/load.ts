// The little load that is judged while somebody plays: at each replica a client that stays there, as no ordinary one would,
// with a publisher that numbers its events and a reader of all of them. What they are told goes to the checks.

import { type Client, connect, LockstepError } from '../../src/index.ts'
import { Checks } from './checks.ts'
import type { PlayedReplica } from './play-api.ts'

export const TOPIC = 'play.ticks'

export interface LoadHost {
  /** How they are now. */
  replicas(): readonly PlayedReplica[]
  /** There is more to be seen. */
  changed(): void
  /** Events are gone that somebody has not read, or another group answers: it is to be begun anew. */
  over(why: string): void
}

interface Tick {
  /** Of one page, so that several may play with one group. */
  readonly run: string
  readonly by: string
  readonly n: number
}

interface State {
  readonly history: string
  readonly seq: number
  readonly digest: string
}

const SCHEMA = {
  type: 'object',
  properties: { run: { type: 'string' }, by: { type: 'string' }, n: { type: 'integer' } },
  required: ['run', 'by', 'n'],
} as const
/** Hours of it. */
const RETENTION = { events: 200_000 } as const
/** Three replicas have ten events a second then: all of them are shown, and people see the order flow. */
const PUBLISH_EVERY_MS = 300
const STATES_EVERY_MS = 1000
/** After a refusal that passes, as while not all replicas know of the topic. */
const AGAIN_MS = 300

export class Load {
  readonly checks: Checks
  private readonly host: LoadHost
  private readonly run = Math.random().toString(36).slice(2, 8)
  private readonly clients: Client[] = []
  private readonly stop = new AbortController()
  private readonly asking: ReturnType<typeof setInterval>
  private readonly history: string

  /** Throws when no replica answers. `running`: one that does. */
  static async begin(running: string, host: LoadHost): Promise<Load> {
    const settings = { schema: SCHEMA, retention: RETENTION, compatibility: 'none' }
    const put = await fetch(new URL(`/v1/topics/${TOPIC}`, running), {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(settings),
    })
    if (!put.ok) throw new Error(((await put.json()) as { detail: string }).detail)
    const { history, seq } = (await (await fetch(new URL('/v1/cluster', running))).json()) as State
    return new Load(history, seq + 1, host)
  }

  private constructor(history: string, from: number, host: LoadHost) {
    const replicas = host.replicas()
    this.host = host
    this.history = history
    this.checks = new Checks(replicas.map(({ name }) => name))
    for (const { name, condition } of replicas) if (condition === 'killed') this.checks.killed(name)
    for (const { name, url } of replicas) {
      const client = connect({ replicas: url, stay: true })
      this.clients.push(client)
      void this.read(name, client, from)
      void this.publish(name, client)
    }
    this.asking = setInterval(() => void this.compareStates(), STATES_EVERY_MS)
  }

  close(): void {
    this.stop.abort()
    clearInterval(this.asking)
    for (const client of this.clients) client.close()
  }

  private async read(name: string, client: Client, from: number): Promise<void> {
    try {
      for await (const item of client.subscribe<Tick>([TOPIC], { from, views: true })) {
        if (item.kind === 'gap') return this.host.over(GAPS[item.reason])
        const { seq } = item
        if (item.kind === 'view') {
          const members = item.members.map((member) => `${member.name}/${member.incarnation}`)
          this.checks.shown(name, { kind: 'view', seq, number: item.number, members })
        } else {
          const { run, by, n } = item.data
          this.checks.shown(name, {
            kind: 'event',
            seq,
            offset: item.offset,
            by: run === this.run ? by : `${by}@${run}`,
            n,
          })
        }
        this.host.changed()
      }
    } catch (error) {
      if (!this.stop.signal.aborted) this.host.over((error as Error).message)
    }
  }

  private async publish(name: string, client: Client): Promise<void> {
    let [by, lives] = [name, 1]
    for (let n = 1; !this.stop.signal.aborted; ) {
      try {
        const tick: Tick = { run: this.run, by, n }
        const { seq, offset } = await client.publish(TOPIC, tick)
        this.checks.acknowledged({ by, n, seq, offset })
        this.host.changed()
        n++
        await wait(PUBLISH_EVERY_MS)
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error
        if (error.outcome === 'unknown') {
          // It may be in or not: who counts on goes under another name.
          by = `${name}${++lives}`
          n = 1
        }
        await wait(AGAIN_MS)
      }
    }
  }

  /** All at once, so that some are at the same place. */
  private async compareStates(): Promise<void> {
    const signal = AbortSignal.any([this.stop.signal, AbortSignal.timeout(STATES_EVERY_MS)])
    const ask = async ({ name, url, condition }: PlayedReplica): Promise<void> => {
      if (condition !== 'running') return
      try {
        const { history, seq, digest } = (await (await fetch(new URL('/v1/cluster', url), { signal })).json()) as State
        if (history === this.history) this.checks.inState(name, seq, digest)
      } catch {
        // It is gone, or stands still.
      }
    }
    await Promise.all(this.host.replicas().map(ask))
  }
}

const GAPS = {
  retention: 'events are gone that a reader had not read',
  'topic-deleted': 'the topic was deleted',
  'history-changed': 'another group answers',
} as const

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
