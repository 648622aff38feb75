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

test('more is delivered while readers are still being woken: who waits for longest is first, and nobody is left out', (t) => {
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
  t.deepEqual(woken.slice(6), [2, 1, 0])
  turn()
  t.is(woken.length, 9)
})

test('woken soon when there is more already, and once a turn if it reads nothing then', (t) => {
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
  a.turnEnded()
  t.is(woken, 3)
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
  group.change([a])
  group.settle()
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
  a.attached = false
  a.exclude()
  group.change([b, c])
  asked((done) => b.broker.publish(request('t', [2]), done))
  group.settle()
  a.restoreFrom(b)
  t.deepEqual(all(cursor), ['t 2'])
})
