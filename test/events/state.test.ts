import test from 'ava'
import { decodeCommand, encodeCommand, type PublishCommand, type TopicSettings } from '../../broker/events/command.ts'
import { TopicFilter } from '../../broker/events/patterns.ts'
import { type EventFields, packEvents } from '../../broker/events/record.ts'
import { type Applied, type Item, State, VIEWS_TOPIC } from '../../broker/events/state.ts'

const LIMITS = { topicsMax: 100_000, publishersMax: 1000, repliesPerPublisher: 16, retainedBytesMax: 1e9 }
const START = Date.UTC(2026, 0, 1)

function begun(limits: Partial<typeof LIMITS> = {}): State {
  const state = new State({ ...LIMITS, ...limits })
  state.begin('c0ffee')
  return state
}

function publishing(
  topic: string,
  events: readonly (string | EventFields)[],
  more: Partial<PublishCommand> = {},
): Uint8Array {
  const records = packEvents(events.map((one) => (typeof one === 'string' ? { data: Buffer.from(one) } : one)))
  return encodeCommand({
    kind: 'publish',
    time: START,
    publisher: '',
    sequence: 0,
    topic,
    schemaVersion: 0,
    autoCreate: true,
    gapsAllowed: false,
    ...more,
    records,
  })
}

function publish(
  state: State,
  topic: string,
  events: readonly (string | EventFields)[],
  more?: Partial<PublishCommand>,
): Applied {
  return state.apply(publishing(topic, events, more))
}

const common = { time: START, publisher: '', sequence: 0 }

function put(state: State, topic: string, settings: TopicSettings, expectedVersion?: number): Applied {
  const expected = expectedVersion ?? state.topic(topic)?.revision ?? 0
  return state.apply(encodeCommand({ ...common, kind: 'putTopic', topic, settings, expectedVersion: expected }))
}

function remove(state: State, topic: string): Applied {
  return state.apply(encodeCommand({ ...common, kind: 'deleteTopic', topic }))
}

function clock(state: State, time: number): Applied {
  return state.apply(encodeCommand({ ...common, kind: 'clock', time }))
}

/** Everything that a reader is given until the end, in few words. */
function readAll(state: State, filter: TopicFilter, after = 0, most = 1000): string[] {
  const all: Item[] = []
  for (let through = after; through < state.seq; ) {
    const result = state.read(through, filter, most, 1_000_000)
    all.push(...result.items)
    through = result.through
  }
  return all.map((item) =>
    item.type === 'gap'
      ? `gap ${item.from}-${item.to} ${item.reason}`
      : `${item.event.seq} ${item.event.topic} ${Buffer.from(item.event.data)}`,
  )
}

const everything = (): TopicFilter => new TopicFilter(['>'])

const VIEW = {
  number: 1,
  members: [{ name: 'a', incarnation: '1f', url: 'http://a', rank: 0 }],
  joined: ['a'],
  left: [],
  failed: [],
}

test('an event of which only the data was given: read with every default', (t) => {
  const state = begun()
  const applied = publish(state, 'prices.x', ['{"p":1}', '{"p":2}'], { time: START + 5 })
  t.like(applied, { verdict: 'applied', seq: 1, offset: 1, count: 2, positionKnown: true })
  const { items, through } = state.read(0, everything(), 10, 1000)
  t.is(through, 2)
  t.deepEqual(items[1], {
    type: 'event',
    event: {
      seq: 2,
      offset: 2,
      topic: 'prices.x',
      id: 'c0ffee-2',
      type: 'prices.x',
      source: '/topics/prices.x',
      time: '2026-01-01T00:00:00.005Z',
      key: undefined,
      schemaVersion: 0,
      publisher: undefined,
      numbered: { by: '', number: 1 },
      extensions: undefined,
      data: Buffer.from('{"p":2}'),
    },
  })
})

test('an event with every field: read as it was given, a client id as its publisher, a replica id as none', (t) => {
  const state = begun()
  const given = {
    key: 'k',
    id: 'i',
    type: 't',
    source: '/s',
    time: '2020-02-02T00:00:00Z',
    extensions: { x: 1, y: 'z' },
  }
  publish(state, 'a', [{ data: Buffer.from('1'), ...given }], { publisher: 'client', sequence: 4 })
  publish(state, 'a', ['2'], { publisher: 'replica', sequence: 4, gapsAllowed: true })
  const [first, second] = state.read(0, everything(), 10, 1000).items
  if (first?.type !== 'event' || second?.type !== 'event') return t.fail()
  t.like(first.event, { ...given, publisher: 'client' })
  t.is(second.event.publisher, undefined)
})

