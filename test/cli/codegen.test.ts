// Types of topics from their schemas: that they say what the schemas say is judged by the compiler, over values that ajv
// has judged by the schemas themselves.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import test, { type ExecutionContext } from 'ava'
import { typesModule } from '../../broker/cli/topic-types.ts'
import { Group } from '../clients/group.ts'
import { type Ended, Lockstep } from './lockstep.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DRAFT_07 = 'http://json-schema.org/draft-07/schema#'

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lockstep-codegen-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

/** What the project's compiler has to say, with the project's settings, of modules that stand next to each other. */
async function complaints(t: ExecutionContext, modules: { readonly [file: string]: string }): Promise<string> {
  const path = folder(t)
  // Only what depends on where the files are is said anew.
  const compilerOptions = {
    typeRoots: [join(ROOT, 'node_modules/@types')],
    rewriteRelativeImportExtensions: false,
    allowImportingTsExtensions: true,
  }
  const settings = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'], compilerOptions }
  writeFileSync(join(path, 'tsconfig.json'), JSON.stringify(settings))
  writeFileSync(join(path, 'package.json'), '{ "type": "module" }')
  for (const [file, text] of Object.entries(modules)) writeFileSync(join(path, file), text)
  return await new Promise((resolve) => {
    execFile(join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '-p', path, '--pretty', 'false'], (_error, stdout) =>
      resolve(stdout),
    )
  })
}

interface Case {
  readonly what: string
  readonly schema: object | boolean
  readonly good: readonly unknown[]
  /** Refused by the schema, and by the type. */
  readonly bad?: readonly unknown[]
}

const ADDRESS = {
  type: 'object',
  properties: { street: { type: 'string' }, next: { $ref: '#/$defs/address' } },
  required: ['street'],
}

