// The commands that talk to a group from outside, as processes of their own, against a group in this one.

import test from 'ava'
import { Group } from '../clients/group.ts'
import { commandAt, runAt as lockstep, objects } from './lockstep.ts'

const TYPED = JSON.stringify({ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] })
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => JSON.stringify({ n: from + i, name: `k${from + i}` })).join('\n')
test('topics and schema: created, changed, listed, shown, deleted', async (t) => {
  const group = await Group.start(t, 1)
  t.like(await lockstep(t, group, ['topics', 'orders', '--create', '--keep-events', '50']), { code: 0 })
  const put = await lockstep(t, group, ['schema', 'orders', '--put', '-'], TYPED)
  t.is(put.code, 0, put.stderr)
  const [shown] = objects((await lockstep(t, group, ['topics', 'orders'])).stdout)
  t.like(shown, { topic: 'orders', schemaVersion: 1, retention: { events: 50 } })
  const schema = JSON.parse((await lockstep(t, group, ['schema', 'orders'])).stdout) as object
  t.like(schema, { required: ['n'] })
  const narrower = JSON.stringify({ type: 'object', required: ['n', 'm'] })
  const refused = await lockstep(t, group, ['schema', 'orders', '--put', '-'], narrower)
  t.is(refused.code, 1)
  t.regex(refused.stderr, /^lockstep: Not every event.* add --incompatible\.\n {2}\/schema\//)
  const forced = await lockstep(t, group, ['schema', 'orders', '--put', '-', '--incompatible'], narrower)
  t.is(forced.code, 0)
  t.like(objects(forced.stdout)[0], { schemaVersion: 2, compatibility: 'backward' })
  t.deepEqual(
    objects((await lockstep(t, group, ['topics'])).stdout).map(({ topic }) => topic),
    ['$sys.views', 'orders'],
  )
  t.is((await lockstep(t, group, ['topics', 'orders', '--delete'])).code, 0)
  const gone = await lockstep(t, group, ['topics', 'orders'])
  t.is(gone.code, 1)
  t.is(gone.stderr, 'lockstep: There is no topic orders; `lockstep topics orders --create` creates it.\n')
  const unpublished = await lockstep(t, group, ['pub', 'orders'], '1\n')
  t.is(unpublished.stderr, `lockstep: line 1: ${gone.stderr.slice('lockstep: '.length)}`)
})

test('pub and sub: lines go in, and come out in order, with keys; the same input again publishes nothing', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders', { schema: JSON.parse(TYPED) as object })
  const args = ['pub', 'orders', '--publisher', 'import-1', '--key', 'name']
  const first = await lockstep(t, group, args, lines(1, 3000))
  t.is(first.code, 0, first.stderr)
  t.is((await lockstep(t, group, args, lines(1, 3005))).code, 0, 'five more')
  const { code, stdout } = await lockstep(t, group, ['sub', 'orders', '--from', 'start', '--limit', '3005'])
  t.is(code, 0)
  const events = objects(stdout)
  t.deepEqual(
    events.map(({ data }) => (data as { n: number }).n),
    Array.from({ length: 3005 }, (_, i) => i + 1),
  )
  t.like(events[6], { kind: 'event', key: 'k7', offset: 7, publisher: 'import-1', topic: 'orders' })
  const rest = await lockstep(t, group, ['sub', 'orders', '--from', String(events[3002]?.['token']), '--limit', '2'])
  t.deepEqual(
    objects(rest.stdout).map(({ offset }) => offset),
    [3004, 3005],
  )
})

for (const order of ['fifo', 'causal', 'agreed'])
  test(`sub --order ${order}: each event once, and each that was shown without a place is kept; the limit counts places`, async (t) => {
    const group = await Group.start(t)
    await group.putTopic('orders')
    const sub = commandAt(t, group, ['sub', 'orders', '--from', 'start', '--order', order, '--limit', '300'])
    t.is((await lockstep(t, group, ['pub', 'orders'], lines(1, 100))).code, 0)
    await sub.printed(/"n":100/)
    t.is((await lockstep(t, group, ['pub', 'orders'], lines(101, 300))).code, 0)
    const { code, stdout, stderr } = await sub.ended()
    t.is(code, 0, stderr)
    const items = objects(stdout)
    const events = items.filter(({ kind }) => kind === 'event')
    t.deepEqual(
      events.map(({ data }) => data.n),
      Array.from({ length: 300 }, (_, i) => i + 1),
    )
    const shown = events.filter(({ seq }) => seq === undefined).map(({ ref }) => ref)
    const kept = items.filter(({ kind }) => kind === 'kept')
    t.deepEqual(
      kept.map(({ ref }) => ref),
      shown,
    )
    const offsets = items.flatMap(({ offset }) => offset ?? [])
    t.deepEqual(
      offsets,
      Array.from({ length: 300 }, (_, i) => i + 1),
    )
  })

