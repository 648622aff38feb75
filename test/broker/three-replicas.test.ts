// The parts together: three whole replicas over the fabric in memory, used by HTTP as a client would.

import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../broker/config.ts'
import { MemoryHub } from '../../broker/fabric/memory.ts'
import { createLog } from '../../broker/log.ts'
import { Replica } from '../../broker/replica.ts'
import { EventReader } from './sse.ts'

const NAMES = ['a', 'b', 'c']

async function startReplica(
  hub: MemoryHub,
  name: string,
  flags: Record<string, string | boolean> = {},
): Promise<Replica> {
  const config = readConfig({ name, roster: NAMES.join(), listen: '127.0.0.1:0', ...flags }, {})
  return await Replica.start({
    config,
    log: createLog('silent', name),
    openFabric: (onBug) => hub.attach(onBug),
    processMetrics: false,
  })
}

async function startThree(t: ExecutionContext): Promise<{ hub: MemoryHub; replicas: Replica[] }> {
  const hub = new MemoryHub()
  const replicas = await Promise.all(NAMES.map((name) => startReplica(hub, name)))
  t.teardown(() => Promise.all(replicas.map((replica) => replica.kill())))
  await Promise.all(replicas.map((replica) => replica.ready))
  return { hub, replicas }
}

async function call(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; value: Record<string, unknown> }> {
  const json = { 'Content-Type': 'application/json', ...headers }
  const response = await fetch(url, {
    method,
    headers: json,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, value: text === '' ? {} : JSON.parse(text) }
}

test('publish at one, subscribe at all: the same events at the same places, typed, and exactly once', async (t) => {
  const { replicas } = await startThree(t)
  const [a, b, c] = replicas as [Replica, Replica, Replica]
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
  const created = await call('PUT', `${a.url}/v1/topics/numbers`, { schema })
  t.like(created, { status: 201, value: { topic: 'numbers', schemaVersion: 1 } })
  const readers = await Promise.all(
    replicas.map(({ url }) => EventReader.open(`${url}/v1/events?topics=numbers&from=start&views=true`)),
  )
  t.teardown(() => {
    for (const reader of readers) reader.close()
  })

  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => call('POST', `${replicas[n % 3]!.url}/v1/topics/numbers/events`, { n })),
  )
  for (const answer of answers) t.is(answer.status, 200, JSON.stringify(answer.value))
  const retry = { 'Lockstep-Publisher': 'p', 'Lockstep-Sequence': '1' }
  const first = await call('POST', `${b.url}/v1/topics/numbers/events`, { n: 60 }, retry)
  const again = await call('POST', `${c.url}/v1/topics/numbers/events`, { n: 60 }, retry)
  t.like(again.value, { seq: first.value['seq'], duplicate: true })
  const refused = await call('POST', `${c.url}/v1/topics/numbers/events`, { n: 'one' })
  t.like(refused, { status: 422, value: { outcome: 'not-published' } })
  t.like(refused.value['errors'], [{ path: '/n' }])

  const seen = await Promise.all(readers.map((reader) => reader.until('event', 61)))
  t.deepEqual(seen[1], seen[0])
  t.deepEqual(seen[2], seen[0])
  t.deepEqual(
    seen[0]!.map(({ offset }) => offset),
    Array.from({ length: 61 }, (_, i) => i + 1),
  )
  t.deepEqual(
    answers.map(({ value }) => value['seq'] as number).toSorted((one, other) => one - other),
    seen[0]!.slice(0, 60).map(({ seq }) => seq as number),
  )
  for (const reader of readers) t.like(reader.data('view')[0], { number: 1, joined: NAMES })

  const clusters = await Promise.all(replicas.map(({ url }) => call('GET', `${url}/v1/cluster`)))
  for (const { value } of clusters) t.like(value, { primary: true, history: clusters[0]!.value['history'] })
  const metrics = await (await fetch(`${a.url}/metrics`)).text()
  t.regex(metrics, /^lockstep_view_members 3$/m)
  t.regex(metrics, /^lockstep_events_published_total\{topic="numbers"\} 20$/m)
  t.is((await call('GET', `${a.url}/readyz`)).status, 200)
})

test('one is killed under load: the others go on, nothing acknowledged is lost, nothing comes twice', async (t) => {
  const { hub, replicas } = await startThree(t)
  const [a, b, c] = replicas as [Replica, Replica, Replica]
  await call('PUT', `${a.url}/v1/topics/load`, {})
  const reader = await EventReader.open(`${b.url}/v1/events?topics=load&from=start&views=true`)
  t.teardown(() => reader.close())

  const acknowledged: unknown[] = []
  const publisher = async (id: string): Promise<void> => {
    for (let sequence = 1; sequence <= 50; sequence++) {
      const headers = { 'Lockstep-Publisher': id, 'Lockstep-Sequence': String(sequence) }
      // As a client does: the same again, at another replica, until it is acknowledged.
      for (let attempt = 0; ; attempt++) {
        const { url } = [c, b][(attempt + sequence) % 2]!
        const answer = await call('POST', `${url}/v1/topics/load/events`, { id, sequence }, headers)
        if (answer.status === 200) break
        t.is(answer.status, 503, JSON.stringify(answer.value))
      }
      acknowledged.push(`${id}${sequence}`)
    }
  }
  const publishing = Promise.all(['p', 'q', 'r'].map(publisher))
  await reader.until('event', 30)
  await a.kill()
  await publishing

  const events = await reader.until('event', 150)
  const texts = events.map(({ data }) => `${(data as { id: string }).id}${(data as { sequence: number }).sequence}`)
  t.deepEqual([...texts].sort(), [...(acknowledged as string[])].sort())
  t.is(new Set(texts).size, 150)
  // What the counters say of the load is what happened: each event once, at the replica through which it went in.
  const counted = async (replica: Replica, series: string): Promise<number> => {
    const lines = (await (await fetch(`${replica.url}/metrics`)).text()).split('\n')
    return Number(lines.find((line) => line.startsWith(`lockstep_${series} `))?.split(' ')[1] ?? 0)
  }
  const published = 'events_published_total{topic="load"}'
  t.is((await counted(b, published)) + (await counted(c, published)), 150)
  t.is(await counted(b, 'events_delivered_total'), 150)
  const [, second] = await reader.until('view', 2)
  t.like(second, { number: 2, failed: ['a'] })

  // A new process of that name takes its place, and catches up.
  const again = await startReplica(hub, 'a')
  t.teardown(() => again.kill())
  await again.ready
  const caughtUp = await EventReader.open(`${again.url}/v1/events?topics=load&from=start`)
  t.teardown(() => caughtUp.close())
  t.deepEqual(await caughtUp.until('event', 150), events)
})

test('told to stop, a replica leaves in order: the others see it leave, and go on', async (t) => {
  const { replicas } = await startThree(t)
  const [a, b] = replicas as [Replica, Replica, Replica]
  await call('PUT', `${a.url}/v1/topics/t`, {})
  const reader = await EventReader.open(`${b.url}/v1/events?topics=t&from=start&views=true`)
  t.teardown(() => reader.close())
  a.stop()
  t.like(await a.ended, { failed: false })
  const [, second] = await reader.until('view', 2)
  t.like(second, { left: ['a'], failed: [] })
  t.is((await call('POST', `${b.url}/v1/topics/t/events`, 1)).status, 200)
  await t.throwsAsync(fetch(`${a.url}/healthz`))
})