test('memory that is written again and again: every reader and snapshot finds the events that are retained', (t) => {
  const limits = { ...LIMITS, retainedBytesMax: 300_000 }
  const state = begun(limits)
  put(state, 'few', { retention: { events: 40 } })
  /** By place, how it is read. */
  const lines = new Map<string, string>()
  const take = (topic: string, ...lengths: number[]): void => {
    const texts = lengths.map((length) => `"${String(state.seq).padEnd(length, 'x')}"`)
    const { seq } = publish(state, topic, texts)
    for (const [i, text] of texts.entries()) lines.set(String(seq + i), `${seq + i} ${topic} ${text}`)
  }
  let carried: Buffer[] = []
  let carriedCopy = Buffer.concat(carried)
  for (let round = 0; round < 25; round++) {
    for (let i = 0; i < 100; i++) {
      take('many', 1000)
      if (i % 25 === 0) take('few', 200, 2000, 20)
    }
    take('large', 30_000)
    const events = readAll(state, everything(), state.oldestSeq - 1).filter((line) => !line.startsWith('gap'))
    t.is(events.length, state.eventsRetained)
    t.true(events.every((line) => lines.get(line.split(' ', 1)[0]!) === line))
    t.true(Buffer.concat(carried).equals(carriedCopy), 'a snapshot stays what it is while the log goes on')
    carried = state.snapshot()
    carriedCopy = Buffer.concat(carried)
    t.true(Buffer.concat(State.restore(carriedCopy, limits).snapshot()).equals(carriedCopy))
  }
})

test('a topic that is deleted from between the events of another: its memory is given back, bit by bit', (t) => {
  const state = begun({ retainedBytesMax: 100_000_000 })
  const text = `"${'x'.repeat(1000)}"`
  for (let i = 0; i < 20_000; i++) publish(state, i % 10 === 0 ? 'stays' : 'goes', [text])
  const memory = state['log']['memory']
  t.true(memory['bytes'] > 20_000_000)
  remove(state, 'goes')
  for (let i = 0; i < 30; i++) state.apply(encodeCommand({ ...common, kind: 'clock' }))
  t.true(memory['bytes'] < 8_000_000, `${memory['bytes']} bytes`)
  const left = readAll(state, new TopicFilter(['stays']))
  t.is(left.length, 2000)
  t.true(left.every((line) => line.endsWith(` stays ${text}`)))
})

test('a retry: the first position, also of a part of it, as long as it is remembered', (t) => {
  const state = begun({ repliesPerPublisher: 2 })
  const from = { publisher: 'p' }
  t.like(publish(state, 'a', ['1', '2', '3'], { ...from, sequence: 7 }), { verdict: 'applied', seq: 1 })
  const { digest } = state
  t.like(publish(state, 'a', ['1', '2', '3'], { ...from, sequence: 7 }), {
    verdict: 'duplicate',
    seq: 1,
    offset: 1,
    count: 3,
  })
  t.like(publish(state, 'a', ['2', '3'], { ...from, sequence: 8 }), { verdict: 'duplicate', seq: 2, offset: 2 })
  t.is(state.digest, digest)
  publish(state, 'a', ['4'], { ...from, sequence: 10 })
  // Known, but in two requests: nothing says that they follow one another.
  t.like(publish(state, 'a', ['3', '4'], { ...from, sequence: 9 }), {
    verdict: 'duplicate',
    positionKnown: false,
    seq: 0,
  })
  publish(state, 'a', ['5'], { ...from, sequence: 11 })
  t.like(publish(state, 'a', ['1'], { ...from, sequence: 7 }), {
    verdict: 'duplicate',
    positionKnown: false,
    offset: 0,
  })
  t.is(state.seq, 5)
})

test('a retry after its topic was deleted: still a duplicate', (t) => {
  const state = begun()
  publish(state, 'a', ['1'], { publisher: 'p', sequence: 1 })
  remove(state, 'a')
  t.like(publish(state, 'a', ['1'], { publisher: 'p', sequence: 1 }), { verdict: 'duplicate', seq: 1 })
  t.is(state.topic('a'), undefined)
})

