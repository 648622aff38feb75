import test from 'ava'
import type { Note } from '../../broker/group/port.ts'
import type { Published } from '../../broker/http/operations.ts'
import { asked, event, FakeGroup, type FakeReplica, request, texts } from './fake-group.ts'

const TEXT = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] }
const NUMBER = { type: 'object', properties: { text: { type: 'number' } }, required: ['text'] }

function three(options: Parameters<typeof FakeGroup.of>[1] = {}): {
  group: FakeGroup
  a: FakeReplica
  b: FakeReplica
  c: FakeReplica
} {
  const { group, replicas } = FakeGroup.of(['a', 'b', 'c'], { autoTopics: true, ...options })
  const [a, b, c] = replicas as [FakeReplica, FakeReplica, FakeReplica]
  return { group, a, b, c }
}

function stored(replica: FakeReplica, topics = '>'): string[] {
  return texts(replica.broker.subscribe([topics], { at: 'start' }, { views: false }).next(1000, 1_000_000))
}

const publishAt = (replica: FakeReplica, ...args: Parameters<typeof request>) =>
  asked<Published>((done) => replica.broker.publish(request(...args), done))

test('a publish is answered when it is delivered, with its place, which is the same at every replica', (t) => {
  const { group, a, b } = three()
  const first = publishAt(a, 't', [1, 2])
  t.is(first.text, 'none')
  group.settle()
  const second = publishAt(b, 't', [3])
  group.settle()
  t.like(first.result, {
    history: '00000000000abc',
    seq: 2,
    offset: 1,
    count: 2,
    duplicate: false,
    positionKnown: true,
  })
  t.like(second.result, { seq: 4, offset: 3, count: 1 })
  t.deepEqual(stored(a), ['t 1', 't 2', 't 3'])
  t.is(new Set(group.replicas.map(({ broker }) => `${broker.state.seq} ${broker.state.digest}`)).size, 1)
})

test('a retry that meets its first copy on its way is not sent again: both are answered, it as a duplicate', (t) => {
  const { group, a } = three()
  const publisher = { id: 'p', sequence: 1 }
  const first = publishAt(a, 't', [1], publisher)
  const retry = publishAt(a, 't', [1], publisher)
  t.is(a.submitted, 1)
  group.settle()
  t.like(first.result, { seq: 2, duplicate: false })
  t.like(retry.result, { seq: 2, duplicate: true })
  const other = publishAt(a, 't', [2], { id: 'p', sequence: 2 })
  t.is(publishAt(a, 't', [2, 3], { id: 'p', sequence: 2 }).text, 'CONFLICT not-published')
  group.settle()
  t.is(other.text, 'done')
  t.deepEqual(stored(a), ['t 1', 't 2'])
})

test('a retry at another replica is ordered twice and applied once; the first copy answers both, and one is told so', (t) => {
  const { group, a, b } = three()
  const publisher = { id: 'p', sequence: 7 }
  const at = [publishAt(a, 't', [1], publisher), publishAt(b, 't', [1], publisher)]
  group.settle()
  t.like(at[0]?.result, { seq: 2, duplicate: false })
  t.like(at[1]?.result, { seq: 2, duplicate: true })
  t.deepEqual(stored(a), ['t 1'])
})

test('the same number at all replicas at once, other data each: one is told that it was the first, and it was', (t) => {
  const { group, a, b, c } = three()
  const publisher = { id: 'p', sequence: 1 }
  const values = [b, a, c, b].map((replica, value) => ({ value, answer: publishAt(replica, 't', [value], publisher) }))
  c.send()
  group.settle()
  const fresh = values.filter(({ answer }) => answer.result?.duplicate === false)
  t.deepEqual(
    fresh.map(({ value }) => `t ${value}`),
    stored(a),
  )
  t.true(values.every(({ answer }) => answer.result?.seq === 2))
})

test('a late retry gets the first place and is called a duplicate, whatever became of its topic', (t) => {
  const { group, a, b } = three()
  const publisher = { id: 'p', sequence: 1 }
  publishAt(a, 't', [{ text: 'x' }], publisher)
  group.settle()
  asked((done) => a.broker.putTopic('t', { schema: NUMBER }, done))
  group.settle()
  const underOtherSchema = publishAt(b, 't', [{ text: 'x' }], publisher)
  group.settle()
  t.like(underOtherSchema.result, { seq: 2, offset: 1, duplicate: true, positionKnown: true })
  asked((done) => a.broker.deleteTopic('t', done))
  group.settle()
  const afterDelete = publishAt(b, 't', [{ text: 'x' }], publisher)
  group.settle()
  t.like(afterDelete.result, { seq: 2, duplicate: true })
})

