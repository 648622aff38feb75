// Real processes that stand still, as on a machine that sleeps or swaps: stopped and continued by signals.

import { setTimeout as after } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { EventReader } from '../broker/sse.ts'
import { natsTest, startNats } from '../nats-server.ts'
import { Lockstep } from './lockstep.ts'

const NAMES = ['a', 'b', 'c'] as const
type Name = (typeof NAMES)[number]

interface Running {
  readonly process: Lockstep
  readonly url: string
}

async function startThree(t: ExecutionContext): Promise<Record<Name, Running>> {
  const nats = await startNats()
  t.teardown(() => nats.stop())
  const start = async (name: Name): Promise<Running> => {
    const flags = ['--name', name, '--roster', NAMES.join(), '--nats', nats.url, '--listen', '127.0.0.1:0']
    const process = new Lockstep(['start', ...flags, '--auto-topics'])
    // SIGKILL ends a stopped process too.
    t.teardown(() => process.signal('SIGKILL'))
    const [, url] = await process.printed(/ready name=\S+ view=\d+ listen=([^\s"]+)/)
    return { process, url: url! }
  }
  const [a, b, c] = await Promise.all([start('a'), start('b'), start('c')])
  return { a, b, c }
}

async function publish({ url }: Running, data: string): Promise<{ seq: number }> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(`${url}/v1/topics/t/events`, { method: 'POST', headers, body: JSON.stringify(data) })
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as { seq: number }
}

async function pause({ process }: Running, ms: number): Promise<void> {
  process.signal('SIGSTOP')
  await after(ms)
  process.signal('SIGCONT')
}

const views = (messages: Record<string, unknown>[]): Record<string, unknown>[] =>
  messages.map(({ data }) => data as Record<string, unknown>)

natsTest('each process stopped for 400 ms under load: none is excluded', async (t) => {
  const replicas = await startThree(t)
  for (const name of NAMES) {
    const paused = pause(replicas[name], 400)
    const other = replicas[name === 'a' ? 'b' : 'a']
    for (let i = 0; i < 20; i++) await publish(other, `while ${name} stands still`)
    await paused
    await publish(replicas[name], `${name} goes on`)
  }
  const reader = await EventReader.open(`${replicas.a.url}/v1/events?topics=$sys.views,t&from=start`)
  t.teardown(() => reader.close())
  const events = await reader.until('event', 1 + 3 * 21)
  t.is(events.filter(({ topic }) => topic === '$sys.views').length, 1, 'only the first view')
})

natsTest(
  'a process stopped for 3 s: excluded, and comes back by itself with everything in the same order',
  async (t) => {
    const replicas = await startThree(t)
    const watching = await EventReader.open(`${replicas.a.url}/v1/events?topics=$sys.views&from=start`)
    t.teardown(() => watching.close())
    await publish(replicas.b, 'before')
    const paused = pause(replicas.b, 3000)
    await watching.until('event', 2)
    for (let i = 0; i < 10; i++) await publish(replicas.c, `while b stands still: ${i}`)
    await paused
    const [, without, within] = views(await watching.until('event', 3))
    t.like(without, { failed: ['b'], joined: [] })
    t.like(within, { failed: [], joined: ['b'] })
    t.true(replicas.b.process.running)
    const last = await publish(replicas.b, 'after')

    const all = await Promise.all(
      [replicas.a, replicas.b].map(async ({ url }) => {
        const reader = await EventReader.open(`${url}/v1/events?topics=t&from=start`)
        t.teardown(() => reader.close())
        return (await reader.until('event', 12)).map(({ seq, data }) => ({ seq, data }))
      }),
    )
    t.deepEqual(all[0], all[1])
    t.is(all[0]!.at(-1)!.seq, last.seq)
  },
)
