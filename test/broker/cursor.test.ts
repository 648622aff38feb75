import test from 'ava'
import type { Cursor, From } from '../../broker/http/operations.ts'
import { asked, FakeGroup, type FakeReplica, request, texts } from './fake-group.ts'

const HISTORY = '00000000000abc'

function one(): { group: FakeGroup; a: FakeReplica; publish: (topic: string, ...values: unknown[]) => void } {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true })
  const a = replicas[0]!
  const publish = (topic: string, ...values: unknown[]): void => {
    asked((done) => a.broker.publish(request(topic, values), done))
    group.settle()
  }
  return { group, a, publish }
}

const all = (cursor: Cursor): string[] => texts(cursor.next(1000, 1_000_000))

function subscribe(a: FakeReplica, from: From, topics = ['t'], views = false): Cursor {
  return a.broker.subscribe(topics, from, { views })
}

test('from now, the start, a place, a time and a token: each begins where it says', (t) => {
  const { group, a, publish } = one()
  publish('t', 1)
  group.pass(1000)
  const later = group.wall
  publish('t', 2)
  publish('t', 3)
  const from: [From, string[]][] = [
    [{ at: 'now' }, ['t 4']],
    [{ at: 'start' }, ['t 1', 't 2', 't 3', 't 4']],
    [{ at: 'seq', seq: 3 }, ['t 2', 't 3', 't 4']],
    [{ at: 'seq', seq: 0 }, ['t 1', 't 2', 't 3', 't 4']],
    [{ at: 'time', ms: later }, ['t 2', 't 3', 't 4']],
    [{ at: 'time', ms: later + 1_000_000 }, ['t 4']],
    [{ at: 'token', history: HISTORY, seq: 3 }, ['t 3', 't 4']],
  ]
  const cursors = from.map(([place]) => subscribe(a, place))
  publish('t', 4)
  for (const [i, [place, expected]] of from.entries()) t.deepEqual(all(cursors[i]!), expected, JSON.stringify(place))
  t.deepEqual(all(cursors[0]!), [])
  t.is(cursors[0]!.seq, 5)
})

test('the place advances over what does not match, so that a token never goes far back', (t) => {
  const { a, publish } = one()
  const cursor = subscribe(a, { at: 'now' })
  publish('other', 1, 2, 3)
  t.deepEqual(all(cursor), [])
  t.is(cursor.seq, 4)
})

test('a token of another history: a gap says so, then everything that is retained follows', (t) => {
  const { a, publish } = one()
  publish('t', 1)
  const cursor = subscribe(a, { at: 'token', history: '00000000000def', seq: 900 })
  t.deepEqual(all(cursor), ['gap 0-0 history-changed'])
  t.deepEqual(all(cursor), ['t 1'])
})

test('a token from a replica that is ahead waits until this one gets there', (t) => {
  const { a, publish } = one()
  publish('t', 1)
  const cursor = subscribe(a, { at: 'token', history: HISTORY, seq: 4 })
  publish('t', 2)
  t.deepEqual(all(cursor), [])
  t.is(cursor.seq, 4)
  publish('t', 3)
  publish('t', 4)
  t.deepEqual(all(cursor), ['t 4'])
})

test('a place far beyond the order is refused with how far that is, unless this replica may be far behind', (t) => {
  const { a, publish } = one()
  publish('t', 1)
  const beyond = 2 + 500_001
  const places: From[] = [
    { at: 'token', history: HISTORY, seq: beyond },
    { at: 'seq', seq: beyond },
  ]
  for (const place of places) {
    t.throws(() => subscribe(a, place), { message: /no place 500003: the order is at 2 here/, code: 'MALFORMED' })
  }
  subscribe(a, { at: 'token', history: HISTORY, seq: beyond - 1 })
  subscribe(a, { at: 'token', history: '00000000000def', seq: beyond })
  a.primary = false
  for (const place of places) subscribe(a, place)
  t.is(a.broker.cursors.size, 4)
})

test('what retention dropped before it was read is a gap, told once', (t) => {
  const { group, a, publish } = one()
  asked((done) => a.broker.putTopic('t', { retention: { events: 2 } }, done))
  group.settle()
  const slow = subscribe(a, { at: 'now' })
  publish('t', 1)
  publish('t', 2)
  publish('t', 3)
  publish('t', 4)
  const seen = [...all(slow), ...all(slow)]
  t.regex(seen[0] ?? '', /^gap 3-4 retention$/)
  t.deepEqual(seen.slice(1), ['t 3', 't 4'])
})