test('a number beyond the next is refused with the number expected', (t) => {
  const { group, a } = three()
  publishAt(a, 't', [1], { id: 'p', sequence: 1 })
  const beyond = publishAt(a, 't', [1], { id: 'p', sequence: 3 })
  // Alone with an earlier one on its way it would be tried again; that has ended well, so this one is answered.
  group.settle()
  t.is(beyond.text, 'CONFLICT not-published')
  t.is(beyond.error?.details.expectedSequence, 2)
})

test('excluded, and the request was lost: it goes again when the replica is back, before newer ones', (t) => {
  const { group, a, b, c } = three()
  const lost = publishAt(a, 't', ['lost'])
  a.attached = false
  a.exclude()
  group.change([b, c])
  publishAt(b, 't', ['meanwhile'])
  group.settle()
  const waiting = publishAt(a, 't', ['waiting'])
  t.is(lost.text, 'none')
  t.is(waiting.text, 'none')
  group.change([b, c, a])
  a.attached = true
  group.settle()
  t.deepEqual(stored(b), ['t "meanwhile"', 't "lost"', 't "waiting"'])
  t.like(lost.result, { seq: 5, duplicate: false })
  t.like(waiting.result, { seq: 6, duplicate: false })
})

test('excluded, and the request was ordered: it is answered by what the replica catches up on, and not sent again', (t) => {
  const { group, a, b, c } = three()
  const ordered = publishAt(a, 't', ['ordered'])
  const lost = publishAt(a, 't', ['lost'])
  const second = a.queue.pop()!
  a.send()
  a.queue = [second]
  a.attached = false
  a.exclude()
  group.change([b, c])
  group.settle()
  a.read()
  t.like(ordered.result, { seq: 2, duplicate: false })
  t.is(lost.text, 'none')
  group.change([b, c, a])
  a.attached = true
  group.settle()
  t.like(lost.result, { duplicate: false })
  t.is(a.submitted, 3)
  t.deepEqual(stored(c), ['t "ordered"', 't "lost"'])
})

test('excluded, and a snapshot jumps over the request: the state tells its place when it goes again', (t) => {
  const { group, a, b, c } = three()
  const own = publishAt(a, 't', ['own'])
  const named = publishAt(a, 't', ['named'], { id: 'p', sequence: 1 })
  a.send()
  a.attached = false
  a.exclude()
  group.change([b, c])
  group.settle()
  a.restoreFrom(b)
  t.is(own.text, 'none')
  group.change([b, c, a])
  a.attached = true
  group.settle()
  t.like(own.result, { seq: 2, duplicate: false, positionKnown: true })
  t.like(named.result, { seq: 3, duplicate: true, positionKnown: true })
  t.deepEqual(stored(a), ['t "own"', 't "named"'])
})

test('a new schema overtakes a publish: it is checked again, and taken if it fits', (t) => {
  const { group, a, b } = three()
  publishAt(a, 't', [{ text: 'first' }])
  group.settle()
  const schema = asked((done) => a.broker.putTopic('t', { schema: TEXT }, done))
  const fits = publishAt(b, 't', [{ text: 'x' }])
  const fitsNot = publishAt(b, 't', [{ text: 1 }])
  const after = publishAt(b, 'other', ['y'])
  group.settle()
  t.is(schema.text, 'done')
  t.like(fits.result, { duplicate: false })
  t.is(fitsNot.text, 'INVALID_EVENT not-published')
  t.deepEqual(fitsNot.error?.details.errors?.[0]?.path, '/text')
  t.is(after.text, 'done')
  t.deepEqual(stored(a), ['t {"text":"first"}', 'other "y"', 't {"text":"x"}'])
})

test('a new schema overtakes several numbered publishes: they all go again, in their order', (t) => {
  const { group, a, b } = three()
  publishAt(a, 't', [{ text: 'first' }])
  group.settle()
  publishAt(b, 't', [{ text: '1' }], { id: 'p', sequence: 1 })
  group.settle()
  asked((done) => a.broker.putTopic('t', { schema: TEXT }, done))
  const answers = [2, 3, 4].map((sequence) => publishAt(b, 't', [{ text: String(sequence) }], { id: 'p', sequence }))
  group.settle()
  t.deepEqual(
    answers.map(({ result }) => result?.offset),
    [3, 4, 5],
  )
})

