// Which lines an operator is written, decided from what the group says; by hand, and by whole groups in this process.

import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import test from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import type { MemberStatus, Note } from '../../broker/group/port.ts'
import { Journal } from '../../broker/journal.ts'
import { createLog } from '../../broker/log.ts'
import { Group } from '../clients/group.ts'
import { type Line, LogLines } from './log-lines.ts'

const B = { name: 'b', incarnation: 2, url: 'http://b' }
const JSON_TYPE = { 'Content-Type': 'application/json' }

interface Desk {
  readonly clock: { now: number; primary: boolean; linked: boolean }
  readonly journal: Journal
  readonly lines: LogLines
  note(note: Note): void
  /** Lets time pass, and looks. */
  pass(ms: number): void
  last(): Line
}

function desk(): Desk {
  const clock = { now: 1000, primary: true, linked: true }
  const lines = new LogLines()
  const journal = new Journal({
    log: createLog('debug', 'a', { format: 'json', output: lines }),
    now: () => clock.now,
    memberStatus: () => ({ primary: clock.primary, self: { name: 'a' }, view: { number: 7 } }) as MemberStatus,
    linked: () => clock.linked,
  })
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 100) {
      clock.now += 100
      journal.tick()
    }
  }
  const note = (one: Note): void => journal.output({ type: 'note', note: one })
  return { clock, journal, lines, note, pass, last: () => lines.all.at(-1) }
}

// ---- by hand

test('a member that comes and goes: a few lines, then one a minute with how many more', (t) => {
  const { lines, note, pass } = desk()
  for (let i = 0; i < 300; i++) {
    note({ type: 'suspected', member: B, why: 'silent' })
    note({ type: 'suspicionWithdrawn', member: B })
    pass(1000)
  }
  const suspected = lines.of('a', 'member suspected')
  t.is(suspected.length, 5 + 5)
  t.like(suspected.at(-1), { level: 'warn', member: 'b', why: 'silent', more: 59 })
  t.is(lines.of('a', 'suspicion withdrawn').length, 5 + 5)
})

test('what must never happen, or needs somebody: errors that say what to do', (t) => {
  const { note, last } = desk()
  const said = (one: Note): string => {
    note(one)
    return `${last().level}: ${last().msg}`
  }
  t.regex(said({ type: 'diverged', member: B, position: 3 }), /^fatal: another replica has another state/)
  t.regex(said({ type: 'foreignHistory', member: 'b', history: 3 }), /^error: a replica of another history/)
  t.regex(said({ type: 'namesake', member: B }), /^error: another process has the name/)
  t.regex(said({ type: 'joinerRefused', member: B, why: 'x' }), /^error: joiner refused/)
  t.regex(said({ type: 'joinerNotReady', member: B, banMs: 5 }), /^warn: joiner was not ready/)
  t.regex(said({ type: 'refused', why: 'x' }), /^error: the group does not let this replica in/)
  t.regex(said({ type: 'groupUnheard', ms: 5000 }), /^error: no member of the group is heard.*start all of them/)
  t.regex(said({ type: 'blocked', view: 0, ms: 5000, unheard: ['b'] }), /^warn: the group is formed when the whole/)
  t.regex(said({ type: 'blocked', view: 7, ms: 5000, unheard: ['b'] }), /^error: no quorum of the view.*start all/)
  t.regex(said({ type: 'paused', ms: 99 }), /^debug: this process was paused/)
  t.regex(said({ type: 'paused', ms: 100 }), /^warn: this process was paused/)
  t.regex(said({ type: 'changeGivenUp', view: 7, attempt: 2, why: 'x' }), /^info: gave up leading/)
})

test('the same goes on: how long it was blocked, said once; nothing when nothing was wrong', (t) => {
  const { clock, lines, note, pass, last } = desk()
  pass(1000)
  t.is(lines.all.length, 0)
  clock.primary = false
  pass(5000)
  note({ type: 'blocked', view: 7, ms: 5000, unheard: ['b'] })
  pass(2000)
  clock.primary = true
  pass(1000)
  t.like(last(), { level: 'info', msg: 'goes on: it takes publishes again', view: 7, ms: 7100 })
  t.is(lines.all.length, 2)
})

test('catching up: begin, each quarter, each 5 s, end', (t) => {
  const { lines, note, pass } = desk()
  const at = (bytes: number, position = 0): void =>
    note({ type: 'catchingUp', position, head: 100, bytes, total: position > 0 ? 0 : 1000 })
  at(0)
  for (const bytes of [100, 200, 260, 300]) {
    pass(1000)
    at(bytes)
  }
  for (let i = 0; i < 12; i++) {
    pass(1000)
    at(310)
  }
  at(0, 80)
  note({ type: 'wantsIn', position: 99 })
  t.deepEqual(
    lines.all.map(({ msg, percent, bytes, position, ms }) => [msg, percent ?? position, bytes ?? ms]),
    [
      ['catching up', 0, undefined],
      ['still catching up', 26, 260],
      ['still catching up', 31, 310],
      ['still catching up', 31, 310],
      ['still catching up', 80, undefined],
      ['caught up, asking to be let in', 99, 16_000],
    ],
  )
})

