// The contract over the fabric in memory, and the faults that can be asked of it.

import { spawnSync } from 'node:child_process'
import test from 'ava'
import { MemoryHub } from '../../broker/fabric/memory.ts'
import { contract, type Place } from './contract.ts'
import { ReplicaEnd } from './replica-end.ts'

contract('memory', test, async (): Promise<Place> => {
  const hub = new MemoryHub()
  const endpoints: ReturnType<MemoryHub['attach']>[] = []
  return {
    attach: async (onBug) => {
      const endpoint = hub.attach(onBug)
      endpoints.push(endpoint)
      return endpoint
    },
    fail: async () => {
      for (const endpoint of endpoints) endpoint.unlink()
    },
    recover: async () => {
      for (const endpoint of endpoints) endpoint.link()
    },
    close: async () => {},
  }
})

function attach(hub: MemoryHub, incarnation: number): { endpoint: ReturnType<MemoryHub['attach']>; end: ReplicaEnd } {
  const endpoint = hub.attach((error) => {
    throw error
  })
  return { endpoint, end: new ReplicaEnd(endpoint, incarnation) }
}

test('one endpoint unlinked: it neither sends nor receives, also not what was on its way; the others go on', async (t) => {
  const hub = new MemoryHub()
  const [a, b, c] = [attach(hub, 1), attach(hub, 2), attach(hub, 3)]
  a.end.send(2, 'on its way')
  b.endpoint.unlink()
  b.end.send('everyone', 'from b')
  a.end.send('everyone', 'from a')
  await c.end.untilReceived('from a')
  await b.end.untilLinked(false)
  b.endpoint.link()
  a.end.send(2, 'again')
  await b.end.untilReceived('again')
  t.deepEqual([b.end.received, c.end.received], [['again'], ['from a']])
  t.is(b.endpoint.counters.dropped.unlinked, 3)
})

test('unlinked and linked again at once: what was on its way does not come', async (t) => {
  const hub = new MemoryHub()
  const [a, b] = [attach(hub, 1), attach(hub, 2)]
  a.end.send(2, 'stale')
  b.endpoint.unlink()
  b.endpoint.link()
  a.end.send(2, 'fresh')
  await b.end.untilReceived('fresh')
  t.deepEqual(b.end.received, ['fresh'])
})

test('a pair cut: the two do not hear each other, a third hears both; mended, they do', async (t) => {
  const hub = new MemoryHub()
  const [a, b, c] = [attach(hub, 1), attach(hub, 2), attach(hub, 3)]
  hub.cut(a.endpoint, b.endpoint)
  a.end.send('everyone', 'a, cut')
  b.end.send('everyone', 'b, cut')
  await c.end.untilReceived('b, cut')
  hub.mend(a.endpoint, b.endpoint)
  a.end.send('everyone', 'a, mended')
  b.end.send('everyone', 'b, mended')
  await Promise.all([a.end.untilReceived('b, mended'), b.end.untilReceived('a, mended')])
  t.deepEqual([a.end.received, b.end.received], [['b, mended'], ['a, mended']])
  t.deepEqual(c.end.received.toSorted(), ['a, cut', 'a, mended', 'b, cut', 'b, mended'])
  t.is(b.endpoint.counters.dropped.lost, 1)
})

test('a share lost: each copy is lost as the handed random says', async (t) => {
  const hub = new MemoryHub()
  const [a, b, c] = [attach(hub, 1), attach(hub, 2), attach(hub, 3)]
  const draws = [0.1, 0.9, 0.9, 0.1, 0.9, 0.9]
  hub.lose(0.5, () => draws.shift()!)
  for (const text of ['one', 'two', 'three']) a.end.send('everyone', text)
  await Promise.all([b.end.untilReceived('three'), c.end.untilReceived('three')])
  t.deepEqual(
    [b.end.received, c.end.received],
    [
      ['two', 'three'],
      ['one', 'three'],
    ],
  )
  t.is(draws.length, 0)
  hub.lose(0, () => t.fail('asked though nothing is to be lost') as never)
  a.end.send('everyone', 'four')
  await b.end.untilReceived('four')
})

test('a receiver behind: its queue is bounded in bytes, the newest are dropped and counted', async (t) => {
  const hub = new MemoryHub({ inboundBytesMax: 1000 })
  const [a, b] = [attach(hub, 1), attach(hub, 2)]
  for (let i = 0; i < 1000; i++) a.endpoint.send(2, new Uint8Array(0))
  a.end.send(2, 'too late')
  await b.end.until('what had room', () => b.end.received.length === 15)
  t.is(b.endpoint.counters.dropped.overflow, 1001 - 15)
  a.end.send(2, 'in time')
  await b.end.untilReceived('in time')
})

test('two endpoints that answer each other for ever leave the event loop its turns', async (t) => {
  const hub = new MemoryHub()
  const noBug = (error: unknown): void => void t.fail(String(error))
  const [a, b] = [hub.attach(noBug), hub.attach(noBug)]
  let answers = 0
  for (const [one, other, at] of [
    [a, 2, 1],
    [b, 1, 2],
  ] as const) {
    one.address(at)
    one.listen(
      (datagram) => {
        answers++
        one.send(other, datagram)
      },
      () => {},
    )
  }
  a.send(2, new Uint8Array(1))
  await new Promise((resolve) => setTimeout(resolve, 1))
  await Promise.all([a.close(), b.close()])
  const until = answers
  await new Promise(setImmediate)
  t.true(until > 0)
  t.is(answers, until)
})

test('closed with datagrams on their way, the process ends by itself', (t) => {
  const script = `
    import { MemoryHub } from ${JSON.stringify(new URL('../../broker/fabric/memory.ts', import.meta.url).href)}
    const hub = new MemoryHub()
    const ends = [1, 2].map((incarnation) => {
      const end = hub.attach((error) => { throw error })
      end.address(incarnation)
      end.listen((datagram) => end.send('everyone', datagram), () => {})
      return end
    })
    ends[0].send('everyone', new Uint8Array(1))
    setImmediate(() => { for (const end of ends) end.close() })
  `
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
    encoding: 'utf8',
  })
  t.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' })
})
