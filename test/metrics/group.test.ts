// Three replicas in this process, with what the test does to their datagrams: the numbers that come of it are known.

import test from 'ava'
import { decode } from '../../broker/group/codec.ts'
import type { Message } from '../../broker/group/message.ts'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { scrapeUrl, until } from './samples.ts'

const messageOf = (datagram: Buffer): { from: string; message: Message } => {
  const { sender, message } = decode(datagram)!
  return { from: sender.name, message }
}

test('a member that nobody hears holds stability up: who and for how long, until it is put out', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const [a, b] = [group.of('a').url, group.of('b').url]
  const before = await scrapeUrl(a)
  t.is(before.get('lockstep_healthy'), 1)
  const client = connect({ replicas: a })
  t.teardown(() => client.close())
  group.mute.add('c')
  const published = client.publish('t', 1)

  // Two numbers by two clocks: that of the group does not count what this process was paused for.
  const held = await until('a has waited for c', a, (now) =>
    ['member_lag_seconds{member="c"}', 'stability_stalled_seconds'].every((name) => now.get(`lockstep_${name}`)! > 0.3),
  )
  t.is(held.get('lockstep_member_lag_slots{member="c"}'), 1)
  t.is(held.get('lockstep_member_lag_slots{member="b"}'), 0)
  const waited = held.get('lockstep_member_lag_seconds{member="c"}')!
  t.true(waited < 2, `${waited} s`)
  t.is(held.get('lockstep_member_lag_seconds{member="b"}'), 0)
  t.is(held.get('lockstep_slots_unstable'), 1)
  t.is(held.get('lockstep_healthy'), 1, 'so far the group mends it by itself')

  await published
  const after = await until('c is out', a, (now) => now.get('lockstep_view_members') === 2)
  t.is(after.get('lockstep_roster_members'), 3)
  t.deepEqual(
    [...after.keys()].filter((name) => name.startsWith('lockstep_member_lag_slots')),
    ['lockstep_member_lag_slots{member="b"}'],
  )
  t.is(after.get('lockstep_stability_stalled_seconds'), 0)
  for (const url of [a, b]) {
    const then = url === a ? after : await until('b knows', b, (now) => now.get('lockstep_view_members') === 2)
    t.is(then.get('lockstep_view_changes_total{reason="exclude"}'), 1)
    t.is(then.get('lockstep_members_excluded_total'), 1)
    t.is(then.get('lockstep_view_change_duration_seconds_count'), 1)
    const [wedged, change] = ['wedged_seconds_total', 'view_change_duration_seconds_sum'].map(
      (name) => then.get(`lockstep_${name}`)!,
    )
    // The one that leads has begun a moment before it stands still.
    t.true(wedged! > 0 && wedged! <= change! + 0.05, `${wedged} s of ${change} s`)
  }
  const attempts = await Promise.all(
    [a, b].map(async (url) => (await scrapeUrl(url)).get('lockstep_view_change_attempts_total')),
  )
  t.true(attempts[0]! + attempts[1]! >= 1)
})

test('cut off from a majority: blocked, growing while it lasts, and healthy again after', async (t) => {
  const group = await Group.start(t)
  const { url } = group.of('a')
  group.hears = (name) => name !== 'a'
  group.mute.add('a')
  const cut = await until('a is cut off', url, (now) => now.get('lockstep_primary') === 0)
  t.is(cut.get('lockstep_healthy'), 0)
  t.is(cut.get('lockstep_suspected_members'), 2)
  for (const member of ['b', 'c']) t.is(cut.get(`lockstep_member_suspected{member="${member}"}`), 1)
  t.is((await fetch(`${url}/readyz`)).status, 503)
  const blocked = 'lockstep_blocked_seconds_total{reason="cut-off"}'
  const since = cut.get(blocked)!
  await until('half a second passes', url, (now) => now.get(blocked)! > since + 0.5)
  group.hears = () => true
  group.mute.delete('a')
  // For a moment it may take itself for a member of the view that the others have left without it.
  const isBack = (now: ReadonlyMap<string, number>): boolean =>
    now.get('lockstep_healthy') === 1 && now.get('lockstep_view_number')! > cut.get('lockstep_view_number')!
  const well = await until('a is back', url, isBack)
  t.is((await fetch(`${url}/readyz`)).status, 200)
  t.is((await scrapeUrl(url)).get(blocked), well.get(blocked), 'and it grows no more')
  t.true(well.get('lockstep_blocked_seconds_total{reason="outside"}')! > 0, 'it was put out meanwhile')
})