test('a number ahead of the next, or a batch partly used: refused with the number to use, and takes none', (t) => {
  const state = begun()
  publish(state, 'a', ['1', '2'], { publisher: 'p', sequence: 0 })
  const refused = { verdict: 'refused', code: 'sequence', expectedSequence: 2, seq: 0, positionKnown: false } as const
  t.like(publish(state, 'a', ['3'], { publisher: 'p', sequence: 3 }), refused)
  t.like(publish(state, 'a', ['2', '3'], { publisher: 'p', sequence: 1 }), refused)
  t.like(publish(state, 'a', ['2', '3'], { publisher: 'p', sequence: 1, gapsAllowed: true }), refused)
  t.like(publish(state, 'a', ['3'], { publisher: 'p', sequence: 2, schemaVersion: 1 }), { code: 'stale-schema' })
  t.like(publish(state, 'a', ['3'], { publisher: 'p', sequence: 2 }), { verdict: 'applied', seq: 3 })
  t.is(state.publisherExpects('p'), 3)
  t.is(state.publisherExpects('q'), undefined)
})

test('too many publishers: the one used longest ago is forgotten, and a retry is a use', (t) => {
  const state = begun({ publishersMax: 2 })
  publish(state, 'a', ['1'], { publisher: 'p', sequence: 1 })
  publish(state, 'a', ['2'], { publisher: 'q', sequence: 1 })
  t.is(publish(state, 'a', ['1'], { publisher: 'p', sequence: 1 }).verdict, 'duplicate')
  publish(state, 'a', ['3'], { publisher: 'r', sequence: 1 })
  t.is(state.publisherExpects('q'), undefined)
  t.is(state.publisherExpects('p'), 2)
  t.is(state.publishersRemembered, 2)
})

test("the system's topics: no command touches them", (t) => {
  const state = begun()
  state.applyView(VIEW)
  const reserved = { verdict: 'refused', code: 'reserved-topic' } as const
  t.like(publish(state, VIEWS_TOPIC, ['1']), reserved)
  t.like(publish(state, '$other', ['1']), reserved)
  t.like(put(state, VIEWS_TOPIC, { retention: { events: 1 } }), reserved)
  t.like(remove(state, VIEWS_TOPIC), reserved)
  t.is(state.seq, 1)
})

test('refusals by name, number and version', (t) => {
  const state = begun({ topicsMax: 2 })
  t.is(publish(state, 'a', ['1'], { autoCreate: false }).code, 'no-such-topic')
  t.is(publish(state, 'a b', ['1']).code, 'bad-topic-name')
  t.is(put(state, 'a..b', {}).code, 'bad-topic-name')
  t.is(remove(state, 'a').code, 'no-such-topic')
  t.is(put(state, 'a', {}, 3).code, 'stale-topic')
  put(state, 'a', {})
  put(state, 'b', {})
  t.is(put(state, 'c', {}).code, 'too-many-topics')
  t.is(publish(state, 'c', ['1']).code, 'too-many-topics')
  t.is(publish(state, 'a', ['1'], { schemaVersion: 1 }).code, 'stale-schema')
  remove(state, 'a')
  t.is(publish(state, 'c', ['1']).verdict, 'applied')
})

test('settings checked against a topic that was deleted and created again: stale, though it looks alike', (t) => {
  const state = begun()
  const schema = Buffer.from('{"type":"string"}')
  put(state, 'a', { schema })
  const { revision, life, schemaVersion } = state.topic('a')!
  remove(state, 'a')
  put(state, 'a', { schema: Buffer.from('{"type":"number"}') })
  t.is(state.topic('a')?.schemaVersion, schemaVersion)
  t.is(put(state, 'a', { schema }, revision).code, 'stale-topic')
  t.is(publish(state, 'a', ['"x"'], { schemaVersion, topicLife: life }).code, 'stale-schema')
  t.is(publish(state, 'a', ['1'], { schemaVersion, topicLife: state.topic('a')!.life }).verdict, 'applied')
})