const CASES: readonly Case[] = [
  {
    what: 'an object',
    schema: {
      type: 'object',
      properties: { item: { type: 'string' }, count: { type: 'integer', minimum: 1 }, at: { format: 'date-time' } },
      required: ['item', 'count'],
    },
    good: [
      { item: 'tea', count: 1 },
      { item: 'tea', count: 2, at: '2026-01-31T12:00:00Z' },
    ],
    bad: [{ item: 'tea' }, { item: 'tea', count: '1' }, [], null, 'tea'],
  },
  { what: 'anything', schema: true, good: [1, null, { a: 1 }] },
  { what: 'anything, described', schema: { description: 'What you like.' }, good: [1, null, { a: 1 }] },
  { what: 'nothing, by one of two', schema: { allOf: [{ type: 'string' }, false] }, good: [], bad: ['a', 1] },
  { what: 'nothing', schema: false, good: [], bad: [1, null, {}] },
  { what: 'a text', schema: { type: 'string', maxLength: 9 }, good: ['a'], bad: [1, null] },
  { what: 'several types', schema: { type: ['string', 'null', 'boolean'] }, good: ['a', null, true], bad: [1, {}] },
  {
    what: 'an object or null',
    schema: { type: ['object', 'null'], properties: { a: { type: 'number' } }, required: ['a'] },
    good: [null, { a: 1 }],
    bad: [{}, { a: 'x' }, 1],
  },
  {
    what: 'nullable, as in OpenAPI',
    schema: { type: 'object', properties: { a: { type: 'number', nullable: true } }, required: ['a'] },
    good: [{ a: 1 }, { a: null }],
    bad: [{}, { a: 'x' }],
  },
  { what: 'an object of any kind', schema: { type: 'object' }, good: [{}, { a: 1 }], bad: [1, 'x', null] },
  {
    what: 'a map',
    schema: { type: 'object', additionalProperties: { type: 'number' } },
    good: [{}, { a: 1, b: 2 }],
    bad: [{ a: 'x' }, 1],
  },
  {
    what: 'named properties and others',
    schema: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'number' } },
    good: [{ a: 'x', b: 1 }, {}],
    bad: [{ b: true }, { a: true }],
  },
  {
    what: 'patterns, and nothing else',
    schema: { type: 'object', patternProperties: { '^a': { type: 'number' } }, additionalProperties: false },
    good: [{ a1: 1 }],
    bad: [{ a1: 'x' }],
  },
  {
    what: 'patterns among anything',
    schema: { type: 'object', patternProperties: { '^a': { type: 'number' } } },
    good: [{ a1: 1, other: 'x' }],
    bad: [1],
  },
  {
    what: 'required, and described nowhere',
    schema: { type: 'object', required: ['a'] },
    good: [{ a: 1 }],
    bad: [{}],
  },
  {
    what: 'one of some values',
    schema: { enum: ['a', 1, null, false, { k: [1, 'x'] }, []] },
    good: ['a', 1, null, false, { k: [1, 'x'] }, []],
    bad: ['b', 2, true, { k: [1, 'y'] }, { k: [1] }, [1]],
  },
  { what: 'a constant', schema: { const: { v: 1 } }, good: [{ v: 1 }], bad: [{ v: 2 }, {}] },
  {
    what: 'a list',
    schema: { type: 'array', items: { type: 'object', properties: { a: { type: 'number' } } }, minItems: 1 },
    good: [[{ a: 1 }, {}]],
    bad: [[{ a: 'x' }], {}],
  },
  { what: 'a list of anything', schema: { type: 'array' }, good: [[], [1, 'a']], bad: [{}, 1] },
  { what: 'an empty list', schema: { type: 'array', items: false }, good: [[]], bad: [[1]] },
  {
    what: 'a tuple',
    schema: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }], minItems: 2, items: false },
    good: [[1, 'a']],
    bad: [[1], ['a', 1], [1, 'a', 2], []],
  },
  {
    what: 'a tuple that may be shorter, and longer',
    schema: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }], items: { type: 'boolean' } },
    good: [[], [1], [1, 'a'], [1, 'a', true, false]],
    bad: [['a'], [1, 2], [1, 'a', 3]],
  },
  {
    what: 'lists of tuples',
    schema: {
      type: 'array',
      items: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], maxItems: 2, minItems: 1 },
    },
    good: [[[1], [1, 2]], []],
    bad: [[1], [[]], [[1, 2, 3]]],
  },
  {
    what: 'a tuple of draft-07',
    schema: { $schema: DRAFT_07, type: 'array', items: [{ type: 'number' }], minItems: 1, additionalItems: false },
    good: [[1]],
    bad: [[], ['a'], [1, 2]],
  },
  {
    what: 'a tuple with twenty items that may be missing',
    schema: { type: 'array', prefixItems: Array.from({ length: 20 }, () => ({ type: 'number' })), items: false },
    good: [[], [1, 2]],
    bad: [['a'], [1, 'a']],
  },
  {
    what: 'definitions that refer to themselves',
    schema: {
      type: 'object',
      properties: { from: { $ref: '#/$defs/address' }, to: { $ref: '#/$defs/address', description: 'Where to.' } },
      required: ['from'],
      $defs: { address: ADDRESS },
    },
    good: [{ from: { street: 'a', next: { street: 'b' } }, to: { street: 'c' } }],
    bad: [{}, { from: {} }, { from: { street: 'a', next: {} } }],
  },
  {
    what: 'the whole, within itself',
    schema: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } },
    good: [{ children: [{}, { children: [] }] }],
    bad: [{ children: [1] }, { children: [{ children: 1 }] }],
  },
  {
    what: 'only a reference',
    schema: { $ref: '#/definitions/address', $schema: DRAFT_07, definitions: { address: { type: 'integer' } } },
    good: [1],
    bad: ['x'],
  },
  {
    what: 'a reference to a reference, by escaped names',
    schema: {
      type: 'array',
      items: { $ref: '#/$defs/a~1b%25' },
      $defs: { 'a/b%': { $ref: '#/$defs/c' }, c: { type: 'string' } },
    },
    good: [['x']],
    bad: [[1]],
  },
  {
    what: 'anchors, and schemas with names of their own',
    schema: {
      $id: 'https://example.com/order',
      type: 'object',
      properties: { a: { $ref: '#here' }, b: { $ref: 'line' }, c: { $ref: 'https://example.com/line#/$defs/n' } },
      $defs: {
        x: { $anchor: 'here', type: 'string' },
        y: { $id: 'line', type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'number' } } },
      },
    },
    good: [{ a: 'x', b: [1], c: 1 }],
    bad: [{ a: 1 }, { b: ['x'] }, { c: 'x' }],
  },
  {
    what: 'alternatives',
    schema: {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'card' }, number: { type: 'string' } },
          required: ['kind', 'number'],
        },
        { type: 'object', properties: { kind: { const: 'cash' } }, required: ['kind'] },
      ],
    },
    good: [{ kind: 'card', number: '1' }, { kind: 'cash' }],
    bad: [{ kind: 'card' }, { kind: 'coin' }, {}],
  },
  {
    what: 'alternatives of what is required',
    schema: {
      type: 'object',
      properties: { mail: { type: 'string' }, phone: { type: 'string' } },
      anyOf: [{ required: ['mail'] }, { required: ['phone'] }],
    },
    good: [{ mail: 'a' }, { phone: '1' }, { mail: 'a', phone: '1' }],
    bad: [{}, { mail: 1 }],
  },
  {
    what: 'all of several',
    schema: {
      allOf: [{ $ref: '#/$defs/a' }, { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] }],
      $defs: { a: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] } },
    },
    good: [{ a: 'x', b: 1 }],
    bad: [{ a: 'x' }, { b: 1 }, { a: 1, b: 1 }],
  },
  {
    what: 'a definition with alternatives',
    schema: {
      type: 'object',
      properties: { one: { $ref: '#/$defs/x' }, two: { $ref: '#/$defs/x' } },
      $defs: {
        x: {
          $id: 'x',
          title: 'Something',
          type: 'object',
          properties: { a: { type: 'string' } },
          anyOf: [{ required: ['a'] }, { properties: { b: { type: 'number' } }, required: ['b'] }],
        },
      },
    },
    good: [{ one: { a: 'x' }, two: { b: 1 } }],
    bad: [{ one: {} }, { two: { b: 'x' } }],
  },
  {
    what: 'nothing that a type could say',
    schema: { not: { type: 'string' }, if: { type: 'number' }, else: { minLength: 3 }, contains: false },
    good: [3, null, {}],
  },
  {
    what: 'names that mean something elsewhere',
    schema: {
      type: 'object',
      properties: Object.fromEntries(
        ['$ref', '$defs', 'type', 'items', 'enum', 'constructor', 'toString', "a'b", 'a*/b', ''].map((name) => [
          name,
          { type: 'string' },
        ]),
      ),
    },
    good: [{ $ref: '#/nowhere', type: 'x', "a'b": 'x', 'a*/b': 'x', '': 'x', constructor: 'x', toString: 'x' }],
    bad: [
      { $ref: 1, constructor: 'x', toString: 'x' },
      { 'a*/b': 1, constructor: 'x', toString: 'x' },
    ],
  },
]

