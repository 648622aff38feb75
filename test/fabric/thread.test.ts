// The contract over lines between threads; and what only they have: a thread that stands still, and one that is gone.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { MemoryHub } from '../../broker/fabric/memory.ts'
import { type Line, layLine, ThreadFabric } from '../../broker/fabric/thread.ts'
import { contract, type Place } from './contract.ts'
import { ReplicaEnd } from './replica-end.ts'

const WAITING_BYTES_MAX = 64 * 1024 * 1024

contract('thread', test, async (): Promise<Place> => {
  const hub = new MemoryHub()
  const endpoints: ReturnType<MemoryHub['attach']>[] = []
  return {
    attach: async (onBug) => {
      const endpoint = hub.attach(onBug)
      endpoints.push(endpoint)
      return new ThreadFabric(layLine(endpoint, WAITING_BYTES_MAX), onBug)
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

const raise = (error: unknown): never => {
  throw error
}

/** A thread that answers each datagram with the same, and stands still while the first number is not 0. */
const ECHO = `
  import { parentPort, workerData } from 'node:worker_threads'
  import { ThreadFabric } from ${JSON.stringify(new URL('../../broker/fabric/thread.ts', import.meta.url).href)}
  const fabric = new ThreadFabric(workerData.line, (error) => { throw error })
  const still = new Int32Array(workerData.still)
  fabric.address(2)
  fabric.listen((datagram) => fabric.send(1, datagram), () => {})
  parentPort.on('message', () => {
    parentPort.postMessage('still')
    Atomics.wait(still, 0, 1)
  })
`

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never came: ${what}`)
    await new Promise(setImmediate)
  }
}

function startEcho(line: Line): { thread: Worker; still: Int32Array } {
  const still = new Int32Array(new SharedArrayBuffer(4))
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(ECHO)}`), {
    workerData: { line, still: still.buffer },
    transferList: [line.port],
  })
  return { thread, still }
}

test('to a thread that stands still: what fits waits and is answered when it goes on, the rest is dropped and counted', async (t) => {
  const hub = new MemoryHub()
  const a = new ReplicaEnd(hub.attach(raise), 1)
  const endpoint = hub.attach(raise)
  const { thread, still } = startEcho(layLine(endpoint, 1000))
  t.teardown(() => thread.terminate())
  await until('its address', () => endpoint.incarnation === 2)
  still[0] = 1
  thread.postMessage('stand still')
  await once(thread, 'message')
  const texts = Array.from({ length: 20 }, (_, i) => `${i}`.padStart(36, '.'))
  for (const text of texts) a.send(2, text)
  await until('drops', () => endpoint.counters.dropped.overflow > 0)
  still[0] = 0
  Atomics.notify(still, 0)
  a.send(2, 'marker')
  await a.until('an answer', () => a.received.includes(texts[0]!))
  const dropped = endpoint.counters.dropped.overflow
  t.true(dropped >= 10 && dropped < 20, `${dropped}`)
})

test('a thread that is gone is gone from the hub', async (t) => {
  const hub = new MemoryHub()
  const endpoint = hub.attach(raise)
  const { thread } = startEcho(layLine(endpoint, 1000))
  await once(thread, 'online')
  t.true(endpoint.linked)
  await thread.terminate()
  await until('the end of its link', () => !endpoint.linked)
  t.pass()
})