test('settings: what is left out stays, equal schemas make no version, the newest 100 are kept', (t) => {
  const state = begun()
  put(state, 'a', { schema: Buffer.from('{"v":1}'), retention: { events: 5 }, compatibility: 'none' })
  put(state, 'a', { schema: Buffer.from('{"v":1}'), retention: { ageMs: 9 } })
  t.like(state.topic('a'), {
    schemaVersion: 1,
    compatibility: 'none',
    retention: { events: 5, bytes: 2 ** 28, ageMs: 9 },
  })
  const restored = State.restore(Buffer.concat(state.snapshot()), LIMITS)
  t.deepEqual(restored.topic('a'), state.topic('a'), 'a snapshot has them all')
  for (let v = 2; v <= 101; v++) put(state, 'a', { schema: Buffer.from(`{"v":${v}}`) })
  t.is(state.topic('a')?.schemaVersion, 101)
  t.is(state.schema('a', 1), undefined)
  t.is(String(Buffer.from(state.schema('a', 2)!)), '{"v":2}')
  t.is(String(Buffer.from(state.schema('a', 101)!)), '{"v":101}')
  t.is(state.schema('b', 1), undefined)
})

test('retention by count, bytes and age: the oldest go, in the middle of a batch too', (t) => {
  const state = begun()
  put(state, 'n', { retention: { events: 2 } })
  put(state, 'b', { retention: { bytes: 6 } })
  put(state, 'age', { retention: { ageMs: 10 } })
  publish(state, 'n', ['1', '2', '3'])
  publish(state, 'b', ['11', '22', '33'])
  publish(state, 'age', ['1', '2'])
  publish(state, 'age', ['3'], { time: START + 5 })
  t.like(state.topic('n'), { events: 2, oldestOffset: 2, offset: 3 })
  t.like(state.topic('b'), { events: 2, bytes: 6, oldestOffset: 2 })
  t.is(state.topic('age')?.events, 3)
  clock(state, START + 10)
  t.is(state.topic('age')?.events, 3)
  clock(state, START + 11)
  t.like(state.topic('age'), { events: 1, oldestOffset: 3 })
  clock(state, START + 16)
  t.like(state.topic('age'), { events: 0, bytes: 0, oldestOffset: 4, offset: 3 })
  t.deepEqual(readAll(state, new TopicFilter(['n', 'b'])), ['gap 1-7 retention', '5 n 2', '6 n 3', '8 b 22', '9 b 33'])
  put(state, 'n', { retention: { events: 1 } })
  t.is(state.topic('n')?.events, 1)
})

test('time: never goes back, and does not pass at a refusal', (t) => {
  const state = begun()
  clock(state, START + 100)
  clock(state, START)
  t.is(state.now, START + 100)
  const { digest } = state
  publish(state, 'none', ['1'], { autoCreate: false, time: START + 200 })
  t.is(state.now, START + 100)
  t.is(state.digest, digest)
  publish(state, 'a', ['1'], { time: START + 50 })
  publish(state, 'a', ['2'], { time: START + 300 })
  t.is(state.seqAtTime(START + 100), 3)
  t.is(state.seqAtTime(START + 101), 4)
  t.is(state.seqAtTime(START + 301), 5)
})

test('a reader is told of each loss once, and goes on with what is left in its range', (t) => {
  const state = begun()
  put(state, 'a', { retention: { events: 1 } })
  publish(state, 'a', ['1', '2'])
  publish(state, 'b', ['3'])
  publish(state, 'a', ['4'])
  const filter = everything()
  t.deepEqual(state.read(1, filter, 1, 100), {
    items: [{ type: 'gap', from: 2, to: 3, reason: 'retention' }],
    through: 1,
  })
  t.deepEqual(readAll(state, filter, 1), ['4 b 3', '5 a 4'])
  t.deepEqual(readAll(state, new TopicFilter(['b'])), ['4 b 3'])
  // Lost while it was reading: told of what it has not been told of.
  publish(state, 'a', ['6'])
  t.deepEqual(readAll(state, filter, 3), ['gap 4-5 retention', '4 b 3', '6 a 6'])
  // Of what it has read already nothing is lost to it.
  publish(state, 'a', ['7'])
  t.deepEqual(readAll(state, filter, 6), ['7 a 7'])
})

test('a reader that begins with whatever is retained: no gap for what had gone before, one for what goes after', (t) => {
  const state = begun()
  put(state, 'a', { retention: { events: 1 } })
  publish(state, 'b', ['2'])
  publish(state, 'a', ['3', '4'])
  const filter = everything()
  const after = state.readFromOldest(filter)
  t.is(after, 1)
  t.deepEqual(state.read(after, filter, 1, 100).through, 2)
  publish(state, 'a', ['5'])
  t.deepEqual(readAll(state, filter, 2), ['gap 3-4 retention', '5 a 5'])
})

