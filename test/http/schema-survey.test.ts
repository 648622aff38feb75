import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import test from 'ava'
import { CHEAP_FORMATS, cheapTo, isCheapToCompile } from '../../broker/http/schema-cost.ts'
import { type Survey, surveySchema } from '../../broker/http/schema-survey.ts'

const LIMITS = {
  depthMax: 100,
  subschemasMax: 2000,
  valuesMax: 10_000,
  patternCharsMax: 1000,
  patternCharsTotalMax: 10_000,
}

function survey(document: unknown, limits: Partial<typeof LIMITS> = {}): Survey {
  return surveySchema(document, { ...LIMITS, ...limits })
}

const cheap = (schema: unknown, value: unknown): boolean => cheapTo(survey(schema).weight, [{ value }], 0) === 1
const list = <T>(length: number, one: (i: number) => T): T[] => Array.from({ length }, (_, i) => one(i))
const named = <T>(length: number, one: (i: number) => T): object =>
  Object.fromEntries(list(length, (i) => [`k${i}`, one(i)]))

const ORDER = {
  type: 'object',
  required: ['id', 'side', 'price'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', pattern: '^[A-Z]{2}\\d+$', maxLength: 20 },
    side: { enum: ['buy', 'sell'] },
    price: { type: 'number', minimum: 0 },
    quantity: { type: 'integer', minimum: 1 },
    at: { type: 'string', format: 'date-time' },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 10, uniqueItems: true },
    payer: { $ref: '#/$defs/party' },
  },
  $defs: { party: { type: 'object', properties: { name: { type: 'string' }, email: { format: 'email' } } } },
}

test('an ordinary typed object is cheap up to some kilobytes of events, in one or in many', (t) => {
  const order = { id: 'AB123', side: 'buy', price: 1.5, quantity: 3, at: '2024-05-01T12:00:00Z', tags: ['a', 'b'] }
  t.true(cheap(ORDER, order))
  t.true(cheap(ORDER, { ...order, payer: { name: 'x'.repeat(2000) } }))
  const many = list(1000, () => ({ value: order }))
  const first = cheapTo(survey(ORDER).weight, many, 0)
  t.true(first >= 20 && first < 1000)
  t.is(cheapTo(survey(ORDER).weight, many, first), 2 * first, 'and as many again')
  const wide = { type: 'object', properties: named(20, () => ({ type: 'string', maxLength: 100 })) }
  t.true(
    cheap(
      wide,
      named(20, () => 'x'.repeat(200)),
    ),
  )
})

test('what is known to be short is found cheap by its length, and no more of it is than of what is looked at', (t) => {
  const { weight } = survey(ORDER)
  const value = { id: 'AB123', side: 'buy', price: 1.5 }
  const dataBytes = JSON.stringify(value).length
  const short = list(1000, () => ({ value, dataBytes }))
  const first = cheapTo(weight, short, 0)
  t.true(
    first >= 20 &&
      first <=
        cheapTo(
          weight,
          list(1000, () => ({ value })),
          0,
        ),
  )
  t.is(cheapTo(Number.POSITIVE_INFINITY, [{ value, dataBytes }], 0), 0)
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as unknown
  t.is(cheapTo(1, [{ value: deep, dataBytes: 400 }], 0), 0, 'what could be nested deep is looked at')
})

const NEVER_CHEAP: [what: string, schema: object][] = [
  ['a pattern with alternatives', { type: 'string', pattern: `^${'(a|a)'.repeat(33)}b$` }],
  ['a name pattern with a repeated group', { type: 'object', patternProperties: { '^(a+)+$': true } }],
  ['counted repetition that is tried at each place', { type: 'string', pattern: 'a{0,999}b' }],
  ['uniqueItems without maxItems', { type: 'array', uniqueItems: true }],
  ['a format that backtracks', { type: 'string', format: 'url' }],
  ['a format that is not known', { type: 'string', format: 'other' }],
  ['references among definitions', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: true } }],
  ['a reference to the whole', { type: 'object', properties: { a: { $ref: '#' } } }],
  ['a reference into a value', { $ref: '#/examples/0', examples: [{ type: 'string' }] }],
  ['a reference by an anchor', { $ref: '#a', $defs: { b: { $anchor: 'a' } } }],
  ['a dynamic reference', { $dynamicRef: '#/$defs/a', $defs: { a: true } }],
  ['unevaluated properties', { type: 'object', unevaluatedProperties: false }],
  ['unevaluated items', { type: 'array', unevaluatedItems: false }],
]

test('cheap to compile: by what it weighs, by its bytes, and without base URIs within, whatever stands where a number does', (t) => {
  const { weight, innerIds } = survey({ $id: 'https://x.example/a', type: 'object', properties: { a: { $id: 'b' } } })
  t.is(innerIds, 1)
  t.true(isCheapToCompile(weight, 1000, 0))
  t.false(isCheapToCompile(weight, 1000, innerIds))
  t.false(isCheapToCompile(weight, 16 * 1024 + 1, 0))
  t.false(isCheapToCompile(1001, 1000, 0))
  t.false(isCheapToCompile(survey({ not: { maxItems: -1e9, uniqueItems: true } }).weight, 1000, 0))
})

for (const [what, schema] of NEVER_CHEAP) {
  test(`never cheap: ${what}`, (t) => {
    t.deepEqual(survey(schema).faults, [])
    t.false(cheap(schema, 1) && cheap(schema, 'a'))
  })
}