test('woken once a turn, however much was delivered, and not at all when nothing was', (t) => {
  const { group, a } = one()
  const cursor = subscribe(a, { at: 'now' })
  let woken = 0
  cursor.onMore(() => woken++)
  a.turnEnded()
  t.is(woken, 0)
  for (const value of [1, 2, 3]) asked((done) => a.broker.publish(request('t', [value]), done))
  group.settle()
  t.is(woken, 1)
  t.deepEqual(all(cursor), ['t 1', 't 2', 't 3'])
})

/** A reader that waits again whenever it has read all. Gives what it was woken for. */
function reader(a: FakeReplica, topics: string[]): { cursor: Cursor; woken: string[][] } {
  const cursor = subscribe(a, { at: 'now' }, topics)
  const woken: string[][] = []
  const read = (): void => {
    woken.push(all(cursor))
    cursor.onMore(read)
  }
  cursor.onMore(read)
  return { cursor, woken }
}

test('only who wants what has come is woken; the others stay where they are, and their places advance', (t) => {
  const { a, publish } = one()
  const [named, token, rest, other] = [['t.a'], ['t.*'], ['x', 't.>'], ['t', 'other.>', '*', 't.a.b']].map((topics) =>
    reader(a, topics),
  ) as [ReturnType<typeof reader>, ReturnType<typeof reader>, ReturnType<typeof reader>, ReturnType<typeof reader>]
  publish('t.a', 1)
  publish('t.a.c', 2)
  t.deepEqual(named.woken, [['t.a 1']])
  t.deepEqual(token.woken, [['t.a 1']])
  t.deepEqual(rest.woken, [['t.a 1'], ['t.a.c 2']])
  t.deepEqual(other.woken, [])
  const head = a.broker.state.seq
  for (const { cursor } of [named, token, rest, other]) t.is(cursor.seq, head)
  for (const cursor of a.broker.cursors) t.is(cursor.lag, 0)
  publish('other.one', 3)
  t.deepEqual(other.woken, [['other.one 3']])
})

test('what was lost while nothing came for a reader is no gap to it, also when its topic has lost more than it waits for', (t) => {
  const { group, a, publish } = one()
  for (const topic of ['t', 'u']) asked((done) => a.broker.putTopic(topic, { retention: { events: 1 } }, done))
  group.settle()
  publish('t', 1)
  const { woken } = reader(a, ['t'])
  for (let i = 0; i < 5; i++) publish('u', i)
  publish('t', 2)
  t.deepEqual(woken, [['t 2']])
})

test('a place that has advanced while nothing came does not go back when something does', (t) => {
  const { a, publish } = one()
  const cursor = subscribe(a, { at: 'now' })
  const places: number[] = []
  cursor.onMore(() => places.push(cursor.seq))
  publish('other', 1, 2, 3)
  const told = cursor.seq
  publish('t', 4)
  t.deepEqual([told, places], [a.broker.state.seq - 1, [told]])
})

test('a reader that did not wait when something came for it is woken again once it waits', (t) => {
  const { a, publish } = one()
  const cursor = subscribe(a, { at: 'now' })
  let woken = 0
  cursor.onMore(() => woken++)
  publish('t', 1)
  publish('t', 2)
  publish('t', 3)
  t.is(woken, 1)
  t.deepEqual(all(cursor), ['t 1', 't 2', 't 3'])
  cursor.onMore(() => woken++)
  publish('other', 4)
  t.is(woken, 1)
  publish('t', 5)
  t.is(woken, 2)
  t.deepEqual(all(cursor), ['t 5'])
})

/** Readers that take 2 ms each when they are woken, and say in which order they were. */
function slowReaders(count: number): {
  publish: () => void
  woken: number[]
  cursors: Cursor[]
  /** Ends a turn, with what is due at its end. */
  turn: () => void
  read: (reader: number) => void
} {
  const ends: (() => void)[] = []
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true, endOfTurn: (call) => ends.push(call) })
  const a = replicas[0]!
  const woken: number[] = []
  const cursors = Array.from({ length: count }, () => subscribe(a, { at: 'now' }))
  const read = (reader: number): void =>
    cursors[reader]!.onMore(() => {
      group.now += 2
      woken.push(reader)
    })
  for (let reader = 0; reader < count; reader++) read(reader)
  const publish = (): void => {
    asked((done) => a.broker.publish(request('t', [1]), done))
    group.settle()
  }
  const turn = (): void => {
    for (const call of ends.splice(0)) call()
  }
  return { publish, woken, cursors, turn, read }
}