test('a deleted topic: a gap for those who wanted it, and its next life begins anew', (t) => {
  const state = begun()
  publish(state, 'a', ['1', '2'])
  publish(state, 'b', ['3'])
  remove(state, 'a')
  publish(state, 'a', ['5'])
  t.deepEqual(readAll(state, new TopicFilter(['a'])), ['gap 1-2 topic-deleted', '5 a 5'])
  t.deepEqual(readAll(state, new TopicFilter(['a.>', 'b'])), ['3 b 3'])
  t.is(state.topic('a')?.offset, 1)
  const restored = State.restore(Buffer.concat(state.snapshot()), LIMITS)
  t.deepEqual(readAll(restored, new TopicFilter(['a'])), ['gap 1-2 topic-deleted', '5 a 5'])
})

test('more deleted topics than tombstones: a reader behind the forgotten ones is told, whatever it wants', (t) => {
  const state = begun()
  for (let i = 0; i < 1002; i++) publish(state, `t${i}`, ['1'])
  publish(state, 'kept', ['2'])
  for (let i = 0; i < 1002; i++) remove(state, `t${i}`)
  for (const one of [state, State.restore(Buffer.concat(state.snapshot()), LIMITS)]) {
    t.deepEqual(readAll(one, new TopicFilter(['kept'])), ['gap 1-2 topic-deleted', '1003 kept 2'])
    t.deepEqual(readAll(one, new TopicFilter(['kept']), 2), ['1003 kept 2'])
    t.deepEqual(readAll(one, new TopicFilter(['t5'])), ['gap 1-6 topic-deleted'])
  }
})

test('a reader among very many events of others: every call looks at a part, and all of its own are found', (t) => {
  const state = begun()
  for (let i = 1; i <= 5000; i++) publish(state, i % 2500 === 0 ? 'wanted.x' : `other.t${i % 10}`, [String(i)])
  const filter = new TopicFilter(['wanted.*'])
  const first = state.read(0, filter, 10, 1000)
  t.deepEqual(first.items, [])
  t.true(first.through > 0 && first.through < 2500)
  t.deepEqual(readAll(state, filter), ['2500 wanted.x 2500', '5000 wanted.x 5000'])
  // By name it is found at once.
  t.is(state.read(0, new TopicFilter(['wanted.x', 'none']), 10, 1000).items.length, 2)
  t.deepEqual(state.read(5000, filter, 10, 1000), { items: [], through: 5000 })
})

test('events swept out of the middle of the log: the others are read as before', (t) => {
  const state = begun()
  put(state, 'busy', { retention: { events: 1 } })
  const expected: string[] = []
  for (let i = 0; i < 9000; i++) {
    const { seq } = publish(state, i % 1000 === 0 ? 'calm' : 'busy', [String(i)])
    if (i % 1000 === 0) expected.push(`${seq} calm ${i}`)
  }
  t.deepEqual(readAll(state, new TopicFilter(['calm'])), expected)
  t.deepEqual(readAll(state, new TopicFilter(['calm', '*.none'])), expected)
  t.is(state.eventsRetained, 10)
  t.is(state.oldestSeq, 2)
})

test('limits of a read: so many items, about so many bytes, the first always', (t) => {
  const state = begun()
  publish(state, 'a', ['"aaaaaaaa"', '"bbbbbbbb"', '"cccccccc"'])
  t.is(state.read(0, everything(), 10, 1).items.length, 1)
  t.is(state.read(0, everything(), 10, 11).items.length, 2)
  t.deepEqual(state.read(0, everything(), 2, 1000).through, 2)
  t.deepEqual(state.read(2, everything(), 2, 1000).items.length, 1)
})

test('views: events of $sys.views at their places, the last 1,000 kept', (t) => {
  const state = begun()
  t.is(state.applyView(VIEW), 1)
  publish(state, 'a', ['1'])
  t.is(state.applyView({ ...VIEW, number: 2 }), 3)
  const filter = new TopicFilter(['$sys.>'])
  const [item] = state.read(0, filter, 1, 1000).items
  t.true(item?.type === 'event' && item.event.topic === VIEWS_TOPIC)
  t.deepEqual(item?.type === 'event' && JSON.parse(String(Buffer.from(item.event.data))), VIEW)
  for (let number = 3; number <= 1002; number++) state.applyView({ ...VIEW, number })
  t.like(state.topic(VIEWS_TOPIC), { events: 1000, offset: 1002, oldestOffset: 3 })
})