test('sub --order causal in a pipe, an event that is taken back and comes again: each item as it is', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders')
  t.is((await lockstep(t, group, ['pub', 'orders'], lines(1, 1))).code, 0)
  const { url } = group.of('c')
  const args = ['sub', 'orders', '--replica', url, '--from', 'start', '--order', 'causal', '--limit', '2']
  const sub = commandAt(t, group, args)
  await sub.printed(/"n":1/)
  group.mute.add('c')
  const json = { 'Content-Type': 'application/json' }
  const published = fetch(`${url}/v1/topics/orders/events`, { method: 'POST', headers: json, body: '{"n":2}' })
  await sub.printed(/"n":2/)
  await group.putOut('c')
  const { seq, offset } = (await (await published).json()) as { seq: number; offset: number }
  const { code, stdout, stderr } = await sub.ended()
  t.is(code, 0, stderr)
  const [first, shown, retract, again, kept] = objects(stdout)
  t.like(first, { kind: 'event', offset: 1, data: { n: 1 } })
  const { ref } = shown
  t.like(shown, { kind: 'event', seq: undefined, token: undefined, topic: 'orders', data: { n: 2 } })
  t.deepEqual(retract, { kind: 'retract', ref })
  t.deepEqual(again, shown)
  t.like(kept, { kind: 'kept', ref, seq, offset })
})

test('pub, a line that is refused: named, and nothing behind it is published; mended, it goes on there', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders', { schema: JSON.parse(TYPED) as object })
  const wrong = `${lines(1, 700)}\n{"n":"x"}\n${lines(702, 1500)}`
  const args = ['pub', 'orders', '--publisher', 'import-2']
  const refused = await lockstep(t, group, args, wrong)
  t.is(refused.code, 1)
  t.regex(refused.stderr, /^lockstep: line 701: [\s\S]*\/n must be integer/)
  t.like(objects((await lockstep(t, group, ['topics', 'orders'])).stdout)[0], { offset: 700 })
  t.is((await lockstep(t, group, args, lines(1, 1500))).code, 0)
  t.like(objects((await lockstep(t, group, ['topics', 'orders'])).stdout)[0], { offset: 1500 })
  const broken = await lockstep(t, group, ['pub', 'orders'], '{"n":1}\n{"n":')
  t.is(broken.code, 1)
  t.regex(broken.stderr, /^lockstep: line 2: this is no JSON: /)
})

test('cluster: the view; nobody there, or called wrongly: a sentence', async (t) => {
  const group = await Group.start(t)
  const { code, stdout } = await lockstep(t, group, ['cluster'])
  t.is(code, 0)
  t.like(objects(stdout)[0], { primary: true, view: { number: 1 } })
  const away = await lockstep(t, group, ['cluster', '--replica', 'http://127.0.0.1:45999'])
  t.is(away.code, 1)
  t.regex(away.stderr, /no replica answers .*ECONNREFUSED.*--replica/)
  for (const args of [
    ['pub'],
    ['sub'],
    ['topics', 'a', 'b'],
    ['sub', 'a', '--limit', '0'],
    ['sub', 'a', '--order', 'best'],
    ['bench', '--order', 'total'],
    ['cluster', '--replica', 'here'],
  ]) {
    const wrong = await lockstep(t, group, args)
    t.is(wrong.code, 2, args.join(' '))
    t.regex(wrong.stderr, /^lockstep: /)
  }
  const help = await lockstep(t, group, ['sub', '--help'])
  t.regex(help.stdout, /^Usage: lockstep sub TOPIC\.\.\. \[FLAGS\]/)
})