test('a lost slot: asked for and given, each time for its cause', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const heard = { lost: 0, want: 0, repair: 0 }
  group.hears = (name, datagram) => {
    const { from, message } = messageOf(datagram)
    if (message.kind === 'want' || message.kind === 'repair') heard[message.kind]++
    if (name !== 'b' || from !== 'a' || message.kind !== 'slot' || heard.lost > 0) return true
    heard.lost++
    return false
  }
  const client = connect({ replicas: group.of('a').url })
  t.teardown(() => client.close())
  await client.publish('t', 1)
  t.is(heard.lost, 1)
  t.true(heard.want >= 1 && heard.repair >= 1)
  // Once, if none of the three was paused for longer than an answer may take: then it is asked for once more.
  const repairs = async (direction: string, cause: string): Promise<number> => {
    const all = await Promise.all(group.urls.map(scrapeUrl))
    return all.reduce(
      (sum, one) => sum + one.get(`lockstep_repairs_total{direction="${direction}",cause="${cause}"}`)!,
      0,
    )
  }
  t.is(await repairs('asked', 'lost'), heard.want)
  t.is(await repairs('given', 'lost'), heard.repair)
  for (const cause of ['view-change', 'join'])
    t.is((await repairs('asked', cause)) + (await repairs('given', cause)), 0)
})

test('what only one survivor holds of a dead member: asked for and given for the change of view', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('t')
  const [a, b] = [group.of('a').url, group.of('b').url]
  const asked = 'lockstep_repairs_total{direction="asked",cause="view-change"}'
  const given = 'lockstep_repairs_total{direction="given",cause="view-change"}'
  let repairsHeard = false
  // b hears no slot of c's, and nothing that would mend it, before it stands still.
  group.hears = (name, datagram) => {
    const { from, message } = messageOf(datagram)
    if (message.kind === 'slot' && from === 'c') return name === 'a'
    return !(name === 'b' && message.kind === 'repair' && !repairsHeard)
  }
  const client = connect({ replicas: group.of('c').url })
  t.teardown(() => client.close())
  client.publish('t', 1).catch(() => {})
  await until(
    'a holds the slot',
    a,
    (now) => now.get('lockstep_datagrams_total{direction="received",kind="slot"}')! > 0,
  )
  await group.of('c').kill()
  await until('b asks for the change of view', b, (now) => now.get(asked)! > 0)
  repairsHeard = true
  const after = await until('c is out', b, (now) => now.get('lockstep_view_members') === 2)
  t.is(after.get('lockstep_log_events'), (await scrapeUrl(a)).get('lockstep_log_events'), 'both hold it')
  t.true((await scrapeUrl(a)).get(given)! > 0)
})