test('the digest: equal after equal commands, another after any other, kept by a snapshot', (t) => {
  const [one, two, three] = [begun(), begun(), begun()]
  t.is(one.digest, two.digest)
  publish(one, 'a', ['1'])
  publish(two, 'a', ['1'])
  publish(three, 'a', ['2'])
  t.is(one.digest, two.digest)
  t.not(one.digest, three.digest)
  t.regex(one.digest, /^[0-9a-f]{8}$/)
  const restored = State.restore(Buffer.concat(one.snapshot()), LIMITS)
  t.is(restored.digest, one.digest)
  one.applyView(VIEW)
  restored.applyView(VIEW)
  t.is(restored.digest, one.digest)
  const elsewhere = new State(LIMITS)
  elsewhere.begin('abc')
  t.not(elsewhere.digest, begun().digest)
})

test('a restored state goes on as the first one would: publishers, ages, events, versions, history', (t) => {
  const first = begun()
  put(first, 'a', { retention: { ageMs: 10, events: 3 }, schema: Buffer.from('{}') })
  publish(first, 'a', ['1', '2', '3', '4'], { schemaVersion: 1, publisher: 'p', sequence: 5 })
  const bytes = Buffer.concat(first.snapshot())
  const second = State.restore(bytes, LIMITS)
  t.is(Buffer.compare(Buffer.concat(second.snapshot()), bytes), 0)
  second.begin('c0ffee')
  t.throws(() => second.begin('abc'))
  for (const state of [first, second]) {
    t.like(publish(state, 'a', ['2'], { publisher: 'p', sequence: 6 }), { verdict: 'duplicate', seq: 3, offset: 2 })
    t.is(String(Buffer.from(state.schema('a', 1)!)), '{}')
    t.deepEqual(readAll(state, everything()), ['gap 1-2 retention', '3 a 2', '4 a 3', '5 a 4'])
    clock(state, START + 11)
    t.is(state.topic('a')?.events, 0)
  }
  t.is(first.digest, second.digest)
  t.is(Buffer.compare(Buffer.concat(first.snapshot()), Buffer.concat(second.snapshot())), 0)
})

test('of many publishes little is left: what they keep of the rest is bounded, and the same after a snapshot', (t) => {
  const TOPICS = 400
  const topics = Array.from({ length: TOPICS }, (_, i) => `t${i}`)
  const text = (topic: string, n: number): string => `"${topic}.${n}.${'x'.repeat(4000)}"`
  const state = begun({ publishersMax: TOPICS })
  for (const topic of topics) {
    put(state, topic, { retention: { events: 5 } })
    const texts = Array.from({ length: 20 }, (_, n) => text(topic, n))
    publish(state, topic, texts, { publisher: topic, sequence: 1 })
  }
  const retained = state.bytesRetained
  const kept = Buffer.concat(state.snapshot())
  t.true(kept.length < 2 * retained + 4.2e6, 'most of them are copied')
  t.true(kept.length > retained + 3e6, 'those of the beginning are not')

  const restored = State.restore(kept, LIMITS)
  for (const one of [state, restored]) {
    for (const topic of topics) {
      t.like(publish(one, topic, ['0'], { publisher: topic, sequence: 20 }), { verdict: 'duplicate', offset: 20 })
      publish(one, topic, [text(topic, 20)])
      t.like(one.topic(topic), { offset: 21, oldestOffset: 17, events: 5 })
      const last = one.topic(topic)!.revision
      t.deepEqual(
        one
          .read(last, new TopicFilter([topic]), 9, 1e6)
          .items.map((item) => item.type === 'event' && String(item.event.data)),
        [false, ...[16, 17, 18, 19, 20].map((n) => text(topic, n))],
      )
    }
  }
  // Whole segments go, by count and with their topic; what they had lost counts no more.
  for (const one of [state, restored]) {
    for (const topic of topics.slice(0, TOPICS / 4)) remove(one, topic)
    for (const topic of topics.slice(TOPICS / 4, TOPICS / 2)) publish(one, topic, new Array(5).fill(text(topic, 0)))
    for (const topic of topics) {
      publish(one, `${topic}.again`, new Array(20).fill(text(topic, 0)))
      put(one, `${topic}.again`, { retention: { events: 5 } })
    }
  }
  t.true(Buffer.concat(state.snapshot()).length < 2 * state.bytesRetained + 4.2e6)
  t.true(Buffer.concat(state.snapshot()).length > state.bytesRetained + 3e6)
  t.is(Buffer.compare(Buffer.concat(restored.snapshot()), Buffer.concat(state.snapshot())), 0)
})