test('overloaded: one line when it begins, one when it is over, however many were refused', (t) => {
  const { journal, lines, pass } = desk()
  for (let i = 0; i < 100; i++) {
    journal.refused(new BrokerError('OVERLOADED', 'the limit is 5'))
    pass(100)
  }
  journal.refused(new BrokerError('MALFORMED', 'x'))
  pass(10_000)
  const [began, ended] = lines.all
  t.like(began, { level: 'warn', why: 'the limit is 5' })
  t.like(ended, { level: 'info', msg: 'no longer overloaded', ms: 9900, refused: 100 })
  t.is(lines.all.length, 2)
})

test('servers of the fabric fail in turns, each in its own words: no line for each attempt', (t) => {
  const { journal, lines, pass } = desk()
  for (let i = 0; i < 600; i++) {
    journal.fabricProblem(`NATS server ${i % 2}: refused`)
    pass(200)
  }
  t.is(lines.of('a', 'the fabric has a problem').length, 5 + 2)
})

test('at its end it writes what it has held back, and why it ends', (t) => {
  const { journal, lines } = desk()
  for (let i = 0; i < 9; i++) journal.failedRequest(new Error(`number ${i}`))
  journal.stopped('left', false)
  t.is(lines.all.length, 5 + 1 + 1)
  t.like(lines.all[5], { level: 'error', more: 3, err: { message: 'number 8' } })
  t.like(lines.all[6], { level: 'info', msg: 'stopped', reason: 'left' })
})

test('the table of lines in README.md has every one, and no other', (t) => {
  const read = (path: string): string => readFileSync(new URL(`../../broker/${path}`, import.meta.url), 'utf8')
  const [, section = ''] = read('README.md').split('## Log lines\n')
  const told = [...section.split('\n## ')[0]!.matchAll(/^\| `([^`]+)`/gm)].map(([, text]) => text!)
  const sources = ['journal.ts', 'cli/until-ended.ts', 'cli/start.ts'].map(read).join('\n')
  for (const text of told.filter((one) => one !== 'ready name='))
    t.true(sources.replaceAll("' +\n        '", '').includes(text), `no such line: ${text}`)
  const pattern =
    /(?:say|sayOf)\(\s*(?:note\.member,\s*)?(?:'(?:info|warn|error|fatal)'|note\.ms[^,]+|member \? [^,]+),\s*'([^']+)'/g
  const said = [
    ...sources.matchAll(pattern),
    ...sources.matchAll(/\blog(?:\.\w+|\[[^\]]+\])\([^'`)]*['`]([^'`$]+)['`$]/g),
  ]
  t.true(said.length > 30, `only ${said.length} lines are found in the sources`)
  for (const [, text] of said)
    t.true(
      told.some((one) => text!.startsWith(one)),
      `not in the table: ${text}`,
    )
})

// ---- by whole groups

test('a group: ready, why each view came, whom it suspects, who leads, how long it stood still, and its end', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 3, { output: lines })
  const first = await lines.until('a', 'view installed')
  t.like(first, { level: 'info', reason: 'first', view: 1, members: ['a', 'b', 'c'], position: 1 })
  t.like(await lines.until('a', 'started'), { group: 'lockstep', roster: ['a', 'b', 'c'] })
  const { url } = group.of('a')
  t.like(await lines.until('a', `ready name=a view=1 listen=${url}`), { name: 'a', view: 1, listen: url })

  await group.of('b').kill()
  t.like(await lines.until('a', 'member suspected'), { level: 'warn', member: 'b' })
  const without = await lines.until('a', 'view installed', ({ view }) => view === 2)
  t.like(without, { reason: 'exclude', failed: ['b'], members: ['a', 'c'] })
  t.regex(without.why[0], /^b (probe|silent|suspected by others)$/)
  t.true(without.attempts >= 1 && without.ms >= 0, JSON.stringify(without))
  t.true(['a', 'c'].includes(without.leader))
  const leading = await lines.until(without.leader, 'leading a view change', ({ view }) => view === 1)
  t.regex(leading.why, /^b is not heard or stalls$/)
  t.like(await lines.until('c', 'stopped in this view for a view change'), { view: 1, coordinator: without.leader })

  await group.add('b')
  t.like(await lines.until('a', 'view installed', ({ view }) => view === 3), { reason: 'join', joined: ['b'] })
  group.of('c').stop()
  t.like(await lines.until('a', 'view installed', ({ view }) => view === 4), { reason: 'leave', left: ['c'] })
  await lines.until('c', 'leaving the group')
  t.like(await lines.until('c', 'stopped'), { level: 'info' })
})

test('the fabric is lost for all and comes back: lost, in reach, and going on in the same view', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 3, { output: lines })
  for (const fabric of group.fabrics.values()) fabric.unlink()
  t.like(await lines.until('b', 'the fabric is out of reach: this replica hears nobody, and takes no publishes'), {
    level: 'warn',
  })
  for (const fabric of group.fabrics.values()) fabric.link()
  t.true((await lines.until('b', 'the fabric is in reach again')).ms >= 0)
  t.like(await lines.until('b', 'goes on: it takes publishes again'), { level: 'info', view: 1 })
})