test('a copy that entered elsewhere and is refused says nothing of the one that entered here', (t) => {
  const { group, a, b, c } = three({ autoTopics: false })
  asked((done) => c.broker.putTopic('t', {}, done))
  group.settle()
  const publisher = { id: 'p', sequence: 1 }
  const [atA, atB] = [a, b].map((replica) => publishAt(replica, 't', [1], publisher))
  asked((done) => c.broker.deleteTopic('t', done))
  c.send()
  a.send()
  c.read()
  asked((done) => c.broker.putTopic('t', {}, done))
  c.send()
  b.send()
  for (const replica of group.replicas) replica.read()
  t.is(atB?.text, 'none')
  group.settle()
  t.like(atB?.result, { offset: 1, duplicate: false })
  t.is(atA?.text, 'NOT_FOUND not-published')
  t.deepEqual(stored(a), ['t 1'])
})

test('another request under the same number, at another replica: only the first in the order is taken', (t) => {
  const { group, a, b } = three()
  const publisher = { id: 'p', sequence: 1 }
  const one = publishAt(a, 't', [1], publisher)
  const two = publishAt(b, 't', [1, 2], publisher)
  group.settle()
  t.is(one.text, 'done')
  t.is(two.text, 'CONFLICT not-published')
  t.is(two.error?.details.expectedSequence, 2)
  t.deepEqual(stored(a), ['t 1'])
})

test('back in the group, which has no room at first: what waits keeps its order, newer requests come after it', (t) => {
  const { group, a, b, c } = three()
  const first = publishAt(a, 't', ['first'])
  const late = publishAt(a, 't', ['late'], { id: 'p', sequence: 1 })
  a.exclude()
  group.change([b, c])
  group.change([b, c, a])
  a.refuses = 'overloaded'
  group.settle()
  const second = publishAt(a, 't', ['second'])
  t.deepEqual([first.text, late.text, second.text], ['none', 'none', 'none'])
  a.refuses = undefined
  group.settle()
  t.deepEqual(stored(b), ['t "first"', 't "late"', 't "second"'])
})

test('back in the group, which has no room until time is up: what is known to be in no order is not published', (t) => {
  const { group, a, b, c } = three()
  const lost = publishAt(a, 't', ['lost'])
  a.exclude()
  group.change([b, c])
  group.change([b, c, a])
  a.refuses = 'overloaded'
  group.settle()
  group.pass(10_100)
  t.is(lost.text, 'NOT_PRIMARY not-published')
})

test('excluded, and the first of two requests was refused as stale: both get through, none as a duplicate', (t) => {
  const { group, a, b, c } = three()
  publishAt(a, 't', [{ text: '0' }])
  group.settle()
  asked((done) => b.broker.putTopic('t', { schema: TEXT }, done))
  const stale = publishAt(a, 't', [{ text: 'stale' }])
  const lost = publishAt(a, 'other', ['lost'])
  b.send()
  a.queue.pop()
  a.send()
  a.exclude()
  group.change([b, c])
  group.change([b, c, a])
  group.settle()
  t.like(stale.result, { positionKnown: true, duplicate: false })
  t.like(lost.result, { positionKnown: true, duplicate: false })
  t.deepEqual(stored(b), ['t {"text":"0"}', 'other "lost"', 't {"text":"stale"}'])
})

test('a topic that is changed under every try is given up after some tries', (t) => {
  const { group, a, b } = three()
  publishAt(a, 't', [1])
  group.settle()
  const publish = publishAt(b, 't', [1])
  for (let version = 0; publish.times === 0 && version < 100; version++) {
    asked((done) => a.broker.putTopic('t', { schema: { $comment: String(version) } }, done))
    for (const replica of group.replicas) replica.send()
    for (const replica of group.replicas) replica.read()
  }
  t.is(publish.text, 'CONFLICT not-published')
  t.is(b.broker.pending.size, 0)
})

test('two settings at once: the second is judged again against the first', (t) => {
  const { group, a, b } = three()
  const at = [TEXT, NUMBER].map((schema, i) =>
    asked<{ created: boolean }>((done) => [a, b][i]!.broker.putTopic('t', { schema }, done)),
  )
  group.settle()
  t.is(at[0]?.result?.created, true)
  t.is(at[1]?.text, 'CONFLICT -')
  t.true(at[1]?.error?.details.errors?.[0]?.path.startsWith('/schema/properties/text'))
  const again = [a, b].map((replica) =>
    asked<{ created: boolean }>((done) => replica.broker.putTopic('u', { retention: { events: 5 } }, done)),
  )
  group.settle()
  t.deepEqual(
    again.map(({ result }) => result?.created),
    [true, false],
  )
})