test('the type of a topic takes what its schema takes, and refuses what it refuses', async (t) => {
  const topic = (i: number): string => `case-${i}`
  const { text, faults } = await typesModule(CASES.map(({ schema }, i) => ({ topic: topic(i), schema })))
  t.deepEqual(faults, [])
  const lines = ["import type { Topics } from './topics.ts'", 'const take = <T,>(_value: T): void => {}']
  for (const [i, { what, schema, good, bad = [] }] of CASES.entries()) {
    const draft = typeof schema === 'object' && '$schema' in schema ? Ajv : Ajv2020
    const validate = new draft({ strict: false, formats: { 'date-time': true } }).compile(schema)
    lines.push(`// ${what}`)
    for (const value of good) t.true(validate(value), `${what}: ${JSON.stringify(value)}`)
    for (const value of bad) t.false(validate(value), `${what}: ${JSON.stringify(value)}`)
    const call = (value: unknown): string => `take<Topics['${topic(i)}']>(${JSON.stringify(value)})`
    lines.push(...good.map(call), ...bad.map((value) => `// @ts-expect-error\n${call(value)}`))
  }
  t.is(await complaints(t, { 'topics.ts': text, 'program.ts': lines.join('\n') }), '')
})

test('one text, whatever the order of topics; names that would be alike get numbers; comments say what schemas say', async (t) => {
  const described = {
    title: 'A new order',
    description: 'Sent by the till.',
    type: 'object',
    properties: {
      buyer: { $ref: '#/$defs/buyer', description: 'Who pays.', deprecated: true },
      note: { type: 'string', description: 'Shown to\r\nthe cook.' },
    },
    $defs: { buyer: { type: 'object', description: 'A person.', properties: { name: { type: 'string' } } } },
  }
  const topics = [
    { topic: 'orders.new', schema: described },
    { topic: 'orders_new', schema: { type: 'string' } },
    { topic: 'orders.new.buyer', schema: { type: 'number' } },
    { topic: '2024', schema: { type: 'number' } },
    { topic: 'topics', schema: { type: 'number' } },
    { topic: 'raw', schema: undefined },
  ]
  const { text } = await typesModule(topics)
  t.is((await typesModule(topics.toReversed())).text, text)
  t.is(text.slice(text.indexOf('export')), MODULE)
})

