// `lockstep tail` as a process of its own, against a group in this one.

import test, { type ExecutionContext } from 'ava'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { commandAt, objects, runAt } from './lockstep.ts'

async function publish(group: Group, topic: string, from: number, to: number, filler = ''): Promise<void> {
  const client = connect({ replicas: group.urls })
  for (let n = from; n <= to; n++) client.publish(topic, { n, filler }).catch(() => {})
  await client.flushed()
  client.close()
}

async function delivered(group: Group): Promise<number> {
  let sum = 0
  for (const url of group.urls) {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    sum += Number(/^lockstep_events_delivered_total (\d+)$/m.exec(metrics)?.[1])
  }
  return sum
}

const tail = async (t: ExecutionContext, group: Group, ...args: string[]): Promise<[string, number][]> => {
  const { code, stdout, stderr } = await runAt(t, group, ['tail', ...args])
  t.is(code, 0, stderr)
  return objects(stdout).map(({ topic, data }) => [topic, data.n])
}

test('the newest events: of a topic, of several together, of wildcards, fewer than there are, and none', async (t) => {
  const group = await Group.start(t, 1)
  for (const topic of ['orders.new', 'orders.old', 'prices', 'empty']) await group.putTopic(topic)
  await publish(group, 'orders.new', 1, 30)
  await publish(group, 'orders.old', 1, 3)
  await publish(group, 'prices', 1, 2)
  const of = (topic: string, from: number, to: number): [string, number][] =>
    Array.from({ length: to - from + 1 }, (_, i) => [topic, from + i])
  t.deepEqual(await tail(t, group, 'orders.new'), of('orders.new', 21, 30))
  t.deepEqual(await tail(t, group, '-n', '2', 'orders.new'), of('orders.new', 29, 30))
  t.deepEqual(await tail(t, group, '-n5', 'orders.*'), [...of('orders.new', 29, 30), ...of('orders.old', 1, 3)])
  t.deepEqual(await tail(t, group, '--lines=4', 'prices', 'orders.old'), [
    ...of('orders.old', 2, 3),
    ...of('prices', 1, 2),
  ])
  t.deepEqual(await tail(t, group, '-n', '100', 'orders.new'), of('orders.new', 1, 30))
  t.deepEqual(await tail(t, group, 'empty'), [])
  t.deepEqual(await tail(t, group, '-n', '0', 'prices'), [])
  const missing = await runAt(t, group, ['tail', 'prices', 'nowhere'])
  t.is(missing.code, 1)
  t.is(objects(missing.stdout).length, 2, 'the others are printed')
  t.is(missing.stderr, 'lockstep: there is no topic nowhere\n')
  const unmatched = await runAt(t, group, ['tail', 'prices', 'order.*', 'orders.>'])
  t.is(unmatched.code, 1)
  t.is(unmatched.stderr, 'lockstep: no topic matches order.*\n')
})

test('a long log: little of it is read, also when the newest are behind many of another topic, or in a burst', async (t) => {
  const group = await Group.start(t, 1)
  for (const topic of ['busy', 'noise']) await group.putTopic(topic)
  const filler = 'x'.repeat(1000)
  await publish(group, 'noise', 1, 1, filler)
  await publish(group, 'busy', 1, 10_000, filler)
  const before = await delivered(group)
  t.deepEqual(await tail(t, group, '-n', '2', 'busy'), [['busy', 9999], ['busy', 10_000]]) // biome-ignore format: a line
  const atTheEnd = await delivered(group)
  t.true(atTheEnd - before < 20, `${atTheEnd - before} events were read for the last two`)
  t.deepEqual(await tail(t, group, 'noise'), [['noise', 1]])
  const atTheStart = await delivered(group)
  t.true(atTheStart - atTheEnd < 20, `${atTheStart - atTheEnd} events were read for the only one`)
  await publish(group, 'noise', 2, 3000, filler)
  const middle = await delivered(group)
  t.deepEqual(await tail(t, group, '-n', '2', 'busy'), [['busy', 9999], ['busy', 10_000]]) // biome-ignore format: a line
  const burst = (await delivered(group)) - middle
  t.true(burst < 3000, `${burst} events were read for two behind a burst`)
})

for (const order of ['fifo', 'causal', 'agreed'])
  test(`--follow --order ${order}: the newest with their places, then each event once, with its place or kept`, async (t) => {
    const group = await Group.start(t)
    await group.putTopic('orders')
    await publish(group, 'orders', 1, 20)
    const command = commandAt(t, group, ['tail', '-f', '-n', '3', 'orders', '--order', order])
    await command.printed(/"n":20,/)
    await publish(group, 'orders', 21, 60)
    await command.printed(/"offset":60,/)
    command.signal('SIGINT')
    const { code, stdout } = await command.ended()
    t.is(code, 130)
    const items = objects(stdout)
    t.deepEqual(
      items.filter(({ kind }) => kind === 'event').map(({ data }) => data.n),
      Array.from({ length: 43 }, (_, i) => 18 + i),
    )
    t.deepEqual(
      items.flatMap(({ offset }) => offset ?? []),
      Array.from({ length: 43 }, (_, i) => 18 + i),
    )
    const wrong = await runAt(t, group, ['tail', 'orders', '--order', order])
    t.is(wrong.code, 2)
    t.regex(wrong.stderr, /^lockstep: --order .*--follow\n$/)
  })

test('--follow: those that come, too, at another replica when its own is killed, until Ctrl-C', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders')
  await publish(group, 'orders', 1, 20)
  const command = commandAt(t, group, ['tail', '-f', '-n', '3', 'orders', 'later'])
  await command.printed(/"n":20,/)
  t.is(command.stderr, 'lockstep: there is no topic later yet; it is waited for\n')
  await publish(group, 'orders', 21, 30)
  await command.printed(/"n":30,/)
  // Whichever it is at, it is not there for long.
  for (const name of ['a', 'b']) {
    await group.of(name).kill()
    group.replicas.delete(name)
    await group.add(name)
    await group.of(name).ready
  }
  await group.putTopic('later')
  await publish(group, 'orders', 31, 40)
  await publish(group, 'later', 1, 1)
  await command.printed(/"topic":"later"/)
  command.signal('SIGINT')
  const { code, stdout } = await command.ended()
  t.is(code, 130)
  const numbers = objects(stdout).map(({ data }) => data.n)
  t.deepEqual(numbers, [...Array.from({ length: 23 }, (_, i) => 18 + i), 1])
})