test('topics: described, their schemas given, deleted, and what does not exist is not found', (t) => {
  const { group, a, b } = three({ autoTopics: false })
  const published = publishAt(a, 't', [1])
  const deletedEarly = asked((done) => a.broker.deleteTopic('t', done))
  group.settle()
  t.deepEqual([published.text, deletedEarly.text], ['NOT_FOUND not-published', 'NOT_FOUND not-published'])
  const put = asked<{ description: object }>((done) =>
    a.broker.putTopic('t', { schema: TEXT, retention: { events: 10 } }, done),
  )
  group.settle()
  t.like(put.result?.description, { topic: 't', schemaVersion: 1, compatibility: 'backward' })
  t.false('revision' in b.broker.describeTopic('t'))
  t.deepEqual(b.broker.schema('t', 'latest'), { version: 1, schema: TEXT })
  t.throws(() => b.broker.schema('t', 2), { message: /no schema version 2: its versions are 1 to 1/ })
  t.true(b.broker.listTopics().some(({ topic }) => topic === 't'))
  const deleted = asked((done) => b.broker.deleteTopic('t', done))
  group.settle()
  t.is(deleted.text, 'done')
  t.throws(() => a.broker.describeTopic('t'), { message: /There is no topic t/ })
})

test('a topic is known at every replica as soon as its creation is answered, though not shown there yet', (t) => {
  const { group, a, b } = three({ autoTopics: false })
  const put = asked((done) => a.broker.putTopic('t', { schema: TEXT }, done))
  a.send()
  a.read()
  t.is(put.text, 'done')
  const fits = publishAt(b, 't', [{ text: 'a' }])
  const misfit = asked((done) => b.broker.publish({ topic: 't', events: [event({ text: 2 })] }, done))
  group.settle()
  t.deepEqual([fits.text, misfit.text], ['done', 'INVALID_EVENT not-published'])
  const remove = asked((done) => a.broker.deleteTopic('t', done))
  group.settle()
  t.is(remove.text, 'done')
})

test('a version of a schema that is forgotten is not found, with those that are left', (t) => {
  const { group, a } = three()
  for (let version = 1; version <= 103; version++) {
    asked((done) => a.broker.putTopic('t', { schema: { $comment: String(version) } }, done))
    group.settle()
  }
  const forgotten = { message: /no schema version 3: its versions are 4 to 103, older ones are forgotten/ }
  t.throws(() => a.broker.schema('t', 3), forgotten)
  t.is(a.broker.schema('t', 4).version, 4)
})

test('what cannot be a request is refused before it goes anywhere, with the place', (t) => {
  const { a } = three()
  const refusals: [string, Parameters<typeof request>][] = [
    ['MALFORMED -', ['$sys.views', [1]]],
    ['MALFORMED -', ['a b', [1]]],
    ['MALFORMED -', ['t', []]],
    ['MALFORMED -', ['t', [1], { id: '', sequence: 1 }]],
    ['MALFORMED -', ['t', [1], { id: '~a.x', sequence: 1 }]],
    ['MALFORMED -', ['t', [1], { id: 'p', sequence: -1 }]],
    ['MALFORMED -', ['t', [1], { id: 'p', sequence: Number.MAX_SAFE_INTEGER }]],
    ['TOO_LARGE not-published', ['t', ['x'.repeat(1000)]]],
    ['TOO_LARGE not-published', ['t', Array(6).fill('x'.repeat(990))]],
    ['TOO_LARGE not-published', ['t', Array(101).fill(1)]],
  ]
  for (const [expected, args] of refusals) t.is(publishAt(a, ...args).text, expected, JSON.stringify(args).slice(0, 80))
  t.is(asked((done) => a.broker.putTopic('t', { retention: { events: -1 } }, done)).text, 'MALFORMED -')
  t.is(asked((done) => a.broker.putTopic('t', { schema: { type: 'nonsense' } }, done)).text, 'MALFORMED -')
  t.throws(() => a.broker.subscribe(['a..b'], { at: 'now' }, { views: false }), { message: /pattern/ })
  t.is(a.submitted, 0)
})

