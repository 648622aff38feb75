// A real group in threads, played with as a person would, by HTTP: what is done to it happens as it would to processes
// and networks, again and again, and the guarantees hold meanwhile.

import { once } from 'node:events'
import { connect as connectTcp, createServer } from 'node:net'
import test from 'ava'
import { connect } from '../../../clients/src/index.ts'
import { namesOf, PlayedGroup, until } from './played-group.ts'

interface Place {
  readonly seq: number
  readonly offset: number
  readonly data: unknown
}

/** Everything of a topic, as this replica gives it. */
async function readAll(url: string, topic: string, count: number): Promise<Place[]> {
  const client = connect({ replicas: url })
  try {
    const places: Place[] = []
    for await (const item of client.topic(topic).subscribe({ from: 'start' })) {
      if (item.kind !== 'event') throw new Error(`a ${item.kind}`)
      places.push({ seq: item.seq, offset: item.offset, data: item.data })
      if (places.length === count) break
    }
    return places
  } finally {
    client.close()
  }
}

test('each replica is killed and restarted in turn under load: nothing acknowledged is lost, nothing comes twice, one order, equal states (G3, G5, G6, G8)', async (t) => {
  const played = await PlayedGroup.start(t)
  await played.putTopic('ticks')
  const acknowledged: { by: string; n: number; seq: number; offset: number }[] = []
  let wanted = true
  const publishers = ['p', 'q', 'r'].map(async (by) => {
    const client = connect({ replicas: played.urls })
    t.teardown(() => client.close())
    for (let n = 1; wanted; n++) {
      const { seq, offset } = await client.publish('ticks', { by, n })
      acknowledged.push({ by, n, seq: seq as number, offset: offset as number })
    }
  })
  const more = async (): Promise<void> => {
    const before = acknowledged.length
    await until('more acknowledgements', async () => acknowledged.length > before + 50)
  }

  for (const [victim, asked, others] of [
    ['a', 'b', ['b', 'c']],
    ['b', 'c', ['a', 'c']],
    ['c', 'c', ['a', 'b']], // It is asked to kill itself.
    ['a', 'b', ['b', 'c']],
  ] as const) {
    await more()
    const killed = await played.act(asked, 'kill', { replica: victim })
    t.is(killed.status, 200)
    await played.view(...others)
    t.is((await played.conditions(others[0]))[victim], 'killed')
    t.is(await played.cluster(victim), undefined)
    await more()
    t.is((await played.act(others[1], 'restart', { replica: victim })).status, 200)
    await played.view('a', 'b', 'c')
  }
  await more()
  wanted = false
  await Promise.all(publishers)
  await played.agree()

  const [atA, atB, atC] = (await Promise.all(played.urls.map((url) => readAll(url, 'ticks', acknowledged.length)))) as [
    Place[],
    Place[],
    Place[],
  ]
  t.deepEqual(atB, atA)
  t.deepEqual(atC, atA)
  acknowledged.sort((one, other) => one.seq - other.seq)
  t.deepEqual(
    atA,
    acknowledged.map(({ by, n, seq, offset }) => ({ seq, offset, data: { by, n } })),
  )
  t.deepEqual(
    atA.map(({ offset }) => offset),
    atA.map((_, i) => i + 1),
  )
  t.is((await played.publish('a', 'ticks', 'last')).value.offset, acknowledged.length + 1, 'there is no more')
  t.log(`${acknowledged.length} events`)
})

test('paused, a replica is as a stopped process: its connections stay, nobody answers; the others go on, and it comes back', async (t) => {
  const played = await PlayedGroup.start(t)
  await played.putTopic('ticks')
  const { hostname, port } = new URL(played.urlOf('b'))
  const open = connectTcp(Number(port), hostname)
  t.teardown(() => open.destroy())
  await once(open, 'connect')
  let heard = ''
  let closed = false
  open.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  open.on('close', () => {
    closed = true
  })

  t.is((await played.act('b', 'pause', { replica: 'b' })).status, 200)
  await until('b to stand still', async () => (await played.conditions('a'))['b'] === 'paused')
  open.write('GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n')
  const late = connectTcp(Number(port), hostname)
  t.teardown(() => late.destroy())
  await once(late, 'connect')
  await played.view('a', 'c')
  t.deepEqual([heard, closed, late.closed], ['', false, false])
  t.is((await played.act('a', 'pause', { replica: 'b' })).status, 409)
  t.is((await played.publish('c', 'ticks', 1)).status, 200)

  t.is((await played.act('c', 'resume', { replica: 'b' })).status, 200)
  await until('the answer', async () => heard.includes('{"status":"alive"}'))
  await played.view('a', 'b', 'c')
  await played.agree()
  t.is((await played.publish('b', 'ticks', 2)).value.offset, 2)

  // Killed while it stands still: what was open breaks.
  await played.act('a', 'pause', { replica: 'b' })
  t.is((await played.act('a', 'kill', { replica: 'b' })).status, 200)
  await until('the end of its connections', async () => closed)
  await played.view('a', 'c')
})

