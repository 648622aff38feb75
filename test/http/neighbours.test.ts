// Links between replicas: what counts as a hint that one is gone, and what does not.

import test, { type ExecutionContext } from 'ava'
import { type Neighbour, Neighbours } from '../../broker/http/neighbours.ts'
import { type Served, serve } from './served.ts'

interface Watching {
  readonly gone: string[]
  readonly neighbours: Neighbours
  /** How long was waited before each further try, in milliseconds. */
  readonly waits: number[]
  /** Calls what waits for its time. */
  passTime(): void
  /** Resolves when so many hints were given. */
  hints(count: number): Promise<void>
}

function watch(t: ExecutionContext, to: readonly Neighbour[]): Watching {
  const gone: string[] = []
  const waits: number[] = []
  const waiting = new Set<() => void>()
  const listeners = new Set<() => void>()
  const neighbours = new Neighbours({
    onGone: (incarnation) => {
      gone.push(incarnation)
      for (const listener of listeners) listener()
    },
    after: (ms, call) => {
      waits.push(ms)
      waiting.add(call)
      return () => waiting.delete(call)
    },
  })
  t.teardown(() => neighbours.close())
  neighbours.watch(to)
  return {
    gone,
    neighbours,
    waits,
    passTime: () => {
      for (const call of [...waiting]) {
        waiting.delete(call)
        call()
      }
    },
    hints: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (gone.length >= count) resolve()
        }
        listeners.add(look)
        look()
      }),
  }
}

const neighbour = ({ url }: { url: string }, incarnation = 'f00'): Neighbour => ({ name: 'a', incarnation, url })

async function opened({ server }: Served, streams = 1): Promise<void> {
  while (server.webSockets.size < streams) await new Promise((resolve) => setImmediate(resolve))
}

test('nobody answers at the address: a hint, and again as long as nobody does', async (t) => {
  const served = await serve(t)
  const to = neighbour(served)
  await served.server.close(0)
  const { gone, hints, passTime, waits } = watch(t, [to])
  await hints(1)
  passTime()
  await hints(2)
  t.deepEqual(gone, ['f00', 'f00'])
  t.deepEqual(new Set(waits), new Set([1000]), 'never soon: the address may be wrong, and the member live')
})

test('somebody else answers: a hint that the one before is gone', async (t) => {
  const { gone, hints } = watch(t, [neighbour(await serve(t), 'former')])
  await hints(1)
  t.deepEqual(gone, ['former'])
})

test('the right one answers: one link for as long as it is watched, and no hint', async (t) => {
  const served = await serve(t)
  const { gone, neighbours } = watch(t, [neighbour(served)])
  await opened(served)
  neighbours.watch([neighbour(served)])
  t.is(served.server.webSockets.size, 1)
  neighbours.watch([])
  while (served.server.webSockets.size > 0) await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(gone, [])
})

test('the process ends while the link is open: a hint at once', async (t) => {
  const served = await serve(t)
  const { gone, hints, passTime, waits } = watch(t, [neighbour(served)])
  await opened(served)
  await served.server.close(0)
  passTime()
  // The link may have broken within its first second, and is then opened again after a while.
  const again = setInterval(passTime, 10)
  t.teardown(() => clearInterval(again))
  await hints(12)
  t.deepEqual(new Set(gone), new Set(['f00']))
  const afterHints = waits.filter((ms) => ms >= 100)
  t.deepEqual(afterHints.slice(0, 11), [...Array(10).fill(100), 1000], 'soon again, but not for ever')
})