test('a fabric that carries less lowers the limits, and the refusal says so', (t) => {
  const { a } = three()
  a.datagramBytesMax = 2048 + 300
  t.like(a.broker.limits, { eventBytesMax: 300, requestBytesMax: 300, schemaBytesMax: 300, requestEventsMax: 100 })
  const refused = publishAt(a, 't', ['x'.repeat(400)])
  t.regex(refused.error?.message ?? '', /402 bytes; the limit is eventBytesMax = 300; the fabric carries at most 2348/)
  // Encoding adds to each event.
  t.regex(publishAt(a, 't', Array(100).fill(12)).error?.message ?? '', /encoded.*the fabric carries at most 2348/)
  t.is(a.submitted, 0)
})

test('more than may wait is refused as overloaded, and room is made by answers', (t) => {
  const { group, a } = three({ pendingRequestsMax: 2 })
  publishAt(a, 't', [1])
  publishAt(a, 't', [2])
  const over = publishAt(a, 't', [3])
  t.is(over.text, 'OVERLOADED not-published')
  t.true((over.error?.details.retryAfterMs ?? 0) > 0)
  group.settle()
  publishAt(a, 't', [4])
  group.settle()
  t.deepEqual(stored(a), ['t 1', 't 2', 't 4'])
  t.deepEqual([a.broker.pending.size, a.broker.pending.bytes], [0, 0])
})

test('what may wait is bounded in bytes, too, and by retries of one request', (t) => {
  const { a } = three({ pendingBytesMax: 3000 })
  publishAt(a, 't', ['x'.repeat(900)])
  publishAt(a, 't', ['x'.repeat(900)])
  t.is(publishAt(a, 't', ['x'.repeat(900)]).text, 'OVERLOADED not-published')
  const answers = Array.from({ length: 101 }, () => publishAt(a, 't', [1], { id: 'p', sequence: 1 }))
  t.deepEqual([answers[0]?.text, answers[99]?.text, answers[100]?.text], ['none', 'none', 'OVERLOADED not-published'])
})

test('what the group does not take is refused with what to do', (t) => {
  const { group, a } = three()
  for (const [refusal, text] of [
    ['overloaded', 'OVERLOADED not-published'],
    ['leaving', 'NOT_PRIMARY not-published'],
    ['too-few-replicas', 'NOT_PRIMARY not-published'],
    ['too-large', 'TOO_LARGE not-published'],
  ] as const) {
    a.refuses = refusal
    t.is(publishAt(a, 't', [refusal]).text, text)
  }
  a.refuses = undefined
  const last = publishAt(a, 't', ['taken'])
  group.settle()
  t.is(last.text, 'done')
  t.deepEqual(stored(a), ['t "taken"'])
})

test('queued when the view became too small: not published', (t) => {
  const { a } = three()
  const answer = publishAt(a, 't', [1])
  a.broker.output({ type: 'unsent', requests: a.queue.splice(0), why: 'too-few-replicas' })
  t.is(answer.text, 'NOT_PRIMARY not-published')
})

for (const how of ['the group refuses the second copy', 'the second copy is given back'])
  test(`put out, a snapshot jumps over what was sent, and ${how}: nobody is told that it was not published`, (t) => {
    const { group, a, b, c } = three()
    const own = publishAt(a, 't', ['own'])
    a.send()
    a.attached = false
    a.exclude()
    group.change([b, c])
    group.settle()
    a.restoreFrom(b)
    group.change([b, a])
    a.attached = true
    if (how.startsWith('the group')) {
      a.refuses = 'too-large'
      group.settle()
    } else {
      a.read()
      a.broker.output({ type: 'unsent', requests: a.queue.splice(0), why: 'too-large' })
    }
    t.regex(own.text, /unknown$/)
    t.deepEqual(stored(b), ['t "own"'])
  })

test('time is up: unknown for what was handed to the group, not published for what never was', (t) => {
  const { group, a, b, c } = three()
  const sent = publishAt(a, 't', [1])
  a.send()
  a.attached = false
  a.exclude()
  group.change([b, c])
  const kept = publishAt(a, 't', [2])
  t.is(kept.text, 'none')
  group.pass(10_100)
  t.is(sent.text, 'NOT_PRIMARY unknown')
  t.is(kept.text, 'NOT_PRIMARY not-published')
  t.is(a.broker.pending.size, 0)
  // It is in the order after all, which is what unknown means; nobody is answered twice.
  a.attached = true
  group.change([b, c, a])
  group.settle()
  t.deepEqual(stored(a), ['t 1'])
  t.is(sent.times, 1)
})

