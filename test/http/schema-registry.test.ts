import { execFileSync } from 'node:child_process'
import test from 'ava'
import type { Fault } from '../../broker/errors.ts'
import { SchemaRegistry, type SchemaRegistryOptions } from '../../broker/http/schema-registry.ts'
import { within } from '../../broker/http/watchdog.ts'

function registry(options: Partial<SchemaRegistryOptions> = {}): SchemaRegistry {
  return new SchemaRegistry({ schemaBytesMax: 768 * 1024, ...options })
}

function textOf(schema: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(schema))
}

function faultsOf(schema: unknown, options?: Partial<SchemaRegistryOptions>): readonly Fault[] {
  const checked = registry(options).check(schema)
  return checked.ok ? [] : checked.faults
}

function validate(schema: unknown, value: unknown): readonly Fault[] {
  return registry().validator('t', 1, textOf(schema))(value)
}

test('a schema of each offered draft: it is taken, and its text is what came in', (t) => {
  const drafts = [
    undefined,
    'https://json-schema.org/draft/2020-12/schema',
    'https://json-schema.org/draft/2019-09/schema',
    'http://json-schema.org/draft-07/schema#',
    'http://json-schema.org/draft-07/schema',
  ]
  for (const $schema of drafts) {
    const schema = { ...($schema && { $schema }), type: 'object', properties: { a: { type: 'integer' } } }
    const checked = registry().check(schema)
    t.true(checked.ok)
    if (checked.ok) t.deepEqual(checked.text, textOf(schema))
    t.deepEqual(validate(schema, { a: 1 }), [])
    t.deepEqual(validate(schema, { a: '1' }), [{ path: '/a', message: 'must be integer' }])
  }
})

test('drafts differ: a tuple is written by items in draft-07 and by prefixItems in 2020-12', (t) => {
  const tuple = [{ type: 'string' }]
  const old = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'array',
    items: tuple,
    minItems: 1,
    maxItems: 1,
  }
  t.deepEqual(validate(old, [1]), [{ path: '/0', message: 'must be string' }])
  t.is(faultsOf({ type: 'array', items: tuple, minItems: 1, maxItems: 1 })[0]?.path, '/schema/items')
  const now = { type: 'array', prefixItems: tuple, minItems: 1, items: false }
  t.deepEqual(validate(now, [1]), [{ path: '/0', message: 'must be string' }])
})

