// Random commands go into a state, into its dumb twin, and into a second state that is never restored from a snapshot:
// all three must agree at every step on what can be seen, and the two states on every byte.

import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import type { Command } from '../../broker/events/command.ts'
import { encodeCommand } from '../../broker/events/command.ts'
import { TopicFilter } from '../../broker/events/patterns.ts'
import { encodeRecord } from '../../broker/events/record.ts'
import { State } from '../../broker/events/state.ts'
import { Twin } from './twin.ts'

const LIMITS = { topicsMax: 4, publishersMax: 3, repliesPerPublisher: 2, retainedBytesMax: 4 * 1024 + 40 }
const HISTORY = 'abc123'

const TOPICS = ['a', 'a.b', 'a.b.c', 'b', 'b.b']
const PUBLISHERS = ['', 'p', 'q', 'r', 's']
const READERS: [patterns: string[], wants: RegExp][] = [
  [['>'], /./],
  [['a'], /^a$/],
  [['a.>', 'b'], /^(a\..*|b)$/],
  [['*.b'], /^[^.]+\.b$/],
  [['a', 'b.b', 'a.b.c'], /^(a|b\.b|a\.b\.c)$/],
]

const limit = fc.option(fc.nat(12), { nil: undefined })
const step = fc.record({
  act: fc.constantFrom('publish', 'publish', 'publish', 'publish', 'putTopic', 'deleteTopic', 'clock', 'restore'),
  topic: fc.nat(TOPICS.length - 1),
  publisher: fc.nat(PUBLISHERS.length - 1),
  /** From the number that would be right. */
  sequenceOff: fc.constantFrom(0, 0, 0, 0, 1, -1, -2, -4),
  gapsAllowed: fc.boolean(),
  autoCreate: fc.boolean(),
  timeOff: fc.integer({ min: -5, max: 10 }),
  /** Of a version or revision: whether the right one is meant. */
  stale: fc.constantFrom(false, false, false, true),
  life: fc.boolean(),
  texts: fc.array(fc.constantFrom('1', '22', '"333"', '"4444444"'), { minLength: 1, maxLength: 6 }),
  events: limit,
  bytes: limit,
  ageMs: limit,
  schema: fc.option(fc.constantFrom('true', '{}'), { nil: undefined }),
  reader: fc.nat(READERS.length - 1),
  most: fc.constantFrom(1, 2, 5, 100),
  readBytes: fc.constantFrom(1, 10, 1000),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function commandOf(step: Step, twin: Twin): Command {
  const name = TOPICS[step.topic]!
  const publisher = PUBLISHERS[step.publisher]!
  const topic = twin.topics.find((one) => one.name === name)
  const highest = twin.publishers.find((one) => one.id === publisher)?.highest ?? 6
  const sequence = publisher === '' ? 0 : Math.max(0, highest + 1 + step.sequenceOff)
  const common = { time: Math.max(0, twin.now + step.timeOff), publisher, sequence }
  if (step.act === 'publish') {
    return {
      ...common,
      kind: 'publish',
      topic: name,
      schemaVersion: (topic?.schemas.length ?? 0) + (step.stale ? 1 : 0),
      topicLife: step.life ? (topic?.life ?? 0) : 0,
      autoCreate: step.autoCreate,
      gapsAllowed: step.gapsAllowed,
      records: step.texts.map((text) => encodeRecord({ data: Buffer.from(text) })),
    }
  }
  if (step.act === 'putTopic') {
    const { events, bytes, ageMs, schema } = step
    const retention = {
      ...(events !== undefined && { events }),
      ...(bytes !== undefined && { bytes: bytes * 4 }),
      ...(ageMs !== undefined && { ageMs }),
    }
    const expectedVersion = (topic?.revision ?? 0) + (step.stale ? 1 : 0)
    const settings = { retention, ...(schema !== undefined && { schema: Buffer.from(schema) }) }
    return { ...common, kind: 'putTopic', topic: name, settings, expectedVersion }
  }
  if (step.act === 'deleteTopic') return { ...common, kind: 'deleteTopic', topic: name }
  return { ...common, kind: 'clock' }
}

test('random commands: the state, its dumb twin and a second state agree at every step', (t) => {
  const turns = { duplicate: 0, refused: 0, applied: 0, gaps: 0, restored: 0, events: 0 }
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
      const twin = new Twin(LIMITS)
      let state = new State(LIMITS)
      const other = new State(LIMITS)
      state.begin(HISTORY)
      other.begin(HISTORY)
      const readers = READERS.map(([patterns, wants]) => ({
        filter: new TopicFilter(patterns),
        wants,
        after: 0,
        told: 0,
      }))

      for (const step of steps) {
        if (step.act === 'restore') {
          const bytes = Buffer.concat(state.snapshot())
          state = State.restore(bytes, LIMITS)
          assert.equal(Buffer.compare(bytes, Buffer.concat(state.snapshot())), 0)
          turns.restored++
        } else {
          const command = commandOf(step, twin)
          const expected = twin.apply(command, step.texts)
          const bytes = encodeCommand(command)
          const { verdict, code, seq, offset, positionKnown } = state.apply(bytes)
          assert.deepEqual({ verdict, ...(code !== undefined && { code }), seq, offset }, expected)
          assert.equal(positionKnown, expected.seq > 0)
          assert.equal(other.apply(bytes).verdict, verdict)
          turns[verdict]++
        }

        assert.equal(state.seq, twin.seq)
        assert.equal(state.now, twin.now)
        assert.equal(state.digest, other.digest)
        const kept = twin.events.filter(({ fate }) => fate === 'kept')
        assert.equal(state.eventsRetained, kept.length)
        assert.equal(state.oldestSeq, kept[0]?.seq ?? twin.seq + 1)
        assert.equal(
          state.seqAtTime(twin.now - 3),
          kept.find((event) => event.storedAt >= twin.now - 3)?.seq ?? twin.seq + 1,
        )
        for (const publisher of PUBLISHERS.slice(1)) {
          const highest = twin.publishers.find(({ id }) => id === publisher)?.highest
          assert.equal(state.publisherExpects(publisher), highest === undefined ? undefined : highest + 1)
        }
        assert.deepEqual(
          state.topics().slice(1),
          twin.topics.map((topic) => {
            const events = twin.kept(topic.name)
            return {
              topic: topic.name,
              schemaVersion: topic.schemas.length,
              compatibility: 'backward' as const,
              retention: topic.retention,
              offset: topic.offset,
              oldestOffset: topic.offset - events.length + 1,
              events: events.length,
              bytes: events.reduce((sum, { record }) => sum + record.length, 0),
              revision: topic.revision,
              life: topic.life,
            }
          }),
        )

        const reader = readers[step.reader]!
        const wanted = twin.read(reader.after, reader.told, reader.wants, step.most, step.readBytes)
        const { items, through } = state.read(reader.after, reader.filter, step.most, step.readBytes)
        const given = items.map((item) => {
          if (item.type === 'gap') {
            reader.told = item.to
            turns.gaps++
            return item
          }
          turns.events++
          const { seq, offset, topic, data, schemaVersion, publisher } = item.event
          return { seq, offset, topic, text: Buffer.from(data).toString(), schemaVersion, publisher }
        })
        assert.deepEqual({ items: given, through }, wanted)
        reader.after = through
      }
      assert.equal(Buffer.compare(Buffer.concat(state.snapshot()), Buffer.concat(other.snapshot())), 0)
    }),
    { numRuns: Number(process.env['RUNS'] ?? 100), ...(process.env['RUNS'] === undefined && { seed: 7 }) },
  )
  // A turn that is never taken is a test that we don't have.
  for (const [turn, taken] of Object.entries(turns)) t.true(taken > 100, `${turn}: ${taken}`)
})