test('outside the primary component: requests wait for a while, then they are refused at once', (t) => {
  const { group, a } = three()
  a.primary = false
  group.pass(1900)
  const early = publishAt(a, 't', [1])
  t.is(early.text, 'none')
  group.pass(200)
  const late = publishAt(a, 't', [2])
  t.is(late.text, 'NOT_PRIMARY not-published')
  t.regex(late.error?.message ?? '', /cannot reach a majority/)
  a.primary = true
  t.is(publishAt(a, 't', [3]).text, 'none')
  group.settle()
  t.is(early.text, 'done')
})

test('a replica that starts takes requests for a while before it is a member, and none of them too early', (t) => {
  const group = new FakeGroup()
  const a = group.add('a', {})
  const put = asked((done) => a.broker.putTopic('t', {}, done))
  const publish = publishAt(a, 't', [1])
  t.deepEqual([put.text, publish.text], ['none', 'none'])
  group.change([a])
  group.settle()
  t.deepEqual([put.text, publish.text], ['done', 'done'])
  group.pass(5000)
  const late = new FakeGroup()
  const b = late.add('b', {})
  late.pass(2100)
  t.is(publishAt(b, 't', [1]).text, 'NOT_PRIMARY not-published')
  t.like(b.broker.cluster(), { primary: false, state: 'observer', history: '', view: { number: 0 } })
})

test('leaving: what was handed over is unknown at the end, and nothing more is taken', (t) => {
  const { a } = three()
  const sent = publishAt(a, 't', [1])
  a.broker.output({ type: 'exit', reason: 'left' })
  t.is(sent.text, 'NOT_PRIMARY unknown')
  t.is(publishAt(a, 't', [1]).text, 'NOT_PRIMARY not-published')
  t.like(a.broker.cluster(), { state: 'stopped', primary: false })
})

test('the cluster as a replica sees it', (t) => {
  const { a } = three()
  t.like(a.broker.cluster(), { history: '00000000000abc', self: 'a', primary: true, state: 'member', seq: 1 })
  t.deepEqual(
    a.broker.cluster().view.members.map(({ name, rank, incarnation }) => [name, rank, incarnation]),
    [
      ['a', 0, (100).toString(36)],
      ['b', 1, (101).toString(36)],
      ['c', 2, (102).toString(36)],
    ],
  )
})

test('a replica that the group does not let in says why, until it is a member', (t) => {
  const { group, a, b, c } = three()
  const note = (one: Note) => a.broker.output({ type: 'note', note: one })
  note({ type: 'namesake', member: b.self })
  t.is(a.broker.cluster().reason, undefined)
  a.exclude()
  group.change([b, c])
  group.settle()
  note({ type: 'refused', why: 'the settings differ: tickMs' })
  t.regex(a.broker.cluster().reason ?? '', /asks to be let in; it is kept out: the settings differ: tickMs$/)
  note({ type: 'namesake', member: { ...a.self, incarnation: 7 } })
  t.regex(a.broker.cluster().reason ?? '', /it is kept out: another process has its name, a$/)
  group.change([b, c, a])
  group.settle()
  a.exclude()
  t.notRegex(a.broker.cluster().reason ?? '', /kept out/)
})

test('rank 0 lets time pass, and only while something can get too old', (t) => {
  const { group, a, b } = three()
  group.pass(3000)
  t.is(a.submitted, 0)
  asked((done) => b.broker.putTopic('t', { retention: { ageMs: 5000 } }, done))
  group.settle()
  group.pass(3000)
  t.is(a.submitted, 0)
  publishAt(b, 't', [1])
  group.settle()
  t.deepEqual(stored(a), ['t 1'])
  for (let i = 0; i < 120; i++) {
    group.pass(50)
    group.settle()
  }
  t.deepEqual(stored(b), [])
  t.true(a.submitted >= 4 && a.submitted <= 7)
  t.is(b.submitted, 2)
  const before = a.submitted
  group.pass(3000)
  t.is(a.submitted, before)
})

test('an event without a value is parsed where its schema needs it', (t) => {
  const { group, a } = three()
  asked((done) => a.broker.putTopic('t', { schema: TEXT }, done))
  group.settle()
  const { value: _, ...bytes } = event({ text: 1 })
  const bad = asked((done) => a.broker.publish({ topic: 't', events: [bytes] }, done))
  t.is(bad.text, 'INVALID_EVENT not-published')
})