test('what is no schema, or says less than was meant, is refused with its place and the reason', (t) => {
  const deep = Array.from({ length: 60 }).reduce<object>((inner) => ({ type: 'array', items: inner }), {})
  const refused: [unknown, string, RegExp][] = [
    [[], '/schema', /must be a JSON Schema/],
    ['string', '/schema', /must be a JSON Schema/],
    [null, '/schema', /must be a JSON Schema/],
    [undefined, '/schema', /must be a JSON Schema/],
    [{ type: 'text' }, '/schema/type', /allowed values/],
    [{ properties: [] }, '/schema/properties', /must be object/],
    [{ type: 'object', properties: { a: { minLength: -1 } } }, '/schema/properties/a/minLength', />= 0/],
    [{ type: 'object', requierd: ['a'] }, '/schema/requierd', /unknown keyword/],
    [{ type: 'object', properties: { 'a/b': { typ: 'x' } } }, '/schema/properties/a~1b/typ', /unknown keyword/],
    [{ type: 'string', format: 'datetime' }, '/schema', /unknown format "datetime"/],
    [{ type: 'object', properties: { a: { type: 'string', minimum: 1 } } }, '/schema/properties/a', /missing type/],
    [{ type: 'string', pattern: '(' }, '/schema/pattern', /Invalid regular expression/],
    [{ type: 'object', patternProperties: { '[': {} } }, '/schema/patternProperties/[', /Invalid regular/],
    [{ $ref: 'https://example.com/s.json' }, '/schema/$ref', /outside the schema/],
    [{ type: 'object', properties: { a: { $ref: 'file:///etc/passwd' } } }, '/schema/properties/a/$ref', /outside/],
    [{ $ref: 'https://json-schema.org/draft/2020-12/schema' }, '/schema/$ref', /outside/],
    [{ allOf: [{ $ref: '#/$defs/none' }] }, '/schema/allOf/0/$ref', /can't resolve/],
    [{ $schema: 'http://json-schema.org/draft-04/schema#' }, '/schema/$schema', /2020-12, 2019-09 or draft-07/],
    [{ $schema: 7 }, '/schema/$schema', /2020-12/],
    [{ $async: true }, '/schema/$async', /not offered/],
    [{ type: 'object', properties: { a: { $async: true } } }, '/schema/properties/a/$async', /not offered/],
    [deep, `/schema${'/items'.repeat(50)}`, /deeper than depthMax = 50/],
    [{ const: deep }, '/schema/const', /deeper than depthMax = 50/],
    [{ anyOf: Array.from({ length: 100 }, () => ({ type: 'null' })) }, '/schema', /more than 100 subschemas/],
    [{ description: 'x'.repeat(5000) }, '/schema', /5018 bytes; the limit is schemaBytesMax = 4096/],
  ]
  for (const [schema, path, message] of refused) {
    const faults = faultsOf(schema, { depthMax: 50, subschemasMax: 100, schemaBytesMax: 4096 })
    const described = JSON.stringify(schema)?.slice(0, 100)
    t.is(faults[0]?.path, path, described)
    t.regex(faults[0]?.message ?? '', message, described)
  }
})

test('references that stay inside: by pointer, anchor and $id', (t) => {
  const $defs = {
    n: { type: 'number' },
    a: { $anchor: 'text', type: 'string' },
    e: { $id: 'other.json', type: 'boolean' },
  }
  const $id = 'https://example.com/main.json'
  for (const [ref, good] of Object.entries({ '#/$defs/n': 1, '#text': 'x', 'other.json': true, [$id]: undefined })) {
    const schema = { $id, $defs, type: 'object', properties: { v: { $ref: ref } } }
    t.deepEqual(faultsOf(schema), [], ref)
    if (good === undefined) continue
    t.deepEqual(validate(schema, { v: good }), [], ref)
    t.is(validate(schema, { v: null })[0]?.path, '/v', ref)
  }
})

test('two topics with the same $id do not meet', (t) => {
  const schemas = registry()
  const $id = 'https://example.com/same.json'
  const a = schemas.validator('a', 1, textOf({ $id, type: 'string' }))
  const b = schemas.validator('b', 1, textOf({ $id, type: 'number' }))
  t.deepEqual([a('x'), b(1)], [[], []])
  t.is(a(1).length + b('x').length, 2)
})

test('a topic made again with another version 1: its own schema decides, not the remembered one', (t) => {
  const schemas = registry()
  t.deepEqual(schemas.validator('t', 1, textOf({ type: 'string' }))('x'), [])
  t.deepEqual(schemas.validator('t', 1, textOf({ type: 'number' }))('x'), [{ path: '', message: 'must be number' }])
})

test('compiled schemas are kept up to the limits, the least recently used go first', (t) => {
  const schemas = registry({ compiledMax: 2 })
  const kept = () => [...(schemas as unknown as { compiled: Map<string, unknown> }).compiled.keys()]
  const text = textOf({ type: 'string' })
  for (const topic of ['a', 'b', 'a', 'c']) t.deepEqual(schemas.validator(topic, 1, text)('x'), [])
  t.deepEqual(kept(), ['a 1', 'c 1'])
  t.deepEqual(schemas.validator('b', 1, text)('x'), [])

  const narrow = registry({ compiledBytesMax: text.length * 2 })
  for (let i = 0; i < 10; i++) narrow.validator(`t${i}`, 1, text)('x')
  t.is((narrow as unknown as { compiled: Map<string, unknown> }).compiled.size, 2)
})

test('faults name the place in the request and say what would be right', (t) => {
  const schema = {
    type: 'object',
    required: ['id'],
    additionalProperties: false,
    properties: {
      id: { type: 'string' },
      side: { enum: ['buy', 'sell'] },
      at: { type: 'string', format: 'date-time' },
    },
  }
  const schemas = registry()
  const faults = (value: unknown) => schemas.validate('t', 1, textOf(schema), [{ value, path: '/2/data' }])
  t.deepEqual(faults({}), [{ path: '/2/data', message: "must have required property 'id'" }])
  t.deepEqual(faults({ id: 'x', idd: 1 }), [{ path: '/2/data', message: 'must NOT have additional properties: "idd"' }])
  t.deepEqual(faults({ id: 'x', side: 'by' }), [
    { path: '/2/data/side', message: 'must be equal to one of the allowed values: ["buy","sell"]' },
  ])
  t.deepEqual(faults({ id: 'x', at: 'noon' }), [{ path: '/2/data/at', message: 'must match format "date-time"' }])
})

test('very many events in a request, and ones that are not cheap among them: every fault is told, at its event', (t) => {
  const schema = {
    type: 'object',
    properties: { n: { type: 'integer' }, text: { type: 'string', maxLength: 100_000 } },
  }
  const values: unknown[] = Array.from({ length: 5000 }, (_, n) => ({ n, text: 'x'.repeat(100) }))
  const wrong = (...at: number[]): (string | undefined)[] => {
    const candidates = values.map((value, i) => ({ value: at.includes(i) ? { n: 'x' } : value, path: `/${i}` }))
    return registry()
      .validate('t', 1, textOf(schema), candidates)
      .map(({ path }) => path)
  }
  t.deepEqual(wrong(), [])
  t.deepEqual(wrong(0, 2500, 4999), ['/0/n', '/2500/n', '/4999/n'])
  values[3000] = { n: 1, text: 'x'.repeat(500_000) }
  t.deepEqual(wrong(1, 4000), ['/1/n', '/3000/text', '/4000/n'])
})

test('members with the names of what every object inherits are told from those', (t) => {
  const schema = { type: 'object', required: ['constructor'], properties: { toString: { type: 'string' } } }
  t.is(validate(schema, {}).length, 1)
  t.deepEqual(validate(schema, { constructor: 1 }), [])
  t.deepEqual(validate({ type: 'object', additionalProperties: false }, JSON.parse('{"__proto__":1}')), [
    { path: '', message: 'must NOT have additional properties: "__proto__"' },
  ])
})

test('a pattern that backtracks for ever is stopped, and the events are refused', (t) => {
  const schemas = registry({ validateMs: 30 })
  const text = textOf({ type: 'string', pattern: '^(a+)+$' })
  t.deepEqual(schemas.validator('t', 1, text)('aaaa'), [])
  t.deepEqual(schemas.validate('t', 1, text, [{ value: `${'a'.repeat(60)}!`, path: '/0' }]), [
    { path: '/0', message: "takes longer than 30 ms to validate by the topic's schema" },
  ])
})

test('so is one that only has too many ways, with nothing endless in it', (t) => {
  const schemas = registry({ validateMs: 30 })
  const text = textOf({ type: 'string', pattern: `^${'(a|a)'.repeat(33)}b$` })
  t.deepEqual(schemas.validator('t', 1, text)(`${'a'.repeat(33)}b`), [])
  t.regex(schemas.validator('t', 1, text)('a'.repeat(36))[0]?.message ?? '', /takes longer than 30 ms/)
})

test('a pattern that V8 cannot compile in reasonable time is compiled all the same', (t) => {
  // Wherever it stands: also where the survey takes it for a value.
  const schema = { type: 'string', pattern: '\\p{C}'.repeat(8) }
  for (const document of [schema, { $ref: '#/examples/0', examples: [schema] }]) {
    t.deepEqual(faultsOf(document), [])
    const start = performance.now()
    t.is(validate(document, 'ж'.repeat(30)).length, 1)
    t.deepEqual(validate(document, 'ж\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008'), [])
    t.true(performance.now() - start < 3000) // Milliseconds; else about six seconds for each.
  }
})

test('what is too large or too long is refused, with the limit, before it is parsed or compiled', (t) => {
  const refused: [unknown, string, RegExp][] = [
    [{ enum: Array.from({ length: 40_000 }, (_, i) => i) }, '/schema', /more than 10000 values; .* valuesMax/],
    [{ type: 'string', pattern: '\\p{L}'.repeat(20_000) }, '/schema/pattern', /patternCharsMax = 1000/],
    [
      { allOf: Array.from({ length: 20 }, (_, i) => ({ type: 'string', pattern: `${'a'.repeat(600)}${i}` })) },
      '/schema/allOf/16/pattern',
      /patternCharsTotalMax = 10000/,
    ],
    [
      { $ref: '#/examples/0', examples: [{ type: 'string', pattern: '\\p{L}'.repeat(20_000) }] },
      '/schema',
      /patternCharsMax/,
    ],
    [{ anyOf: Array.from({ length: 4000 }, () => ({ $ref: 'x' })) }, '/schema', /500 subschemas; .* subschemasMax/],
  ]
  for (const [schema, path, message] of refused) {
    const [fault] = faultsOf(schema)
    t.is(fault?.path, path)
    t.regex(fault?.message ?? '', message)
  }
})

/** Runs code in a process with a small stack, since that of a test is whatever the runner makes it. */
function withSmallStack(code: string): unknown {
  const { href } = new URL('../../broker/http/schema-registry.ts', import.meta.url)
  const begin = `
    const { SchemaRegistry } = await import('${href}')
    const registry = new SchemaRegistry({ schemaBytesMax: 768 * 1024, subschemasMax: 2000, compileMs: 60_000 })
    // The letter: V8 remembers the code that it has parsed.
    const wide = (n, letter = 'p') => ({
      type: 'object',
      properties: Object.fromEntries(Array.from({ length: n }, (_, i) => [letter + i, { type: 'string' }])),
    })
    const inside = (wide) => ({ type: 'object', properties: { a: { $ref: '#/$defs/wide' } }, $defs: { wide } })
    const validate = (schema, value) => registry.validator('t', 1, Buffer.from(JSON.stringify(schema)))(value)
    const deeper = (frames, run) => (frames === 0 ? run() : deeper(frames - 1, run))
    const told = (told) => console.log(JSON.stringify(told))`
  const run = ['--stack-size=500', '--input-type=module', '-e', `${begin}\n${code}`]
  return JSON.parse(execFileSync(process.execPath, run).toString())
}

test('a schema whose code needs more stack than there is is refused when it comes in, wherever it needs it', (t) => {
  const checked = withSmallStack(`
    const schemas = [wide(1000), inside(wide(1000)), wide(200)]
    told(schemas.map((schema) => registry.check(schema).faults ?? validate(schema, {})))`)
  const tooWide = [{ path: '/schema', message: 'is too complex: it needs more stack than there is' }]
  t.deepEqual(checked, [tooWide, tooWide, []])
})

test('a schema that is taken also runs where less of the stack is left', (t) => {
  const { widest, faults } = withSmallStack(`
    let widest = 1100
    while (!registry.check(inside(wide(widest))).ok) widest -= 50
    const schema = inside(wide(widest, 'q'))
    told({ widest, faults: deeper(1200, () => validate(schema, { a: { q1: 'x' } })) })`) as Record<string, unknown>
  t.true(Number(widest) >= 200)
  t.deepEqual(faults, [])
})

test('a schema by which every value overflows the stack is refused when it comes in', (t) => {
  for (const schema of [{ $ref: '#' }, { type: 'object', allOf: [{ $ref: '#' }] }]) {
    t.regex(faultsOf(schema)[0]?.message ?? '', /cannot be validated by: is too complex/)
  }
  t.deepEqual(faultsOf({ type: 'object', properties: { next: { $ref: '#' } } }), [])
})

test('a pause is not taken for work without end, which is given up after it was tried twice', (t) => {
  let begun = 0
  const paused = (times: number): string => {
    while (++begun <= times) for (;;);
    return 'done'
  }
  t.deepEqual(
    within(20, () => paused(1)),
    { value: 'done' },
  )
  begun = 0
  t.is(
    within(20, () => paused(2)),
    undefined,
  )
  t.is(begun, 2)
})

test('interrupted while it compiles, at whatever moment: what follows finds schemas good, that one and others', (t) => {
  const interruptible = (schemas: SchemaRegistry) => schemas as unknown as { options: { compileMs: number } }
  let interrupted = 0
  for (const $schema of ['https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema']) {
    for (let compileMs = 1; compileMs <= 12; compileMs++) {
      const schemas = registry({ compileMs })
      // The group is what a watchdog is for.
      const schema = {
        $schema,
        type: 'string',
        pattern: '^(x|y)',
        enum: Array.from({ length: 1000 }, (_, i) => `x${i}`),
      }
      const text = textOf(schema)
      if (schemas.validator('t', 1, text)('x1').length > 0) interrupted++
      if (!schemas.check({ ...schema, minLength: 1 }).ok) interrupted++
      interruptible(schemas).options.compileMs = 60_000
      t.deepEqual(schemas.validator('t', 1, text)('x1'), [])
      t.true(schemas.check({ ...schema, minLength: 1 }).ok)
    }
  }
  t.true(interrupted > 0)
})

test('an ordinary schema is compiled however long that takes: the machine may be busy', (t) => {
  const properties = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p${i}`, { type: 'string' }]))
  for (const $schema of ['https://json-schema.org/draft/2020-12/schema', 'http://json-schema.org/draft-07/schema']) {
    const schemas = registry({ compileMs: 25 })
    t.true(schemas.check({ $schema, type: 'object', properties }).ok)
    t.deepEqual(schemas.validator('t', 1, textOf({ $schema, type: 'object', properties }))({ p1: 'x' }), [])
  }
})

test('what is not seen to be cheap to compile is stopped: names in all code below them, inner base URIs, a list of nothing', (t) => {
  const nulls = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { type: 'null' }]))
  const named = { type: 'object', properties: { [' '.repeat(50_000)]: { type: 'object', properties: nulls } } }
  let based: object = { allOf: Array.from({ length: 100 }, (_, i) => ({ $id: `b${i}` })) }
  for (let i = 0; i < 6; i++) based = { $id: `${'a'.repeat(1900)}/`, not: based }
  const several = Array.from({ length: 4000 }, (_, i) => ({ i }))
  const draft07 = 'http://json-schema.org/draft-07/schema#'
  const compared = { $schema: draft07, enum: several, not: { maxItems: -1e9, uniqueItems: true } }
  for (const schema of [named, based, compared]) {
    const checked = registry({ compileMs: 2 }).check(schema)
    t.regex(checked.ok ? '' : (checked.faults[0]?.message ?? ''), /takes longer than 2 ms/)
  }
})

test('what a schema is called is never run', (t) => {
  const $id = 'a*/globalThis.wasRun=1;/*'
  const other = { $ref: '#/examples/0', examples: [{ $id: '*/globalThis.wasRun = 1;/*', type: 'string' }] }
  for (const $schema of [undefined, 'http://json-schema.org/draft-07/schema#']) {
    const schemas = registry()
    for (const schema of [{ $id }, { $id, type: 'string' }, other, { $defs: { a: { $id } }, $ref: '#/$defs/a' }]) {
      const document = { ...schema, ...($schema && { $schema }) }
      t.false(schemas.check(document).ok)
      t.not(schemas.validator('t', 1, textOf(document))('x').length, 0)
    }
  }
  t.false('wasRun' in globalThis)
})

test('references that double at each step, and uniqueItems on a long list, are stopped too', (t) => {
  const schemas = registry({ validateMs: 30 })
  const twice = (i: number) => ({ allOf: [{ $ref: `#/$defs/d${i}` }, { $ref: `#/$defs/d${i}` }] })
  const $defs = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`d${i}`, i < 59 ? twice(i + 1) : {}]))
  t.regex(schemas.validator('t', 1, textOf({ ...twice(0), $defs }))(1)[0]?.message ?? '', /takes longer/)
  const list = Array.from({ length: 80_000 }, (_, i) => [i])
  const unique = textOf({ type: 'array', uniqueItems: true })
  t.regex(schemas.validator('u', 1, unique)(list)[0]?.message ?? '', /takes longer/)
  t.deepEqual(schemas.validator('u', 1, unique)([[1], [2]]), [])
})

test('a schema that refers to itself without end gives a fault and throws nothing', (t) => {
  t.is(validate({ $ref: '#' }, 1).length, 1)
  t.is(validate({ allOf: [{ $ref: '#' }] }, 1).length, 1)
})

test('a schema text that cannot be used gives a fault at each event and throws nothing', (t) => {
  const schemas = registry()
  t.regex(schemas.validator('t', 1, Buffer.from('{'))(1)[0]?.message ?? '', /not JSON/)
  t.regex(schemas.validator('t', 2, textOf({ $ref: 'http://x.test' }))(1)[0]?.message ?? '', /cannot be used/)
})

test('true takes everything and false nothing', (t) => {
  t.deepEqual(faultsOf(true), [])
  t.deepEqual(validate(true, { a: 1 }), [])
  t.is(validate(false, 1).length, 1)
})