const HEAVY: [what: string, schema: object, small: unknown, large: unknown][] = [
  ['a long enum for each item', { items: { enum: list(4000, (i) => i) } }, [1], list(1000, () => 1)],
  [
    'many patterns that vary a little',
    { allOf: list(20, () => ({ type: 'string', pattern: 'a{0,9}b' })) },
    'a',
    'a'.repeat(1000),
  ],
  [
    'many references to many alternatives',
    {
      items: { allOf: list(200, () => ({ $ref: '#/$defs/a' })) },
      $defs: { a: { anyOf: list(200, (i) => ({ const: i })) } },
    },
    undefined,
    list(10, () => 1),
  ],
  ['uniqueItems with many maxItems', { type: 'array', uniqueItems: true, maxItems: 1000 }, [[1]], list(500, () => [1])],
  ['a long list of required names', { items: { required: list(2000, (i) => `k${i}`) } }, [{}], list(1000, () => ({}))],
  ['long texts', { type: 'string', pattern: '^a*b$' }, 'a', 'a'.repeat(100_000)],
  ['long names', { type: 'object', propertyNames: { pattern: '^a*b$' } }, {}, { ['a'.repeat(100_000)]: 1 }],
]

for (const [what, schema, small, large] of HEAVY) {
  test(`cheap for small events and not for large ones: ${what}`, (t) => {
    t.deepEqual(survey(schema).faults, [])
    if (small !== undefined) t.true(cheap(schema, small))
    t.false(cheap(schema, large))
  })
}

test('data nested deeper than the stack allows is not cheap, and does not overflow', (t) => {
  let deep: unknown = 1
  for (let i = 0; i < 200_000; i++) deep = [deep]
  t.false(cheap(true, deep))
})

test('formats that count as cheap are known to ajv, and take no time at all for 100,000 hostile characters', (t) => {
  const ajv = new Ajv2020({ allowUnionTypes: true, logger: false })
  formats.default(ajv)
  const units = [
    'a',
    '1',
    '.',
    ':',
    '/',
    '@',
    '%41',
    '-',
    'a.',
    'a-',
    '1:',
    '~0',
    '{a',
    '{a}',
    'AAAA\n',
    '?',
    'T',
    '0t',
  ]
  const begins = ['', 'a@', 'http://', 'http://[', 'P', '1000-10-10T00:00:00.', '#/', '{']
  for (const format of CHEAP_FORMATS) {
    const validate = ajv.compile({ type: ['string', 'number'], format })
    const start = performance.now()
    for (const begin of begins) {
      for (const unit of units) validate(`${begin}${unit.repeat(100_000 / unit.length)}!`)
    }
    // 144 texts, a few milliseconds each at most; one that takes quadratic time takes minutes.
    t.true(performance.now() - start < 20_000, String(format))
  }
})

test('beyond a limit the survey stops, and says which it is', (t) => {
  const faults = (schema: unknown, limits?: Partial<typeof LIMITS>) => survey(schema, limits).faults
  t.deepEqual(faults({ enum: list(40, (i) => i) }, { valuesMax: 30 }), [
    { path: '', message: 'has more than 30 values; that is the limit valuesMax of a schema' },
  ])
  t.deepEqual(faults({ anyOf: list(40, () => ({ $ref: 'elsewhere' })) }, { subschemasMax: 0 }), [
    { path: '', message: 'has more than 0 subschemas; that is the limit subschemasMax' },
  ])
  // A getter tells whether it was looked at.
  let looked = 0
  const schemas = list(10_000, () => ({
    get title() {
      looked++
      return 'x'
    },
  }))
  t.is(faults({ anyOf: schemas }, { subschemasMax: 10 }).length, 1)
  t.true(looked <= 10)
})

test('ids are resolved once, however many references there are', (t) => {
  const { canParse } = URL
  let parsed = 0
  URL.canParse = (...args) => {
    parsed++
    return canParse(...args)
  }
  try {
    const anyOf = list(900, (i) => [{ $id: `x${i}` }, { $ref: `y${i}` }]).flat()
    t.is(survey({ $id: 'http://a.test/b', anyOf }).faults.length, 20)
  } finally {
    URL.canParse = canParse
  }
  t.true(parsed <= 2 * 900 + 10)
})

test('a long $id or reference is refused', (t) => {
  const long = `http://a.test/${'x'.repeat(2000)}`
  t.deepEqual(survey({ $id: long }).faults, [{ path: '/$id', message: 'has 2014 characters; the limit is 2000' }])
  t.is(survey({ $ref: long }).faults[0]?.path, '/$ref')
})

test('what every object inherits is no keyword, but may be the name of a property', (t) => {
  for (const keyword of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const document = JSON.parse(`{"properties":{"a":{"${keyword}":{"type":"string"}}}}`)
    t.deepEqual(survey(document).faults, [
      { path: `/properties/a/${keyword}`, message: `unknown keyword: "${keyword}"` },
    ])
  }
  const names = { properties: { constructor: true }, dependentRequired: { toString: ['a'] }, required: ['valueOf'] }
  t.deepEqual(survey(names).faults, [])
  t.is(survey(JSON.parse('{"properties":{"__proto__":false}}')).faults[0]?.path, '/properties/__proto__')
})
