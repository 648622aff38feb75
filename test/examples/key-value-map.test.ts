// Copies of one map at three replicas: they must agree whatever happens, and say so when they cannot know.

import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { KeyValueMap } from '../../clients/examples/key-value-map.ts'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { startGroup } from '../group-of-processes.ts'
import { natsTest } from '../nats-server.ts'

const INCREMENTS = 60
const OWN_KEYS = 200

/** A copy whose program begins at this replica. */
function copyAt<Value>(t: ExecutionContext, url: string, topic = 'map'): KeyValueMap<Value> {
  const client = connect({ replicas: url })
  t.teardown(() => client.close())
  return new KeyValueMap<Value>(client, topic)
}

test('the whole of it is under 60 lines', (t) => {
  const text = readFileSync(new URL('../../clients/examples/key-value-map.ts', import.meta.url), 'utf8')
  t.true(text.trimEnd().split('\n').length < 60)
})

natsTest(
  'three copies change the same keys at once, and a replica is killed: all are equal, no change is lost',
  async (t) => {
    const group = await startGroup(t, ['map'])
    const copies = group.urls.map((url) => copyAt<number>(t, url))
    let increments = 0
    const reached = Promise.withResolvers<void>()

    const work = copies.map(async (map, i) => {
      const own = Array.from({ length: OWN_KEYS }, (_, n) => map.set(`own-${i}-${n}`, n))
      for (let n = 0; n < INCREMENTS; ) {
        // One of those who saw the same version wins; the others look again.
        if (!(await map.set('counter', (map.get('counter') ?? 0) + 1, map.version('counter')))) continue
        n++
        if (++increments === INCREMENTS) reached.resolve()
        void map.set('latest', i)
        if (n % 10 === 0) await map.delete(`own-${i}-${n}`)
      }
      t.true((await Promise.all(own)).every((made) => made))
    })
    await Promise.race([reached.promise, Promise.all(work)])
    await group.replicas[1]!.kill()
    t.true(increments < 3 * INCREMENTS, 'it was killed too late')
    await Promise.all(work)

    await Promise.all(copies.map((map) => map.catchUp()))
    const own = copies.flatMap((_, i) => Array.from({ length: OWN_KEYS }, (_, n) => `own-${i}-${n}`))
    const all = copies.map((map) => ['counter', 'latest', ...own].map((key) => [key, map.get(key), map.version(key)]))
    t.deepEqual(all[1], all[0])
    t.deepEqual(all[2], all[0])
    t.is(copies[0]!.get('counter'), 3 * INCREMENTS)
    t.is(copies[0]!.get('own-1-9'), 9)
    t.is(copies[0]!.get('own-1-10'), undefined)

    // One that comes later, at a survivor, is the same.
    const late = copyAt<number>(t, group.urls[2]!)
    await late.catchUp()
    t.deepEqual(
      all[0]!.map(([key]) => [key, late.get(key as string), late.version(key as string)]),
      all[0],
    )
  },
)

test('set, then get elsewhere: behind or not, never back; after catchUp what was set before is there', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('map')
  const [writer, reader] = group.urls.map((url) => copyAt<{ n: number }>(t, url)) as [
    KeyValueMap<{ n: number }>,
    KeyValueMap<{ n: number }>,
  ]
  let seen = 0
  for (let n = 1; n <= 50; n++) {
    await writer.set('k', { n })
    t.is(writer.get('k')?.n, n, 'what was set is there')
    const behind = reader.get('k')?.n ?? 0
    t.true(behind >= seen)
    await reader.catchUp()
    seen = reader.get('k')?.n ?? 0
    t.is(seen, n)
  }
  t.true(await writer.set('new', { n: 1 }, 0), 'only if it is not there')
  t.false(await reader.set('new', { n: 2 }, 0))
  t.is(reader.get('new')?.n, 1)
  t.false(await writer.delete('new', writer.version('new') - 1))
  t.true(await writer.delete('new', writer.version('new')))
  t.is(writer.get('new'), undefined)
  t.is(writer.version('new'), 0)
})

test('changes that are gone, a map that is closed: an error, and no answer from what is left', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('map', { retention: { events: 5 } })
  const [url] = group.urls as [string]
  const old = copyAt<number>(t, url)
  for (let n = 1; n <= 20; n++) await old.set(`k${n}`, n)
  t.is(old.get('k1'), 1, 'who has read it has it')

  const late = copyAt<number>(t, url)
  await t.throwsAsync(late.catchUp(), { message: /Changes 1 to \d+ are gone: retention/ })
  t.throws(() => late.get('k20'), { message: /are gone/ })
  await t.throwsAsync(late.set('k', 1), { message: /are gone/ })

  old.close()
  await t.throwsAsync(old.set('k', 1), { message: /closed/ })
  t.throws(() => old.get('k1'), { message: /closed/ })
  const nowhere = copyAt<number>(t, url, 'nowhere')
  await t.throwsAsync(nowhere.set('k', 1), { code: 'NOT_FOUND' })
})
