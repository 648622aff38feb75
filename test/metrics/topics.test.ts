import test from 'ava'
import { TOPIC_LABELS_MAX, TopicTally } from '../../broker/metrics/topics.ts'

test('ten thousand topics: a hundred have a line of their own, and nothing is lost', (t) => {
  const tally = new TopicTally()
  for (const round of [1, 2]) for (let i = 0; i < 10_000; i++) tally.of(`t${i}`).events += round
  const lines = new Map(tally)
  t.is(lines.size, TOPIC_LABELS_MAX + 1)
  t.is(lines.get('t99')?.events, 3)
  t.is(lines.get('other')?.events, 3 * 9900)
})

test('deleted topics: their lines are for others, and the sum of the others does not jump', (t) => {
  const tally = new TopicTally()
  for (let i = 0; i < 200; i++) tally.of(`t${i}`).bytes += 5
  tally.keep((topic) => topic !== 't3')
  t.false(new Map(tally).has('t3'))
  tally.of('t150').bytes += 7
  const lines = new Map(tally)
  t.is(lines.get('t150')?.bytes, 7)
  t.is(lines.get('other')?.bytes, 500)
})

test('a topic that is called as the others are: one of them', (t) => {
  const tally = new TopicTally()
  tally.of('other').events += 1
  tally.keep(() => false)
  t.deepEqual([...tally], [['other', { events: 1, bytes: 0, schemaRejections: 0 }]])
})
