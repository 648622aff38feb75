import { Ajv2020 } from 'ajv/dist/2020.js'
import test from 'ava'
import fc from 'fast-check'
import { incompatibilities } from '../../broker/events/compatibility.ts'

const object = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more })
const closed = { additionalProperties: false }

const COMPATIBLE: [what: string, before: unknown, after: unknown][] = [
  ['equal, in another order', { type: 'string', minLength: 1 }, { minLength: 1, type: 'string' }],
  ['only annotations differ', { title: 'a', $id: 'x' }, { description: 'b', $schema: 'y', default: 3 }],
  ['everything allowed now', { type: 'string' }, true],
  ['nothing was allowed', false, { type: 'string' }],
  ['integer widened to number', { type: 'integer' }, { type: 'number' }],
  ['another type added', { type: 'string' }, { type: ['string', 'null'] }],
  ['a value added to the enum', { enum: ['a', 1] }, { enum: [1, 'b', 'a'] }],
  ['const widened to enum', { const: { a: [1] } }, { enum: [{ a: [1] }, 2] }],
  ['an enum of strings widened to strings', { enum: ['a', 'b'] }, { type: 'string' }],
  ['bounds loosened', { minimum: 1, exclusiveMaximum: 5, minLength: 2 }, { minimum: 0, maximum: 5, minLength: 1 }],
  ['an exclusive bound made inclusive', { exclusiveMinimum: 1 }, { minimum: 1 }],
  ['keywords for a type that did not occur', { type: 'string' }, { type: 'string', minimum: 3, required: ['a'] }],
  ['a keyword dropped', { pattern: 'a', format: 'date', not: { const: 1 }, uniqueItems: true }, {}],
  ['a required property made optional', object({ a: {} }, { required: ['a'] }), object({ a: {} })],
  [
    'an optional property added to a closed object',
    object({ a: {} }, closed),
    object({ a: {}, b: { type: 'null' } }, closed),
  ],
  ['an unconstrained property added to an open object', object({}), object({ a: true })],
  [
    'an optional property added that the rest already fitted',
    object({}, { additionalProperties: { type: 'integer' } }),
    object({ a: { type: 'number' } }, { additionalProperties: { type: 'integer' } }),
  ],
  ['a closed object opened', object({ a: {} }, closed), object({ a: {} })],
  ['deeper, items loosened', { items: { maximum: 3 } }, { items: { maximum: 4 } }],
  ['a pattern of names loosened', { patternProperties: { x: { minimum: 1 } } }, { patternProperties: { x: {} } }],
  ['a part of allOf dropped', { allOf: [{ minimum: 1 }, { maximum: 3 }] }, { allOf: [{ maximum: 3 }] }],
  [
    'beside equal references',
    object({ a: { $ref: '#/$defs/x' }, b: { minimum: 1 } }, { $defs: { x: { minimum: 1 } } }),
    object({ a: { $ref: '#/$defs/x' }, b: {} }, { $defs: { x: { minimum: 1 } } }),
  ],
  ['a property called constructor', object({ constructor: { minimum: 1 } }), object({ constructor: {} })],
]

for (const [what, before, after] of COMPATIBLE) {
  test(`compatible: ${what}`, (t) => t.deepEqual(incompatibilities(before, after), []))
}

