// The command as a process of its own, against a group in this one. One after another: what is done to a group must be done while
// the command runs.

import ava, { type ExecutionContext } from 'ava'
import { Group } from '../../clients/group.ts'
import { commandAt, objects, runAt } from '../lockstep.ts'

const test = ava.serial

/** Long enough, in seconds, for what is done to the group meanwhile. */
const LASTING = '6'

async function topicsOf(group: Group): Promise<string[]> {
  const response = await fetch(`${group.urls[0]}/v1/topics`)
  const { topics } = (await response.json()) as { topics: { topic: string }[] }
  return topics.map(({ topic }) => topic).filter((topic) => topic.startsWith('bench.'))
}

/** Of the run that is under way, when so many events are in it. */
async function topicUnderWay(t: ExecutionContext, group: Group, events: number): Promise<string> {
  for (let look = 0; look < 2000; look++) {
    const [topic] = await topicsOf(group)
    if (topic !== undefined) {
      const { offset } = (await (await fetch(`${group.urls[0]}/v1/topics/${topic}`)).json()) as { offset: number }
      if (offset >= events) return topic
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return t.fail(`no topic of bench with ${events} events came`) as never
}

test('at a rate, typed, from two publishers to three subscribers: figures of each, at different replicas; the topic is gone', async (t) => {
  const group = await Group.start(t)
  const args = ['--rate', '400', '--seconds', '1', '--publishers', '2', '--subscribers', '3', '--typed']
  const { code, stdout, stderr } = await runAt(t, group, ['bench', ...args])
  t.is(code, 0, stderr + stdout)
  const [report] = objects(stdout)
  t.like(report, { ok: true, rate: 400, typed: true, sameOrder: true, gaps: 0, errors: {}, brokenConnections: 0 })
  t.is(report.sent.events + report.sent.unsent, 400)
  t.is(report.acknowledged.events, report.sent.events)
  t.deepEqual(report.received.map(({ at }: { at: string }) => at).toSorted(), ['a', 'b', 'c'])
  for (const one of report.received) {
    t.like(one, { events: report.sent.events, lost: 0, twice: 0, outOfOrder: 0, refusedAndCame: 0, strange: 0 })
    const { p50, p99, max } = one.latencyMs
    t.true(0 < p50 && p50 <= p99 && p99 <= max, JSON.stringify(one.latencyMs))
  }
  t.deepEqual(await topicsOf(group), [])
})

for (const order of ['fifo', 'causal', 'agreed'])
  test(`--order ${order}, two publishers, a replica put out meanwhile: what was taken back is not received; all is kept in one order`, async (t) => {
    const group = await Group.start(t)
    const args = ['--rate', '400', '--seconds', LASTING, '--publishers', '2', '--subscribers', '3', '--order', order]
    const command = commandAt(t, group, ['bench', ...args])
    await topicUnderWay(t, group, 100)
    await group.putOut('a')
    const { code, stdout, stderr } = await command.ended()
    t.is(code, 0, stderr + stdout)
    const [report] = objects(stdout)
    t.like(report, { ok: true, order, sameOrder: true, gaps: 0, errors: {} })
    for (const one of report.received)
      t.like(one, { events: report.sent.events, lost: 0, twice: 0, outOfOrder: 0, unsettled: 0 })
    const takenBack = report.received.map((one: { takenBack: number }) => one.takenBack)
    // As agreed only if the others' slots happened to be known for it.
    if (order !== 'agreed') t.true(Math.max(...takenBack) > 0, 'the subscriber at a was shown what only a had')
  })

test('its replica is killed at full speed: nothing is lost, and what it was told is in the figures', async (t) => {
  const group = await Group.start(t)
  const command = commandAt(t, group, ['bench', '--seconds', LASTING, '--subscribers', '3'])
  await topicUnderWay(t, group, 100)
  await group.of('b').kill()
  const { code, stdout, stderr } = await command.ended()
  t.is(code, 0, stderr + stdout)
  const [report] = objects(stdout)
  t.like(report, { ok: true, sameOrder: true })
  t.true(report.brokenConnections >= 1)
  t.regex(stderr, /lost http.*trying the next\nlockstep: going on at [ac]\n/)
})

test('Ctrl-C: it ends early with the figures so far and 130, and the topic is gone', async (t) => {
  const group = await Group.start(t, 1)
  const command = commandAt(t, group, ['bench', '--rate', '100', '--seconds', '600'])
  await topicUnderWay(t, group, 20)
  command.signal('SIGINT')
  const { code, stdout } = await command.ended()
  t.is(code, 130)
  const [report] = objects(stdout)
  t.true(report.ok && report.acknowledged.events >= 10 && report.seconds < 60, stdout)
  t.deepEqual(await topicsOf(group), [])
})

test('its topic is deleted while it runs: that is said, and it exits with 1', async (t) => {
  const group = await Group.start(t, 1)
  const command = commandAt(t, group, ['bench', '--rate', '1000', '--seconds', '600'])
  const topic = await topicUnderWay(t, group, 20)
  await fetch(`${group.urls[0]}/v1/topics/${topic}`, { method: 'DELETE' })
  const { code, stdout } = await command.ended()
  t.is(code, 1)
  const [report] = objects(stdout)
  t.false(report.ok)
  t.true(report.errors.NOT_FOUND.count >= 1000, stdout)
})
