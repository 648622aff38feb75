// The client in Python, which was written from PROTOCOL.md and knows nothing of our code: if it gets through the death of
// a replica, the document says all that a client needs.

import { fileURLToPath } from 'node:url'
import test from 'ava'
import { Group } from '../clients/group.ts'
import { startGroup } from '../group-of-processes.ts'
import { natsTest } from '../nats-server.ts'
import { Program, testWith } from './program.ts'

const CLIENT = fileURLToPath(new URL('../../clients/examples/lockstep_client.py', import.meta.url))
const COUNT = 10_000

const pythonTest = natsTest === test ? testWith('python3') : natsTest

interface Line {
  readonly kind: string
  readonly seq: number
  readonly count: number
  readonly data: { readonly n: number }
  readonly failed: readonly string[]
}

const linesOf = ({ lines }: Program): Line[] => lines.map((line) => JSON.parse(line) as Line)

pythonTest('its replica is killed: it publishes each event once, and reads each once and in order', async (t) => {
  const group = await startGroup(t, ['load'])
  const [first, victim] = group.urls as [string, string]
  // Of one replica only: where the others are it learns from this one.
  const reader = new Program(t, 'python3', [CLIENT, victim, 'sub', 'load,nothing.>', 'start'])
  const writer = new Program(t, 'python3', [CLIENT, victim, 'pub', 'load'])
  const write = (from: number, to: number): void => {
    for (let n = from; n <= to; n++) writer.write(`{"n":${n},"filler":"ünï"}\n`)
  }
  write(1, COUNT / 2)
  await reader.until('a first event', () => reader.stdout.includes('"kind": "event"'))
  // However fast it is, half of them are yet to be published when the replica is killed.
  write(COUNT / 2 + 1, COUNT)
  writer.endInput()
  const before = linesOf(writer).reduce((sum, { count }) => sum + count, 0)
  t.true(before < COUNT, 'it was killed too late')
  await group.at(victim).kill()

  t.is(await writer.ended(), 0, writer.stderr)
  t.is(
    linesOf(writer).reduce((sum, { count }) => sum + count, 0),
    COUNT,
  )
  await reader.until('all events', () => linesOf(reader).filter(({ kind }) => kind === 'event').length >= COUNT)
  const events = linesOf(reader).filter(({ kind }) => kind === 'event')
  t.deepEqual(
    events.map(({ data }) => data.n),
    Array.from({ length: COUNT }, (_, i) => i + 1),
  )
  t.true(events.every(({ seq }, i) => i === 0 || seq > events[i - 1]!.seq))
  t.true(linesOf(reader).some(({ kind, failed }) => kind === 'view' && failed.includes('b')))

  const truth = await fetch(`${first}/v1/events?topics=load&from=start&limit=${COUNT}`)
  const seqs = [...(await truth.text()).matchAll(/^data: \{"seq":(\d+)/gm)].map(([, seq]) => Number(seq))
  t.deepEqual(
    events.map(({ seq }) => seq),
    seqs,
  )
})

testWith('python3')('attributes, a wrong event, an unknown topic: said as they are', async (t) => {
  const group = await Group.start(t, 1)
  const url = group.urls[0]!
  const topic = `${url}/v1/topics/orders`
  const send = (address: string, type: string, body: object, method = 'POST'): Promise<Response> =>
    fetch(address, { method, headers: { 'Content-Type': type }, body: JSON.stringify(body) })
  await send(topic, 'application/json', { schema: { type: 'object', required: ['n'] } }, 'PUT')
  const event = { specversion: '1.0', id: 'é-1', source: '/s', type: 't', time: '2026-01-31T12:00:00Z' }
  const attributes = { partitionkey: 'k', flag: true, num: -5, data: { n: [1.5, null] } }
  await send(`${topic}/events`, 'application/cloudevents+json', { ...event, ...attributes })
  await send(`${topic}/events`, 'application/json', { n: 2 })

  const reader = new Program(t, 'python3', [CLIENT, url, 'sub', 'orders', 'start', '3'])
  t.is(await reader.ended(), 0, reader.stderr)
  const [view, one, two] = linesOf(reader)
  t.like(view, { kind: 'view', number: 1 })
  const { specversion: _, ...kept } = event
  t.like(one, { ...kept, key: 'k', extensions: { flag: true, num: -5 }, data: { n: [1.5, null] }, schemaVersion: 1 })
  t.like(two, { offset: 2, publisher: null, data: { n: 2 } })
  t.regex((two as unknown as { id: string }).id, new RegExp(`^[0-9a-f]{14}-${two!.seq}$`))

  for (const [name, line, code] of [
    ['orders', '[]', 'INVALID_EVENT'],
    ['nowhere', '{}', 'NOT_FOUND'],
    ['orders', '{', 'MALFORMED'],
  ] as const) {
    const writer = new Program(t, 'python3', [CLIENT, url, 'pub', name])
    writer.write(line)
    writer.endInput()
    t.is(await writer.ended(), 1)
    t.true(writer.stderr.startsWith(`${code}: `), writer.stderr)
  }
})