const MODULE = `export interface Topics {
  '2024': Topic2024
  'orders.new': OrdersNew
  'orders.new.buyer': OrdersNewBuyer
  'orders_new': OrdersNew2
  'raw': unknown
  'topics': Topics2
}

export type TopicName = keyof Topics

export type Topic2024 = number

/**
 * A new order
 *
 * Sent by the till.
 */
export interface OrdersNew {
  /**
   * @deprecated
   * Who pays.
   */
  buyer?: OrdersNewBuyer2
  /**
   * Shown to
   * the cook.
   */
  note?: string
}
/**
 * A person.
 */
export interface OrdersNewBuyer2 {
  name?: string
}

export type OrdersNewBuyer = number

export type OrdersNew2 = string

export type Topics2 = number
`

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they are what could do harm
const HOSTILE = {
  description: 'ends here *\u0000/ pwned() /* \u2028 */ pwned() // ``` ${pwned()}',
  title: '*/ pwned() /*',
  $id: 'https://evil.example/*/pwned()',
  type: 'object',
  tsType: 'typeof pwned()',
  properties: {
    '*/ pwned() /*': { type: 'string', description: '*/ pwned() /*', tsType: 'pwned' },
    "'; pwned(); '": { enum: ["'; pwned(); '", '"; pwned(); "', '`${pwned()}`', '\\'] },
    list: { type: 'array', prefixItems: [{ $ref: '#/$defs/*~1%20pwned()' }], description: '*/ pwned()' },
    'x: pwned; y': { type: 'integer', tsEnumNames: ['pwned'], enum: [1], deprecated: 'pwned' },
  },
  patternProperties: { '*/*/ pwned() */': { type: 'string' } },
  extends: [{ title: 'pwned' }],
  $defs: { '*/ pwned()': { type: 'object', title: 'pwned() {}', properties: { a: { type: 'string' } } } },
}
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they are what could do harm

/** What is left of a module without its comments and texts. */
function bare(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, '')
}

test('a hostile schema: nothing of it gets out of comments and quotes', async (t) => {
  const { text, faults } = await typesModule([{ topic: 'a', schema: HOSTILE }])
  t.deepEqual(faults, [])
  t.true(text.includes(' *\\/ pwned() /*'), 'it is there, in comments and in quotes')
  t.notRegex(bare(text).replaceAll('APwned', ''), /pwned/i)
  t.deepEqual(
    [...bare(text).matchAll(/^export .*/gm)].map(([line]) => line),
    [
      'export interface Topics {',
      'export type TopicName = keyof Topics',
      'export interface A {',
      'export interface APwned {',
    ],
  )
  t.is(await complaints(t, { 'topics.ts': text }), '')
})

test('schemas of which no type can be made: named with the reason, and the others have theirs', async (t) => {
  const asked: (string | undefined)[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url)
    response.end('{"type":"string"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/schema.json`
  const wide = (depth: number): object =>
    depth === 0 ? { type: 'string' } : { prefixItems: Array.from({ length: 8 }, () => wide(depth - 1)) }
  let deep: object = {}
  for (let i = 0; i < 100_000; i++) deep = { items: deep }
  const bad: [unknown, RegExp][] = [
    [{ properties: { a: { $ref: url } } }, /refers outside of itself, to "http:/],
    [{ $ref: `${url}#/a` }, /refers outside of itself/],
    [{ $ref: '/etc/hostname' }, /refers outside of itself/],
    [{ $ref: 'package.json' }, /refers outside of itself/],
    [{ $ref: 'file:///etc/hostname' }, /refers outside of itself/],
    [{ $ref: '#/$defs/nowhere' }, /refers to "#\/\$defs\/nowhere", where nothing is/],
    [{ $ref: '#/__proto__' }, /where nothing is/],
    [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }, /refers in a circle/],
    [JSON.parse('{"properties":{"__proto__":{"type":"string"}}}'), /a property "__proto__"/],
    [{ properties: { hasOwnProperty: { type: 'string' } } }, /a property "hasOwnProperty"/],
    [{ properties: { '\ud800': {} } }, /a property "\\ud800"/],
    [{ properties: { a: 1 } }, /where a schema should be is something else/],
    ['string', /where a schema should be is something else/],
    [wide(5), /more than 20000 parts/],
    [deep, /deeper than 200 levels/],
  ]
  const topics = bad.map(([schema], i) => ({ topic: `bad-${String(i).padStart(2, '0')}`, schema }))
  const { text, faults } = await typesModule([...topics, { topic: 'good', schema: { type: 'string' } }])
  t.deepEqual(
    faults.map(({ topic }) => topic),
    topics.map(({ topic }) => topic),
  )
  for (const [i, { why }] of faults.entries()) t.regex(why, bad[i]![1])
  t.regex(text, /'bad-00': unknown/)
  t.regex(text, /^export type Good = string$/m)
  t.deepEqual(asked, [], 'nothing was asked for')
})

const ORDER = {
  type: 'object',
  properties: {
    item: { type: 'string' },
    lines: {
      type: 'array',
      items: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], minItems: 2, items: false },
    },
  },
  required: ['item'],
}