test('no quorum is heard: blocked, with whom; heard again: withdrawn, and going on, with how long it was', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 3, { output: lines })
  for (const name of ['a', 'b', 'c']) group.mute.add(name)
  const [blocked] = await Promise.all(
    ['a', 'b', 'c'].map((name) => lines.until(name, BLOCKED, ({ unheard }) => unheard.length === 2)),
  )
  t.like(blocked, { level: 'error', view: 1, unheard: ['b', 'c'] })
  group.mute.clear()
  await lines.until('a', 'suspicion withdrawn', ({ member }) => member === 'b')
  const resumed = await lines.until('a', 'goes on: it takes publishes again')
  t.true(resumed.ms >= blocked.ms, `${resumed.ms} of ${blocked.ms}`)
})

const BLOCKED =
  'no quorum of the view is connected with this replica, or a change of view hangs: it goes on when they are heard again. If they are ' +
  'gone for good, stop every replica of the group and start all of them again: that begins an empty group'

test('put out, and catching up by a snapshot that comes slowly: begin, progress, end, and in again', async (t) => {
  const lines = new LogLines()
  const flags = { 'log-bytes-max': '65536', 'log-entries-max': '100' }
  const group = await Group.start(t, 3, { output: lines, flags })
  await group.putTopic('t')
  group.mute.add('c')
  await lines.until('a', 'view installed', ({ view }) => view === 2)
  const body = JSON.stringify('x'.repeat(200_000))
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`${group.of('a').url}/v1/topics/t/events`, { method: 'POST', headers: JSON_TYPE, body })
    t.is(answer.status, 200)
  }
  let nextAt = 0
  group.hears = (name, datagram) => {
    if (name !== 'c' || datagram.length < 50_000) return true
    if (performance.now() < nextAt) return false
    nextAt = performance.now() + 100
    return true
  }
  group.mute.delete('c')
  t.like(await lines.until('c', 'put out of the group; catching up to join again'), { level: 'warn' })
  const began = await lines.until('c', 'catching up')
  const still = await lines.until('c', 'still catching up')
  t.true(still.bytes > 0 && still.bytes <= still.snapshotBytes && still.percent < 100, JSON.stringify(still))
  group.hears = () => true
  t.true((await lines.until('c', 'took over the state of another replica')).bytes > 3_000_000)
  const ended = await lines.until('c', 'caught up, asking to be let in')
  t.true(ended.position > began.position && ended.ms >= 1000, JSON.stringify([began, ended]))
  t.like(await lines.until('c', 'view installed', ({ view }) => view === 3), { reason: 'join', member: true })
  await lines.until('c', 'goes on: it takes publishes again')
})

test('other settings than the group has: told at both sides, with the difference', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 1, { output: lines })
  await group.add('d', { roster: 'a', 'topics-max': '99' })
  const refused = await lines.until('d', 'the group does not let this replica in')
  t.regex(refused.why, /topicsMax/)
  t.like(await lines.until('a', 'joiner refused'), { level: 'error', member: 'd' })
})

test('more is published than is taken: overloaded, and no longer', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 1, { output: lines, flags: { 'pending-requests-max': '1' } })
  await group.putTopic('t')
  const post = (): Promise<Response> =>
    fetch(`${group.urls[0]}/v1/topics/t/events`, { method: 'POST', headers: JSON_TYPE, body: '1' })
  let refused = 0
  while (refused === 0) {
    const answers = await Promise.all(Array.from({ length: 20 }, post))
    refused = answers.filter(({ status }) => status === 503).length
  }
  const began = await lines.until('a', 'overloaded: requests are refused, and should come again a little later')
  t.regex(began.why, /pendingRequestsMax = 1/)
  t.like(await lines.until('a', 'no longer overloaded'), { level: 'info', refused })
})

test('over a limit: clients are turned away by HTTP and cut off, and it is said, but not for each', async (t) => {
  const lines = new LogLines()
  const group = await Group.start(t, 1, { output: lines, flags: { 'connections-max': '2' } })
  const { port } = new URL(group.urls[0]!)
  const sockets = Array.from({ length: 2 }, () => connect(Number(port), '127.0.0.1'))
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  for (let i = 0; i < 30; i++) {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(`${group.urls[0]}/healthz`, { agent: false }, (response) => {
        resolve(response.statusCode)
        response.resume()
      })
      outgoing.once('error', reject).end()
    })
    t.is(status, 429)
  }
  const said = lines.of('a', 'a client was turned away at a limit')
  t.is(said.length, 5)
  t.regex(said[0].limit, /has its 2 connections/)
})

// Alone: all the groups here stand still then.
test.serial('a process that stands still: says so by itself, and suspects nobody for it', async (t) => {
  const lines = new LogLines()
  await Group.start(t, 3, { output: lines })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  const message = 'this process was paused; deadlines moved by as much'
  t.like(await lines.until('b', message, ({ ms }) => ms >= 1000), { level: 'warn' })
  t.is(lines.of('b', 'member suspected').length, 0)
})
