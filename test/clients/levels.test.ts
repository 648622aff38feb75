// How much order a subscriber waits for, by the client library and by server-sent events, at whole groups.

import test from 'ava'
import { Early } from '../../clients/src/early.ts'
import { connect, type EarlyItem, type EarlyOrder } from '../../clients/src/index.ts'
import { EventReader } from '../broker/sse.ts'
import { Group } from './group.ts'

const LEVELS: readonly EarlyOrder[] = ['fifo', 'causal', 'agreed']

interface Text {
  readonly text: string
}

/** In short. */
function textOf(item: EarlyItem<Text>): string {
  if (item.kind === 'event') return item.data.text
  return item.kind === 'kept' || item.kind === 'retract' ? `${item.kind} ${item.ref}` : item.kind
}

/** Reads until this was read. */
async function until(items: AsyncIterator<EarlyItem<Text>, undefined>, last: (item: EarlyItem<Text>) => boolean) {
  const read: EarlyItem<Text>[] = []
  for (;;) {
    const { value, done } = await items.next()
    if (done) throw new Error(`it ended after ${read.map(textOf).join(', ')}`)
    read.push(value)
    if (last(value)) return read
  }
}

test('at each level every event comes once, and gets the place that it has at safe', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const events = 200
  const clients = group.urls.map((url) => connect({ replicas: url }))
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  const reader = clients[2]!
  const subscriptions = LEVELS.map((order) => reader.topic<Text>('t').subscribe({ from: 'start', order }))
  const publishing = clients.map(async (client, i) => {
    for (let n = 0; n < events; n++) await client.topic<Text>('t').publish({ text: `${i}-${n}` })
  })
  for (const [l, items] of subscriptions.entries()) {
    const open = new Map<string, string>()
    const places = new Map<string, number>()
    const last = new Map<string, number>()
    for await (const item of items) {
      if (item.kind === 'event') {
        const { text } = item.data
        const [publisher = '', n = ''] = text.split('-')
        t.is(Number(n), (last.get(publisher) ?? -1) + 1, `${LEVELS[l]}: in its publisher's order`)
        last.set(publisher, Number(n))
        if (item.seq !== undefined) places.set(text, item.seq)
        else open.set(item.ref, text)
      } else if (item.kind === 'kept') {
        if (LEVELS[l] === 'agreed') t.is([...open.keys()][0], item.ref, 'agreed is the order of places')
        const text = open.get(item.ref)
        t.truthy(text, 'what is kept was shown')
        open.delete(item.ref)
        places.set(text!, item.seq)
      } else t.fail(JSON.stringify(item))
      if (places.size === 3 * events) break
    }
    t.is(open.size, 0)
    const safe = await EventReader.open(`${group.urls[0]}/v1/events?topics=t&from=start&limit=${3 * events}`)
    const data = (await safe.until('event', 3 * events)) as { seq: number; data: Text }[]
    t.deepEqual(
      new Map(data.map((event) => [event.data.text, event.seq])),
      new Map([...places].sort(([, a], [, b]) => a - b)),
    )
  }
  await Promise.all(publishing)
})

test('causal: an answer is never seen before its question, across topics, publishers and replicas; by fifo it is', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('questions')
  await group.putTopic('answers')
  const [a, b, c] = group.urls.map((url) => connect({ replicas: url }))
  t.teardown(() => {
    for (const client of [a, b, c]) client!.close()
  })
  const asked = b!.topic<Text>('questions').subscribe({ order: 'causal' })
  const [fifo, causal] = (['fifo', 'causal'] as const).map((order) =>
    c!.subscribe<Text>(['questions', 'answers'], { from: 'start', order }),
  )
  await until(c!.subscribe<Text>(['$sys.views'], { from: 'start', order: 'fifo' }), ({ kind }) => kind === 'event')
  // The question does not reach c, neither from a nor as a repair.
  group.hears = (name, datagram) => name !== 'c' || !datagram.includes('why?')
  const published = [a!.topic<Text>('questions').publish({ text: 'why?' })]
  await until(asked, ({ kind }) => kind === 'event')
  published.push(b!.topic<Text>('answers').publish({ text: 'because' }))
  const early = await until(fifo!, ({ kind }) => kind === 'event')
  t.deepEqual(early.map(textOf), ['because'], 'whoever asks for less order may see it first')
  group.hears = () => true
  const both = await until(causal!, (item) => item.kind === 'event' && item.data.text === 'because')
  t.deepEqual(both.filter(({ kind }) => kind === 'event').map(textOf), ['why?', 'because'])
  await Promise.all(published)
})