test('many readers are woken in slices of 5 ms, the first one in the turn itself, each once', (t) => {
  const { publish, woken, turn } = slowReaders(8)
  publish()
  t.deepEqual(woken, [0, 1, 2])
  turn()
  t.deepEqual(woken, [0, 1, 2, 3, 4, 5])
  turn()
  turn()
  t.deepEqual(woken, [0, 1, 2, 3, 4, 5, 6, 7])
})

test('more is delivered while readers are still being woken: who is due for longest is first, and nobody is left out', (t) => {
  const { publish, woken, turn, read, cursors } = slowReaders(7)
  publish()
  t.deepEqual(woken, [0, 1, 2])
  cursors[1]!.next(10, 1000)
  cursors[0]!.next(10, 1000)
  read(1) // Has read all, and waits.
  read(0)
  read(2) // Has more to read.
  cursors[4]!.close()
  publish() // The slice under way is not joined by another one.
  t.deepEqual(woken, [0, 1, 2])
  turn()
  t.deepEqual(woken.slice(3), [3, 5, 6])
  turn()
  // Those that are due at once come by turn of their subscriptions.
  t.deepEqual(woken.slice(6), [2, 0, 1])
  turn()
  t.is(woken.length, 9)
})

test('woken soon when there is more already, and four times a turn, whether or not it reads then', (t) => {
  const { a, publish } = one()
  const cursor = subscribe(a, { at: 'start' })
  publish('t', 1, 2)
  t.deepEqual(texts(cursor.next(1, 1000)), ['t 1'])
  let woken = 0
  cursor.onMore(() => woken++)
  t.is(woken, 0)
  a.turnEnded()
  t.is(woken, 1)
  cursor.onMore(function again() {
    woken++
    cursor.onMore(again)
  })
  a.turnEnded()
  t.is(woken, 5)
  a.turnEnded()
  t.is(woken, 9)
})

test('closed: nothing more is given, and nobody is woken', (t) => {
  const { a, publish } = one()
  const cursor = subscribe(a, { at: 'now' })
  cursor.onMore(() => t.fail())
  cursor.close()
  publish('t', 1)
  t.deepEqual(all(cursor), [])
  t.is(a.broker.cursors.size, 0)
})

test('views at their places; the same as events to whoever names their topic', (t) => {
  const { group, a, publish } = one()
  const viewed = subscribe(a, { at: 'start' }, ['t'], true)
  const named = subscribe(a, { at: 'start' }, ['$sys.views'])
  publish('t', 1)
  const b = group.add('b', { autoTopics: true })
  group.change([a, b])
  group.settle()
  publish('t', 2)
  t.deepEqual(all(viewed), ['view 1', 't 1', 'view 2', 't 2'])
  const [, second] = named.next(10, 10_000)
  t.is(second?.type, 'event')
  const data = second?.type === 'event' ? JSON.parse(Buffer.from(second.event.data).toString()) : {}
  t.like(data, { number: 2, joined: ['b'], left: [], failed: [] })
})

test('a replica without a history yet: readers begin when it has one', (t) => {
  const group = new FakeGroup()
  const a = group.add('a', { autoTopics: true })
  const now = subscribe(a, { at: 'now' })
  const token = subscribe(a, { at: 'token', history: HISTORY, seq: 1 })
  t.deepEqual([all(now), all(token)], [[], []])
  let woken = 0
  now.onMore(() => woken++)
  group.change([a])
  group.settle()
  t.is(woken, 1)
  t.deepEqual(all(now), [])
  asked((done) => a.broker.publish(request('t', [1]), done))
  group.settle()
  t.deepEqual(all(now), ['t 1'])
  t.deepEqual(all(token), ['t 1'])
})

test('a reader goes on where it was when its replica takes over the state of another', (t) => {
  const { group, replicas } = FakeGroup.of(['a', 'b', 'c'], { autoTopics: true })
  const [a, b, c] = replicas as [FakeReplica, FakeReplica, FakeReplica]
  asked((done) => a.broker.publish(request('t', [1]), done))
  group.settle()
  const cursor = subscribe(a, { at: 'start' })
  t.deepEqual(all(cursor), ['t 1'])
  let woken = 0
  cursor.onMore(() => woken++)
  a.attached = false
  a.exclude()
  group.change([b, c])
  asked((done) => b.broker.publish(request('t', [2]), done))
  group.settle()
  a.restoreFrom(b)
  a.turnEnded()
  t.is(woken, 1)
  t.deepEqual(all(cursor), ['t 2'])
})