test('of many tiny events of a publish one is left: their table goes, too', (t) => {
  const state = begun()
  for (let topic = 0; topic < 200; topic++) {
    put(state, `t${topic}`, { retention: { events: 1 } })
    publish(state, `t${topic}`, new Array(10_000).fill('1'))
  }
  t.true(Buffer.concat(state.snapshot()).length < 4.3e6)
})

test('small events: what each costs besides its bytes counts as well', (t) => {
  const state = begun({ retainedBytesMax: 100 * 1024 })
  for (let i = 0; i < 1000; i++) publish(state, `t${i % 10}`, ['1'])
  t.true(state.eventsRetained < 100 && state.eventsRetained > 90, `${state.eventsRetained}`)
})

test('over the limit of all topics together: the oldest of all go, of whatever topic, and readers are told', (t) => {
  const state = begun({ retainedBytesMax: 2 * 1024 + 30 })
  for (const topic of ['a', 'b', 'a', 'b']) publish(state, topic, ['"123456789"'])
  t.true(state.bytesRetained <= 30)
  t.deepEqual(readAll(state, everything()), ['gap 1-2 retention', '3 a "123456789"', '4 b "123456789"'])
})

test('a state of a restored snapshot does not keep the snapshot', (t) => {
  const state = begun()
  for (let i = 0; i < 3; i++) publish(state, 'a', [String(i)])
  const bytes = Buffer.concat(state.snapshot())
  const restored = State.restore(bytes, LIMITS)
  for (const item of restored.read(0, everything(), 10, 100).items) {
    t.not(item.type === 'event' && item.event.data.buffer, bytes.buffer)
  }
})

test('bytes that are no snapshot, or are cut short or too long, are refused', (t) => {
  const state = begun()
  publish(state, 'a', ['1'])
  const bytes = Buffer.concat(state.snapshot())
  t.throws(() => State.restore(Buffer.from('nothing of the kind'), LIMITS), { message: /snapshot/ })
  for (let length = 0; length < bytes.length; length++) t.throws(() => State.restore(bytes.subarray(0, length), LIMITS))
  t.throws(() => State.restore(Buffer.concat([bytes, Buffer.alloc(1)]), LIMITS))
})

test('before the history has begun nothing is applied', (t) => {
  const state = new State(LIMITS)
  t.throws(() => publish(state, 'a', ['1']))
  t.throws(() => state.applyView(VIEW))
  t.throws(() => state.begin('not hexadecimal'))
})

test('a decoded publish encoded again for another version carries the same records', (t) => {
  const state = begun()
  const command = decodeCommand(publishing('a', ['1', '2'], { schemaVersion: 3 }))
  if (command.kind !== 'publish') return t.fail()
  t.is(state.apply(encodeCommand({ ...command, schemaVersion: 0 })).verdict, 'applied')
  t.deepEqual(readAll(state, everything()), ['1 a 1', '2 a 2'])
})

test('a million small events in batches of 500 take little more memory than their bytes', (t) => {
  const events = Array.from({ length: 500 }, (_, i) => ({
    data: Buffer.from(JSON.stringify({ n: i, x: 'y'.repeat(85) })),
  }))
  const records = packEvents(events)
  const state = begun()
  put(state, 'a', { retention: { events: 1_000_000, bytes: 0 } })
  const before = process.memoryUsage()
  for (let i = 0; i < 2000; i++) {
    state.apply(
      encodeCommand({
        ...common,
        kind: 'publish',
        topic: 'a',
        schemaVersion: 0,
        autoCreate: false,
        gapsAllowed: false,
        records,
      }),
    )
  }
  const after = process.memoryUsage()
  t.is(state.eventsRetained, 1_000_000)
  const used = after.heapUsed + after.external - before.heapUsed - before.external
  t.log(`${(state.bytesRetained / 1e6).toFixed(0)} MB of records, ${(used / 1e6).toFixed(0)} MB of memory`)
  t.true(used < state.bytesRetained * 1.5)
})