for (const order of LEVELS)
  test(`${order}: the replica dies with what it has shown: what the others have goes on, the rest is taken back`, async (t) => {
    const group = await Group.start(t)
    await group.putTopic('t')
    const [a, reader] = ['a', 'c'].map((name) => connect({ replicas: group.of(name).url }))
    t.teardown(() => {
      for (const client of [a, reader]) client!.close()
    })
    const items = reader!.topic<Text>('t').subscribe({ from: 'start', order })
    await a!.topic<Text>('t').publish({ text: 'first' })
    await until(items, (item) => item.kind === 'kept' || (item.kind === 'event' && item.seq !== undefined))
    // It hears the others, and they do not hear that it holds anything: nothing is safe.
    group.mute.add('c')
    const kept = a!.topic<Text>('t').publish({ text: 'kept' })
    // Nobody tries this one again elsewhere.
    const json = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ text: 'lost' })
    fetch(`${group.of('c').url}/v1/topics/t/events`, { method: 'POST', headers: json, body }).catch(() => {})
    const shown = new Map<string, string>()
    const fates: Record<string, string> = {}
    const see = (item: EarlyItem<Text>): void => {
      if (item.kind === 'event') {
        t.false(shown.has(item.ref), `${item.data.text} again`)
        shown.set(item.ref, item.data.text)
      } else if (item.kind === 'kept' || item.kind === 'retract') fates[shown.get(item.ref) ?? item.ref] = item.kind
    }
    // What is lost comes as agreed only if the others' slots happen to be known for it.
    const expected = order === 'agreed' ? ['kept'] : ['kept', 'lost']
    await until(items, (item) => {
      see(item)
      return expected.every((text) => [...shown.values()].includes(text))
    })
    await group.of('c').kill()
    await kept
    await until(items, (item) => {
      see(item)
      return Object.keys(fates).length === shown.size
    })
    t.deepEqual(
      fates,
      Object.fromEntries([...shown.values()].map((text) => [text, text === 'lost' ? 'retract' : 'kept'])),
    )
  })

test('server-sent events: shown without an id, kept with one; CloudEvents are safe alone', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const reader = await EventReader.open(`${group.of('c').url}/v1/events?topics=t&from=start&order=fifo`)
  t.teardown(() => reader.close())
  group.hears = (name, datagram) => name !== 'b' || !datagram.includes('held up')
  const client = connect({ replicas: group.of('a').url })
  t.teardown(() => client.close())
  const published = client.topic<Text>('t').publish({ text: 'held up' }, { key: 'k' })
  const [event] = await reader.until('event', 1)
  t.like(event, { seq: null, offset: null, id: null, topic: 't', key: 'k', data: { text: 'held up' } })
  const at = reader.messages.findIndex(({ event: kind }) => kind === 'event')
  t.is(reader.messages[at]?.id, undefined)
  group.hears = () => true
  const { seq, offset, history } = await published
  const [kept] = await reader.until('kept', 1)
  t.deepEqual(kept, { ref: event!['ref'], topic: 't', seq, offset })
  t.is(reader.messages.find(({ event: kind }) => kind === 'kept')?.id, `${history}:${seq}`)
  const refused = await fetch(`${group.urls[0]}/v1/events?topics=t&order=fifo`, {
    headers: { Accept: 'application/cloudevents+json' },
  })
  t.is(refused.status, 400)
  t.regex(((await refused.json()) as { detail: string }).detail, /CloudEvent/)
})

const DATA = '{"text":"x"}'

test('what is in doubt after a move: met again it goes on, the rest is taken back; at agreed also what was shown before it', (t) => {
  const agreed = new Early(true)
  for (const ref of ['x', 'y', 'z']) t.deepEqual(agreed.met(ref, DATA, false), { retracted: [], known: false })
  t.true(agreed.settled('x'))
  agreed.moved()
  t.deepEqual(agreed.met('z', DATA, true), { retracted: ['y'], known: true })
  t.deepEqual(agreed.met('y', DATA, false), { retracted: [], known: false })
  t.deepEqual(agreed.current(), [])
  const fifo = new Early(false)
  for (const ref of ['x', 'y', 'z']) fifo.met(ref, DATA, false)
  fifo.moved()
  t.deepEqual(fifo.met('z', DATA, false), { retracted: [], known: true })
  fifo.moved()
  t.deepEqual(fifo.met('x', DATA, true), { retracted: [], known: true })
  t.deepEqual(fifo.current(), ['z', 'y'])
  t.false(fifo.settled('y'))
})

test('a number that was refused was given to another event before the move was over: the first is taken back, the other is new', (t) => {
  for (const inOrder of [true, false])
    for (const placed of [true, false]) {
      const early = new Early(inOrder)
      for (const ref of ['x', 'y', 'z']) early.met(ref, DATA, false)
      early.moved()
      const before = inOrder ? ['x'] : []
      t.deepEqual(early.met('y', '"other"', placed), { retracted: [...before, 'y'], known: false })
      t.deepEqual(early.current(), inOrder ? ['z'] : ['x', 'z'])
      t.is(early.settled('y'), !placed)
    }
})
