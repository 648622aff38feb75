import test from 'ava'
import fc from 'fast-check'
import { type PatternLimits, Patterns, stepsPerCharacter } from '../../broker/http/schema-pattern.ts'

const LIMITS: PatternLimits = { patternCharsMax: 1000, patternCharsTotalMax: 10_000 }

function made(source: string): RegExp {
  return new Patterns(LIMITS).make(source)
}

// As they stand, each keeps V8 for seconds when it is first used, and nothing can interrupt that.
const alternatives = [...'abcdefghijkl'].map((letter) => `(?=${letter})${letter}`).join('|')
const choices = `(?:${alternatives})`.repeat(8)
const SLOW_TO_COMPILE = ['\\p{C}'.repeat(8), choices, `^\\b${choices}`, `^[^]*?${choices}`]

for (const source of SLOW_TO_COMPILE) {
  test(`never searched by V8, has no border and nothing lazy: ${source.slice(0, 30)}`, (t) => {
    const pattern = made(source)
    t.regex(pattern.source, /^\^/)
    t.notRegex(pattern.source, /\\[bB]|[*+?}]\?/)
    // Some milliseconds; the bound is for a busy machine.
    const start = performance.now()
    for (const text of ['x', 'x', 'ж'.repeat(30), 'ж'.repeat(30)]) pattern.test(text)
    t.true(performance.now() - start < 1000)
  })
}

const piece = fc.constantFrom(
  ...['a', 'b', 'ж', '😀', '.', '\\W', '[^a]', '[^]', '[a\\]b]', '[\\b*?]', '\\p{L}', '\\P{L}', '^', '$', '\\1'],
  ...[
    '\\b',
    '\\B',
    '\\\\b',
    '\\*',
    '\\u{61}',
    '\\u0062',
    '\\cB',
    '(?:a|)',
    '(?=a)',
    '(?<!b)',
    '(?<n>.)',
    '(',
    ')',
    '|',
  ],
  ...['(?i:', '(?:', '(?!', '(?<='],
)
const quantifier = fc.constantFrom('', '', '', '*', '*?', '+', '+?', '?', '??', '{2}', '{2}?', '{0,2}?', '{1,}?')
const anyPattern = fc
  .array(
    fc.tuple(piece, quantifier).map((parts) => parts.join('')),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(''))
const anyText = fc
  .array(fc.constantFrom('a', 'b', 'ж', '😀', ' ', '*', '\\', ']', '\n', '\b', '\u0002'), { maxLength: 6 })
  .map((parts) => parts.join(''))

test('random patterns: what is made of them matches just where they do', (t) => {
  const counts = { patterns: 0, matches: 0 }
  fc.assert(
    fc.property(anyPattern, fc.array(anyText, { minLength: 5, maxLength: 5 }), (source, texts) => {
      let plain: RegExp
      try {
        plain = new RegExp(source, 'u')
      } catch {
        return
      }
      if (/\\1/.test(source) && /[*+?}]\?/.test(source) && /\(\?<?[=!]/.test(source)) return // Refused.
      counts.patterns++
      const pattern = made(source)
      for (const text of texts) {
        const matches = plain.test(text)
        if (matches) counts.matches++
        if (pattern.test(text) !== matches) throw new Error(`${JSON.stringify(text)}: ${!matches}, by ${pattern}`)
      }
    }),
    { seed: 7, numRuns: 20_000 },
  )
  t.true(counts.patterns > 5000 && counts.matches > 5000, JSON.stringify(counts))
})

test('where the order of tries decides, which is not kept, the pattern is refused', (t) => {
  t.throws(() => made('^(?=(a*?))\\1b'), { message: /lazy quantifier, a reference back and look-around/ })
  t.notThrows(() => made('^(a*?)\\1b'))
  t.notThrows(() => made('^(?=a*?b)'))
})