test('what is not safe yet when one joins: asked for and given for the joining', async (t) => {
  const group = await Group.start(t, 2)
  await group.putTopic('t')
  const { url } = group.of('a')
  const asked = 'lockstep_repairs_total{direction="asked",cause="join"}'
  const given = 'lockstep_repairs_total{direction="given",cause="join"}'
  let repairsHeard = false
  // b hears no slot of a's, so that it is not safe, and nothing that would mend it before the joiner has asked.
  group.hears = (name, datagram) => {
    const { from, message } = messageOf(datagram)
    return name !== 'b' || !((message.kind === 'slot' && from === 'a') || (message.kind === 'repair' && !repairsHeard))
  }
  const client = connect({ replicas: url })
  t.teardown(() => client.close())
  const published = client.publish('t', 1)
  await until('it waits for b', url, (now) => now.get('lockstep_member_lag_slots{member="b"}') === 1)
  const c = await group.add('c')
  await until('c asks', c.url, (now) => now.get(asked)! > 0)
  repairsHeard = true
  await published
  const inside = await until('c is in', c.url, (now) => now.get('lockstep_view_members') === 3)
  t.is(inside.get('lockstep_log_events'), (await scrapeUrl(url)).get('lockstep_log_events'))
  t.true((await scrapeUrl(url)).get(given)! > 0)
})

test('one catches up: from outside to healthy, with all that was published meanwhile', async (t) => {
  const group = await Group.start(t, 2)
  await group.putTopic('t')
  const client = connect({ replicas: group.of('a').url })
  t.teardown(() => client.close())
  for (let n = 0; n < 10; n++) await client.publish('t', n)
  // It hears the group, and is answered only when this is seen.
  let answered = false
  group.hears = (name, datagram) => {
    const { kind } = messageOf(datagram).message
    return name !== 'c' || answered || (kind !== 'log' && kind !== 'chunk')
  }
  const c = await group.add('c')
  const outside = await until(
    'c asks',
    c.url,
    (now) => now.get('lockstep_datagrams_total{direction="sent",kind="pull"}')! > 0,
  )
  t.is(outside.get('lockstep_catching_up'), 1)
  t.is(outside.get('lockstep_catch_up_ratio'), 0)
  t.is(outside.get('lockstep_healthy'), 0)
  answered = true
  const inside = await until('c is in', c.url, (now) => now.get('lockstep_healthy') === 1)
  t.is(inside.get('lockstep_catching_up'), 0)
  t.is(inside.get('lockstep_catch_up_ratio'), 1)
  t.is(inside.get('lockstep_role{role="member"}'), 1)
  const there = await scrapeUrl(group.of('a').url)
  t.is(inside.get('lockstep_log_events'), there.get('lockstep_log_events'))
  t.is(there.get('lockstep_view_changes_total{reason="join"}'), 1)
  t.is(there.get('lockstep_events_published_total{topic="t"}'), 10)
  t.is(inside.get('lockstep_events_published_total{topic="t"}'), undefined, 'none entered there')
})

test('a subscriber without credit, one that reads: the one is stopped, the other is not', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('t')
  const { url } = group.of('a')
  const client = connect({ replicas: url })
  t.teardown(() => client.close())
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, 'lockstep.v1')
  t.teardown(() => socket.close())
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  for (const [sub, credit] of [
    [1, 1],
    [2, 1024 * 1024],
  ])
    socket.send(JSON.stringify({ op: 'subscribe', sub, topics: ['t'], from: 'now', credit }))
  await until('both are there', url, (now) => now.get('lockstep_subscribers') === 2)
  for (let n = 0; n < 20; n++) await client.publish('t', n)
  const now = await until('one is behind', url, (one) => one.get('lockstep_subscribers_behind')! > 0)
  t.is(now.get('lockstep_subscribers_behind'), 1)
  t.is(now.get('lockstep_subscribers_stopped'), 1)
  const worst = now.get('lockstep_subscriber_lag_worst_events')!
  t.true(worst > 0 && worst < 20, `one message went on the first credit; ${worst} are left`)
  t.is(now.get('lockstep_subscriber_still_seconds{waits_for="replica"}'), 0)
  socket.send(JSON.stringify({ op: 'credit', sub: 1, bytes: 1024 * 1024 }))
  await until('it has read on', url, (one) => one.get('lockstep_subscribers_behind') === 0)
  t.is((await scrapeUrl(url)).get('lockstep_streams{kind="websocket"}'), 2)
})