test('cut 2-1, twice: the majority goes on, the minority refuses, and healed it is as they are (G9); who is restarted stays on its side', async (t) => {
  const played = await PlayedGroup.start(t)
  await played.putTopic('ticks')
  for (const [round, side, alone, one, other] of [
    [0, ['a'], 'a', 'b', 'c'],
    [1, ['a', 'b'], 'c', 'a', 'b'],
  ] as const) {
    const cut = await played.act('b', 'cut', { side })
    t.deepEqual(cut.value.cut, side)
    await played.view(one, other)
    await until(`${alone} to know`, async () => (await played.cluster(alone))?.primary === false)
    t.is((await played.publish(one, 'ticks', round)).status, 200)
    const numbered = { 'Lockstep-Publisher': alone, 'Lockstep-Sequence': '1' }
    t.is((await played.publish(alone, 'ticks', 'refused', numbered)).status, 503)
    const reading = await fetch(`${played.urlOf(alone)}/v1/topics/ticks`)
    t.like(await reading.json(), { offset: 2 * round }, 'it reads what it had')
    t.deepEqual((await played.act(alone, 'heal')).value.cut, [])
    await played.view('a', 'b', 'c')
    // It may have been handed to the group before it was refused; then it is found.
    t.is((await played.publish(one, 'ticks', 'refused', numbered)).status, 200)
    await played.agree()
    t.like(await (await fetch(`${played.urlOf(alone)}/v1/topics/ticks`)).json(), { offset: 2 * round + 2 })
  }

  await played.act('a', 'cut', { side: ['c'] })
  await played.view('a', 'b')
  await played.act('a', 'kill', { replica: 'c' })
  await played.act('a', 'restart', { replica: 'c' })
  const before = await played.cluster('c')
  t.is(before?.view.number, 0, 'it hears of no group')
  // Of two only the second may be lost.
  const [first, second] = (await played.cluster('a'))!.view.members.map(({ name }) => name) as [string, string]
  await played.act(first, 'kill', { replica: second })
  await played.view(first)
  await played.act(first, 'restart', { replica: second })
  await played.view('a', 'b')
  t.is((await played.cluster('c'))?.view.number, 0)
  await played.act('a', 'heal')
  await played.view('a', 'b', 'c')
})

test('a third of all datagrams lost: everything is delivered all the same, and is counted as lost; a port that was taken meanwhile is named', async (t) => {
  const played = await PlayedGroup.start(t)
  await played.putTopic('ticks')
  t.is((await played.act('c', 'loss', { share: 0.33 })).value.loss, 0.33)
  const client = connect({ replicas: played.urls })
  t.teardown(() => client.close())
  const answers = await Promise.all(Array.from({ length: 300 }, (_, n) => client.publish('ticks', { n })))
  const places = await readAll(played.urlOf('a'), 'ticks', answers.length)
  t.deepEqual(
    places.map(({ data }) => data),
    answers.map((_, n) => ({ n })),
  )
  const metrics = await (await fetch(`${played.urlOf('b')}/metrics`)).text()
  t.regex(metrics, /^lockstep_datagrams_dropped_total\{reason="fabric-lost"\} [1-9]/m)
  await played.act('c', 'loss', { share: 0 })
  await played.view('a', 'b', 'c')
  await played.agree()

  await played.act('a', 'kill', { replica: 'b' })
  await played.view('a', 'c')
  const intruder = createServer()
  const port = Number(new URL(played.urlOf('b')).port)
  await once(intruder.listen(port, '127.0.0.1'), 'listening')
  const refused = await played.act('a', 'restart', { replica: 'b' })
  t.is(refused.status, 409)
  t.regex(refused.value.detail, new RegExp(`127\\.0\\.0\\.1:${port} is in use`))
  t.is((await played.conditions('a'))['b'], 'killed')
  intruder.close()
  await once(intruder, 'close')
  t.is((await played.act('a', 'restart', { replica: 'b' })).status, 200)
  await played.view('a', 'b', 'c')
})

test('the last that runs stays; with the quorum gone a new group begins, on the same ports; told to stop, all end', async (t) => {
  const played = await PlayedGroup.start(t)
  const { urls } = played
  await played.putTopic('ticks')
  const history = (await played.cluster('c'))?.history
  await played.act('a', 'kill', { replica: 'a' })
  await played.act('b', 'kill', { replica: 'b' })
  t.like(await played.act('c', 'kill', { replica: 'c' }), { status: 409 })
  t.like(await played.act('c', 'pause', { replica: 'c' }), { status: 409 })
  await until('c to be blocked', async () => (await played.cluster('c'))?.primary === false)

  t.is((await played.act('c', 'anew')).status, 200)
  await played.view('a', 'b', 'c')
  t.deepEqual(played.urls, urls)
  const now = await played.cluster('b')
  t.not(now?.history, history)
  t.deepEqual(namesOf(now!), ['a', 'b', 'c'])
  t.is((await fetch(`${played.urlOf('c')}/v1/topics/ticks`)).status, 404)

  await played.act('a', 'pause', { replica: 'c' })
  played.group.stop()
  t.like(await played.group.ended, { failed: false })
  for (const name of ['a', 'b', 'c']) t.is(await played.cluster(name), undefined)
})
