import test from 'ava'
import { matches } from '../../broker/events/patterns.ts'
import { type Interested, Interests } from '../../broker/interests.ts'
import { Chance } from '../sim/random.ts'

const TOKENS = ['a', 'b', 'c']

function patternOf(random: Chance): string {
  const tokens = Array.from({ length: random.whole(1, 3) }, () => random.pick([...TOKENS, '*']))
  if (random.chance(0.3)) tokens.push('>')
  if (random.chance(0.1)) return '>'
  return random.chance(0.1) ? ['$sys', ...tokens].join('.') : tokens.join('.')
}

const topicOf = (random: Chance): string =>
  [
    ...(random.chance(0.2) ? ['$sys'] : []),
    ...Array.from({ length: random.whole(1, 4) }, () => random.pick(TOKENS)),
  ].join('.')

function concerned(interests: Interests<Interested>, topic: string): Set<Interested> {
  const found = new Set<Interested>()
  interests.forEach(topic, (one) => found.add(one))
  return found
}

test('a topic concerns those of whom a pattern matches it, whoever has come and gone', (t) => {
  const random = new Chance(11)
  const interests = new Interests<Interested>()
  const present = new Set<Interested>()
  let met = 0
  for (let round = 0; round < 3000; round++) {
    if (present.size > 0 && random.chance(0.45)) {
      const gone = random.pick([...present])
      present.delete(gone)
      interests.remove(gone)
      interests.remove(gone)
    } else {
      const come = { patterns: Array.from({ length: random.whole(1, 3) }, () => patternOf(random)) }
      present.add(come)
      interests.add(come)
      interests.add(come)
    }
    const topic = topicOf(random)
    const expected = [...present].filter(({ patterns }) => patterns.some((pattern) => matches(pattern, topic)))
    const found = concerned(interests, topic)
    if (found.size !== expected.length || !expected.every((one) => found.has(one))) t.fail(`round ${round}: ${topic}`)
    met += found.size
  }
  t.true(met > 10_000, `${met}`)
})

test('who is removed while the others are called is not in the way of them', (t) => {
  const interests = new Interests<Interested>()
  const all = ['a.b', 'a.*', '>', 'a.b', 'a.b'].map((pattern) => ({ patterns: [pattern] }))
  for (const one of all) interests.add(one)
  const called = new Set<Interested>()
  interests.forEach('a.b', (one) => {
    called.add(one)
    interests.remove(one)
  })
  t.deepEqual([called.size, all.every((one) => called.has(one))], [5, true])
  t.is(concerned(interests, 'a.b').size, 0)
})