test('no pattern: the message shows it as it was written', (t) => {
  t.throws(() => made('a(b'), { message: /^Invalid regular expression: \/a\(b\// })
})

test('patterns are limited in length, each and together, and what is slow to parse counts for more', (t) => {
  const limits = { patternCharsMax: 250, patternCharsTotalMax: 400 }
  t.throws(() => new Patterns(limits).make('a'.repeat(251)), { message: /251 characters.*patternCharsMax = 250/ })
  t.throws(() => new Patterns(limits).make('\\p{L}'.repeat(3)), {
    message: /315 characters \(\\p and \\b count as 100/,
  })
  t.throws(() => new Patterns(limits).make('\\b'.repeat(3)), { message: /306 characters/ })
  const patterns = new Patterns(limits)
  patterns.make('a'.repeat(200))
  t.throws(() => patterns.make('b'.repeat(201)), {
    message: /more than patternCharsTotalMax = 400 characters together/,
  })
  t.notThrows(() => patterns.make('a'.repeat(200)), 'the same pattern again counts once')
})

const STEPS: [pattern: string, steps: number][] = [
  ['^[A-Z]{2}\\d+$', 4],
  ['^[a-z0-9-]{1,64}$', 2],
  ['^[A-Z]{3}-\\d{1,6}$', 6],
  ['^\\d{4}-\\d{2}-\\d{2}$', 8],
  ['^\\d{1,3}\\.\\d{1,3}$', 18],
  ['abc', 5],
  ['a?b', 8],
  ['[^"\\\\]', 3],
  // Each shape by which matching can take long: the watchdog's.
  [`^${'(a|a)'.repeat(33)}b$`, Number.POSITIVE_INFINITY],
  ['^(a+)+$', Number.POSITIVE_INFINITY],
  ['^(?:a{1,9}){1,9}$', Number.POSITIVE_INFINITY],
  ['^a|b$', Number.POSITIVE_INFINITY],
  ['a*b', Number.POSITIVE_INFINITY],
  ['^a*a*$', Number.POSITIVE_INFINITY],
  ['^(a)\\1$', Number.POSITIVE_INFINITY],
  ['^(?=a)$', Number.POSITIVE_INFINITY],
  ['^\\p{L}$', Number.POSITIVE_INFINITY],
  ['^\\bx$', Number.POSITIVE_INFINITY],
  ['^a+?$', Number.POSITIVE_INFINITY],
  ['^[^a]$', 2],
  // Each class could be read in two ways once, so that this took for ever.
  [`${'[^a]'.repeat(200)}(b)`, Number.POSITIVE_INFINITY],
]

for (const [pattern, steps] of STEPS) {
  test(`steps for each character of ${pattern.slice(0, 30)}: ${steps}`, (t) => t.is(stepsPerCharacter(pattern), steps))
}

test('counted repetition takes as many steps as it can vary, at each place', (t) => {
  t.true(stepsPerCharacter('a{0,999}b') >= 1_000_000)
  t.true(stepsPerCharacter('^a{0,999}a{0,999}b') >= 1_000_000)
})

/** Matching by trying, as V8 does it, with its steps counted. */
function stepsTaken(
  pieces: readonly (readonly [least: number, most: number])[],
  text: string,
  anchored: boolean,
): number {
  let steps = 0
  const rest = (piece: number, at: number): boolean => {
    const range = pieces[piece]
    if (range === undefined) return at === text.length
    let end = at
    while (end < text.length && end - at < range[1]) {
      steps++
      if (text[end] !== 'a') break
      end++
    }
    for (; end - at >= range[0] && end >= at; end--) {
      steps++
      if (rest(piece + 1, end)) return true
    }
    return false
  }
  for (let start = 0; start <= (anchored ? 0 : text.length); start++) {
    if (rest(0, start)) break
  }
  return steps
}

test('random simple patterns never take more steps than was said', (t) => {
  const range = fc.tuple(fc.nat(4), fc.option(fc.nat(4), { nil: Number.POSITIVE_INFINITY })).map(([least, more]) => {
    return [least, least + more] as const
  })
  let finite = 0
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), fc.boolean(), fc.nat(30), (pieces, anchored, n) => {
      const quantified = pieces.map(([least, most]) => `a{${least},${most === Number.POSITIVE_INFINITY ? '' : most}}`)
      const said = stepsPerCharacter(`${anchored ? '^' : ''}${quantified.join('')}$`)
      if (said !== Number.POSITIVE_INFINITY) finite++
      // Per piece it is tried and left.
      const most = said * (n + 2) * 2
      const taken = stepsTaken(pieces, `${'a'.repeat(n)}!`, anchored)
      if (taken > most) throw new Error(`${taken} steps; said to be ${most}`)
    }),
    { seed: 3, numRuns: 2000 },
  )
  t.true(finite > 200)
})
