import test from 'ava'
import fc from 'fast-check'
import { patternFault, TopicFilter, topicNameFault } from '../../broker/events/patterns.ts'

test('topic names: tokens of letters, digits, - and _, separated by dots', (t) => {
  for (const name of ['a', 'A-1_b', 'a.b.c', 'x'.repeat(255)]) t.is(topicNameFault(name), undefined, name)
  for (const name of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a*', '*', '>', 'ä', 'a/b', 'a\n', 'x'.repeat(256)]) {
    t.not(topicNameFault(name), undefined, JSON.stringify(name))
  }
  t.regex(topicNameFault('$sys.views')!, /system/)
})

test('patterns: a name in which tokens may be *, and the last one >', (t) => {
  for (const pattern of ['a', '*', '>', 'a.*', '*.b', 'a.*.c', 'a.>', '*.>', '$sys.views', '$sys.>', '$sys.*']) {
    t.is(patternFault(pattern), undefined, pattern)
  }
  for (const pattern of ['', '.', 'a.', '>.a', 'a.>.b', 'a*', '*a', 'a.b*', '**', '>>', '$', 'a.$b', 'a b', 'a\n']) {
    t.not(patternFault(pattern), undefined, JSON.stringify(pattern))
  }
})

const CASES: [pattern: string, matching: string[], others: string[]][] = [
  ['a', ['a'], ['b', 'a.a', 'aa']],
  ['a.*', ['a.b', 'a.c'], ['a', 'a.b.c', 'b.b', 'aa.b']],
  ['*', ['a', 'b'], ['a.b', '$sys']],
  ['*.b', ['a.b', 'b.b'], ['b', 'a.b.b', 'a.bb', '$sys.b']],
  ['a.*.c', ['a.b.c'], ['a.c', 'a.b.b.c', 'a.b.c.c']],
  ['a.>', ['a.b', 'a.b.c'], ['a', 'b.a', 'ab.c']],
  ['>', ['a', 'a.b'], ['$sys.views', '$x']],
  ['*.>', ['a.b', 'a.b.c'], ['a', '$sys.views']],
  ['$sys.>', ['$sys.views', '$sys.a.b'], ['$sys', 'sys.views', '$sy.views']],
  ['$sys.views', ['$sys.views'], ['$sys.view', 'a']],
]

for (const [pattern, matching, others] of CASES) {
  test(`${pattern} matches ${matching.join(' ')} and not ${others.join(' ')}`, (t) => {
    const filter = new TopicFilter([pattern])
    for (const name of matching) t.true(filter.matches(name), name)
    for (const name of others) t.false(filter.matches(name), name)
  })
}

test('random patterns and names: as the same regular expression says', (t) => {
  const token = fc.constantFrom('a', 'b', 'ab')
  const wild = fc.constantFrom('a', 'b', 'ab', '*')
  const pattern = fc
    .tuple(fc.array(wild, { maxLength: 4 }), fc.boolean())
    .map(([tokens, rest]) => [...tokens, ...(rest ? ['>'] : [])])
    .filter((tokens) => tokens.length > 0)
  const name = fc.array(token, { minLength: 1, maxLength: 5 })
  let matched = 0
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 3 }), fc.array(name), (patterns, names) => {
      const filter = new TopicFilter(patterns.map((tokens) => tokens.join('.')))
      const sources = patterns.map((tokens) =>
        tokens.map((one) => ({ '*': '[^.]+', '>': '.+' })[one] ?? one).join('\\.'),
      )
      const expression = new RegExp(`^(${sources.join('|')})$`)
      // Twice: the second time from memory.
      for (const tokens of [...names, ...names]) {
        const is = filter.matches(tokens.join('.'))
        if (is) matched++
        t.is(is, expression.test(tokens.join('.')))
      }
    }),
    { seed: 3, numRuns: 500 },
  )
  t.true(matched > 500)
})