const INCOMPATIBLE: [what: string, before: unknown, after: unknown, paths: string[]][] = [
  ['nothing allowed any more', true, false, ['']],
  ['type narrowed', { type: ['string', 'null'] }, { type: 'string' }, ['/type']],
  ['number narrowed to integer', { type: 'number' }, { type: 'integer' }, ['/type']],
  ['a type where there was none', {}, { type: 'object' }, ['/type']],
  ['enum shrunk', { enum: [1, 2] }, { enum: [1] }, ['/enum']],
  ['an enum where there was none', { type: 'string' }, { type: 'string', enum: ['a'] }, ['/enum']],
  ['const changed', { const: 1 }, { const: 2 }, ['/const']],
  ['bounds tightened', { minimum: 1, maxLength: 3 }, { minimum: 2, maxLength: 2 }, ['/maxLength', '/minimum']],
  ['a bound made exclusive', { maximum: 1 }, { exclusiveMaximum: 1 }, ['/exclusiveMaximum']],
  [
    'pattern, format, multipleOf changed',
    { pattern: 'a' },
    { pattern: 'b', format: 'date', multipleOf: 2 },
    ['/pattern', '/format', '/multipleOf'],
  ],
  ['a property required', object({ a: {} }), object({ a: {} }, { required: ['a'] }), ['/required']],
  ['a typed property added to an open object', object({}), object({ a: { type: 'null' } }), ['/properties/a']],
  ['an object closed', object({ a: {} }), object({ a: {} }, closed), ['/additionalProperties']],
  ['a property removed from a closed object', object({ a: {} }, closed), object({}, closed), ['/additionalProperties']],
  [
    'deep inside, its path escaped',
    object({ 'a/b': { items: { minimum: 1 } } }),
    object({ 'a/b': { items: { minimum: 2 } } }),
    ['/properties/a~1b/items/minimum'],
  ],
  ['a pattern of names added', {}, { patternProperties: { x: { minimum: 1 } } }, ['/patternProperties/x/minimum']],
  ['names restricted', {}, { propertyNames: { maxLength: 3 } }, ['/propertyNames/maxLength']],
  [
    'a property given where a pattern of names may have held',
    { patternProperties: { x: true }, additionalProperties: false },
    { patternProperties: { x: true }, additionalProperties: false, properties: { x: { minimum: 1 } } },
    ['/properties/x'],
  ],
  [
    'a pattern of names removed from a closed object',
    { patternProperties: { x: true }, additionalProperties: false },
    { additionalProperties: false },
    ['/additionalProperties'],
  ],
  ['anyOf changed', { anyOf: [{ minimum: 1 }] }, { anyOf: [{ minimum: 0 }] }, ['/anyOf']],
  ['not loosened', { not: { minimum: 5 } }, { not: { minimum: 4 } }, ['/not']],
  ['a condition changed', { if: {}, else: {} }, { if: {}, else: { minimum: 1 } }, ['/else']],
  ['a part of allOf added', { allOf: [{}] }, { allOf: [{}, { minimum: 1 }] }, ['/allOf']],
  ['minContains where contains stays', { contains: {} }, { contains: {}, minContains: 2 }, ['/minContains']],
  ['places of a list changed', { prefixItems: [{}] }, { prefixItems: [{}, {}] }, ['/prefixItems']],
  [
    'leftovers closed while something beside them changed',
    { properties: { a: true, b: true }, unevaluatedProperties: false },
    { properties: { a: true }, unevaluatedProperties: false },
    ['/unevaluatedProperties'],
  ],
  [
    'a definition loosened that is referred to under not',
    { not: { $ref: '#/$defs/x' }, $defs: { x: { minimum: 5 } } },
    { not: { $ref: '#/$defs/x' }, $defs: { x: { minimum: 4 } } },
    ['/$defs'],
  ],
  ['a reference to itself', object({ a: { $ref: '#' } }), object({ a: { $ref: '#' }, b: true }), ['']],
  ['an unknown keyword', { type: 'string' }, { type: 'string', nullable: true }, ['/nullable']],
]

for (const [what, before, after, paths] of INCOMPATIBLE) {
  test(`incompatible: ${what}`, (t) => {
    const found = incompatibilities(before, after)
    t.deepEqual(found.map(({ path }) => path).sort(), [...paths].sort())
    for (const { reason } of found) t.not(reason, '')
  })
}

test('schemas nested too deep are refused, not overflowed on', (t) => {
  let deep: unknown = true
  for (let i = 0; i < 100_000; i++) deep = { items: deep }
  t.regex(incompatibilities(deep, { type: 'string' })[0]!.reason, /deep/)
  t.regex(incompatibilities({ type: 'string' }, deep)[0]!.reason, /deep/)
})