test('a group: written when it changes, checked, chosen by patterns; a program with the types compiles, a wrong one does not', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders.new', { schema: ORDER })
  await group.putTopic('orders.raw')
  await group.putTopic('prices', { schema: { type: 'number' } })
  const path = folder(t)
  const out = join(path, 'topics.ts')
  const codegen = (...args: string[]): Promise<Ended> =>
    new Lockstep(['codegen', '--replica', group.urls.join(), ...args]).ended()

  const missing = await codegen('--out', out, '--check')
  t.is(missing.code, 1)
  t.is(missing.stderr, `lockstep: ${out} is not up to date; without --check it is written anew\n`)
  t.like(await codegen('--out', out), { code: 0, stdout: '', stderr: `${out} is written\n` })
  t.deepEqual(readdirSync(path), ['topics.ts'])
  const text = readFileSync(out, 'utf8')
  const { mtimeNs } = statSync(out, { bigint: true })
  const [again, checked, printed, chosen] = await Promise.all([
    codegen('--out', out),
    codegen('--out', out, '--check'),
    codegen(),
    codegen('orders.*', '$sys.views'),
  ])
  t.like(again, { code: 0, stderr: `${out} is up to date\n` })
  t.is(statSync(out, { bigint: true }).mtimeNs, mtimeNs)
  t.is(checked.code, 0)
  t.is(printed.stdout, text, printed.stderr)

  const names = (module: string): string[] => [...module.matchAll(/^ {2}'(.*)': /gm)].map(([, name]) => name as string)
  t.deepEqual(names(text), ['orders.new', 'orders.raw', 'prices'])
  t.deepEqual(names(chosen.stdout), ['$sys.views', 'orders.new', 'orders.raw'])

  const program = (data: string): string => `
    import { type Client, connect } from '${ROOT}clients/src/index.ts'
    import type { Topics } from './topics.ts'
    const client: Client = connect({ replicas: 'http://127.0.0.1:7400' })
    const orders = client.topic<Topics['orders.new']>('orders.new')
    void orders.publish(${data})
    for await (const one of orders.subscribe()) if (one.kind === 'event') one.data.item satisfies string
    export {}
  `
  const good = `{ item: 'tea', lines: [['x', 1]] }`
  t.is(await complaints(t, { 'topics.ts': text, 'program.ts': program(good) }), '')
  const wrong = await complaints(t, { 'topics.ts': text, 'program.ts': program(`{ item: 'tea', lines: [[1, 'x']] }`) })
  t.regex(wrong, /program\.ts\(6,\d+\): error TS2322: Type 'number' is not assignable to type 'string'/m)

  await group.putTopic('prices', { schema: { type: ['number', 'null'] } })
  t.is((await codegen('--out', out, '--check')).code, 1)
  t.is(readFileSync(out, 'utf8'), text)
  t.is((await codegen('--out', out)).code, 0)
  t.regex(readFileSync(out, 'utf8'), /Prices = number \| null/)
})

test('called wrongly, or nothing to make types of: a sentence', async (t) => {
  const group = await Group.start(t, 1)
  const calls: [string[], number, RegExp][] = [
    [['--check'], 2, /--check needs --out FILE/],
    [['orders..new'], 2, /"orders\.\.new" chooses no topics: a topic pattern is/],
    [[], 1, /the group has no topics/],
    [['a.*', 'b'], 1, /no topic matches a\.\* b/],
    [['$sys.views', '--out', '/nowhere/topics.ts'], 1, /\/nowhere\/topics\.ts cannot be written: ENOENT/],
    [['$sys.views', '--out', tmpdir()], 1, / cannot be read: EISDIR/],
  ]
  await Promise.all(
    calls.map(async ([args, code, pattern]) => {
      const ended = await new Lockstep(['codegen', '--replica', group.urls.join(), ...args]).ended()
      t.is(ended.code, code, args.join(' '))
      t.regex(ended.stderr, pattern)
      t.is(ended.stdout, '')
    }),
  )
})