test('of very many faults some are told', (t) => {
  const properties = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${i}`, { type: 'null' }]))
  const found = incompatibilities(object({}), object(properties)).length
  t.true(found >= 100 && found <= 200)
})

// Small enough that schemas often are compatible and values often are valid.
const name = fc.constantFrom('a', 'b', 'ab', 'x')
const small = fc.integer({ min: -1, max: 3 })
const size = fc.nat(3)
const leaf = fc.constantFrom<unknown>(null, true, false, 'a', 'ab', '', 0, 1, 2, 1.5, [], {}, [1, 1], { a: 1 })
const { schema, value } = fc.letrec<{ schema: unknown; value: unknown }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.boolean(),
    fc.record(
      {
        type: fc.uniqueArray(fc.constantFrom('null', 'boolean', 'object', 'array', 'number', 'string', 'integer'), {
          minLength: 1,
        }),
        enum: fc.uniqueArray(leaf, { minLength: 1, comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) }),
        const: leaf,
        minimum: small,
        exclusiveMinimum: small,
        maximum: small,
        exclusiveMaximum: small,
        minLength: size,
        maxLength: size,
        minItems: size,
        maxItems: size,
        uniqueItems: fc.boolean(),
        minProperties: size,
        maxProperties: size,
        multipleOf: fc.constantFrom(1, 2, 0.5),
        pattern: fc.constantFrom('a', '^b'),
        required: fc.uniqueArray(name, { maxLength: 2 }),
        properties: fc.dictionary(name, tie('schema'), { maxKeys: 3 }),
        patternProperties: fc.dictionary(fc.constantFrom('a', 'x'), tie('schema'), { maxKeys: 2 }),
        additionalProperties: tie('schema'),
        propertyNames: tie('schema'),
        items: tie('schema'),
        prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        contains: tie('schema'),
        minContains: size,
        allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        not: tie('schema'),
        unevaluatedProperties: fc.boolean(),
        $ref: fc.constant('#/$defs/x'),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
// Of all keywords a few: otherwise next to nothing is valid.
const sparse = fc
  .tuple(schema, fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 4 }))
  .map(([whole, places]) =>
    typeof whole === 'object'
      ? Object.fromEntries(Object.entries(whole as object).filter((_, i) => places.includes(i)))
      : whole,
  )

/** The same schema with a keyword taken from another, or dropped, somewhere: a change such as people make. */
function changed(base: unknown, other: unknown, at: readonly number[]): unknown {
  if (typeof base !== 'object' || base === null || typeof other !== 'object' || other === null) return other
  const [place = 0, ...deeper] = at
  const keys = Object.keys(base)
  const key = keys[place % (keys.length + 1)]
  if (key === undefined) return { ...base, ...other }
  const inner = (base as Record<string, unknown>)[key]
  if (place % 2 === 1 || !['properties', 'items', 'additionalProperties', 'allOf'].includes(key)) {
    return Object.fromEntries(Object.entries(base).filter(([one]) => one !== key))
  }
  return { ...base, [key]: Array.isArray(inner) ? inner : changed(inner, other, deeper) }
}

/** Undefined: ajv 8.20 makes code that does not run of a few schemas with unevaluatedProperties, and says nothing then. */
function verdict(validate: (value: unknown) => unknown, one: unknown): boolean | undefined {
  try {
    return validate(one) === true
  } catch {
    return undefined
  }
}

test('random pairs of schemas: judged compatible, all that was valid still is', (t) => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, logger: false })
  const definitions = { $defs: { x: { type: ['string', 'number', 'object'] } } }
  const rooted = (one: unknown): object => (typeof one === 'object' ? { ...one, ...definitions } : one) as object
  const counts = { compatible: 0, incompatible: 0, valid: 0 }
  const pair = fc.tuple(sparse, sparse, fc.array(fc.nat(7), { maxLength: 3 }))
  fc.assert(
    fc.property(pair, fc.array(value, { minLength: 8, maxLength: 20 }), ([base, other, at], values) => {
      const before = rooted(base)
      const after = rooted(changed(base, other, at))
      if (incompatibilities(before, after).length > 0) {
        counts.incompatible++
        return
      }
      counts.compatible++
      const [old, now] = [ajv.compile(before), ajv.compile(after)]
      for (const one of values) {
        if (verdict(old, one) !== true) continue
        counts.valid++
        if (verdict(now, one) === false) throw new Error(`${JSON.stringify(one)} is valid no more`)
      }
      ajv.removeSchema()
    }),
    {
      includeErrorInReport: true,
      numRuns: Number(process.env['RUNS'] ?? 250),
      ...(process.env['RUNS'] === undefined && { seed: 11 }),
    },
  )
  t.true(counts.compatible > 50 && counts.incompatible > 50 && counts.valid > 300, JSON.stringify(counts))
})
