// Whether a schema may follow another one in a topic: backward compatible means that every event valid under the old
// schema is valid under the new one. Deciding that in general is hopeless, so it is judged keyword by keyword and on the
// safe side: what is not understood must be equal. So a change may be refused that would have done no harm, but none
// passes that would do some.
//
// One that surprises: a property added to an open object. Old events may carry that name with any value, unless the old
// schema said `additionalProperties: false`.

export interface Incompatibility {
  /** JSON pointer into the new schema (RFC 6901); where something is missing, to where it would be. */
  readonly path: string
  readonly reason: string
}

/** Empty: compatible. Both are valid schemas, as plain values. Of very many faults only the first are told. */
export function incompatibilities(before: unknown, after: unknown): Incompatibility[] {
  if (tooDeep(before) || tooDeep(after)) return [{ path: '', reason: `nested more than ${DEPTH_MAX} deep` }]
  if (equal(before, after)) return []
  const faults = referenceFaults(before, after)
  if (faults.length === 0) compare(before, after, '', faults)
  return faults
}

type Schema = { readonly [keyword: string]: unknown }

const DEPTH_MAX = 200
const FAULTS_MAX = 100

/** Say nothing about what is valid. `default` neither: events are stored as they come. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  'contentEncoding',
  'contentMediaType',
  'contentSchema',
])

/**
 * Each set means something only together: it must be gone, with its first keyword, or be equal. (`prefixItems` should
 * not matter to `contains`, but ajv 8.20 lets an empty list pass `contains` beside it; what it let in must stay valid.)
 */
const TOGETHER = [
  ['$ref'],
  ['not'],
  ['anyOf'],
  ['oneOf'],
  ['if', 'then', 'else'],
  ['contains', 'minContains', 'maxContains', 'prefixItems'],
  ['dependentSchemas'],
  ['dependentRequired'],
  ['dependencies'],
  ['pattern'],
  ['format'],
  ['multipleOf'],
] as const

type Side = 'least' | 'most'

const SIZES: readonly (readonly [keyword: string, side: Side, type: string])[] = [
  ['minLength', 'least', 'string'],
  ['maxLength', 'most', 'string'],
  ['minItems', 'least', 'array'],
  ['maxItems', 'most', 'array'],
  ['minProperties', 'least', 'object'],
  ['maxProperties', 'most', 'object'],
]

const LISTS = ['items', 'prefixItems', 'additionalItems']

const KNOWN = new Set([
  ...ANNOTATIONS,
  ...TOGETHER.flat(),
  ...SIZES.map(([keyword]) => keyword),
  ...LISTS,
  'type',
  'enum',
  'const',
  'minimum',
  'exclusiveMinimum',
  'maximum',
  'exclusiveMaximum',
  'uniqueItems',
  'required',
  'properties',
  'patternProperties',
  'additionalProperties',
  'propertyNames',
  'allOf',
])

/** With these, what the keywords beside them leave over matters, so that even loosening one may tighten the whole. */
const LEFTOVERS = ['unevaluatedItems', 'unevaluatedProperties']

function compare(before: unknown, after: unknown, path: string, faults: Incompatibility[]): void {
  if (before === false || after === true || faults.length >= FAULTS_MAX || equal(before, after)) return
  if (after === false) {
    faults.push({ path, reason: 'nothing is valid here any more' })
    return
  }
  const old = before === true ? {} : (before as Schema)
  const now = after as Schema
  const fault = (keyword: string, reason: string): void => {
    faults.push({ path: `${path}/${escaped(keyword)}`, reason })
  }

  for (const keyword of LEFTOVERS) {
    if (has(now, keyword)) {
      fault(keyword, `beside ${keyword} nothing may change`)
      return
    }
  }
  for (const keyword of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (KNOWN.has(keyword) || LEFTOVERS.includes(keyword) || equal(own(old, keyword), own(now, keyword))) continue
    fault(keyword, `${keyword} is not understood, and has changed`)
  }

  const types = typesOf(old)
  compareValues(old, now, types, fault)
  for (const together of TOGETHER) {
    if (!has(now, together[0])) continue
    for (const keyword of together) {
      if (!equal(own(old, keyword), own(now, keyword))) fault(keyword, `${keyword} was added or changed`)
    }
  }
  const oldAllOf = new Set(list(old, 'allOf').map(canonical))
  for (const part of list(now, 'allOf')) {
    if (!oldAllOf.has(canonical(part))) fault('allOf', 'a part of allOf was added or changed')
  }
  for (const [keyword, side, type] of SIZES) {
    const limit = own(now, keyword) as number | undefined
    if (limit === undefined || !types.has(type)) continue
    const was = (own(old, keyword) as number | undefined) ?? (side === 'least' ? 0 : Number.POSITIVE_INFINITY)
    if (side === 'least' ? limit > was : limit < was) fault(keyword, `${keyword} was tightened`)
  }
  if (types.has('number') || types.has('integer')) compareNumbers(old, now, fault)
  if (types.has('array')) compareLists(old, now, path, faults, fault)
  if (types.has('object')) compareObjects(old, now, path, faults, fault)
}

type Fault = (keyword: string, reason: string) => void

function compareValues(old: Schema, now: Schema, types: ReadonlySet<string>, fault: Fault): void {
  const nowTypes = declaredTypes(now)
  const lost = [...types].filter((type) => !nowTypes.has(type) && !(type === 'integer' && nowTypes.has('number')))
  if (lost.length > 0) fault('type', `no longer allowed: ${lost.join(', ')}`)

  const values = valuesOf(old)
  for (const keyword of ['enum', 'const'] as const) {
    if (!has(now, keyword)) continue
    const allowed =
      keyword === 'enum'
        ? remembered(canonicalOfLists, list(now, 'enum'), canonical)
        : new Set([canonical(own(now, 'const'))])
    const lostValue = values?.find((value) => !allowed.has(canonical(value)))
    if (values === undefined) fault(keyword, 'not every value is allowed any more')
    else if (lostValue !== undefined) fault(keyword, `no longer allowed: ${canonical(lostValue).slice(0, 100)}`)
  }
}

function compareNumbers(old: Schema, now: Schema, fault: Fault): void {
  for (const [sign, inclusive, exclusive] of [
    [1, 'minimum', 'exclusiveMinimum'],
    [-1, 'maximum', 'exclusiveMaximum'],
  ] as const) {
    // As lower limits: an upper limit of x is a lower limit of -x.
    const limit = (schema: Schema, keyword: string): number =>
      has(schema, keyword) ? sign * (own(schema, keyword) as number) : Number.NEGATIVE_INFINITY
    const reaches = Math.max(limit(old, inclusive), limit(old, exclusive))
    if (limit(now, inclusive) > reaches) fault(inclusive, `${inclusive} was tightened`)
    const within = limit(now, exclusive)
    const touches = within === reaches && within !== Number.NEGATIVE_INFINITY && limit(old, exclusive) < reaches
    if (within > reaches || touches) fault(exclusive, `${exclusive} was tightened`)
  }
}

function compareLists(old: Schema, now: Schema, path: string, faults: Incompatibility[], fault: Fault): void {
  if (own(now, 'uniqueItems') === true && own(old, 'uniqueItems') !== true) fault('uniqueItems', 'must now be unique')
  const byPlace = [old, now].some(
    (schema) => has(schema, 'prefixItems') || has(schema, 'additionalItems') || Array.isArray(own(schema, 'items')),
  )
  if (!byPlace) compare(own(old, 'items') ?? true, own(now, 'items') ?? true, `${path}/items`, faults)
  else if (LISTS.some((keyword) => has(now, keyword))) {
    for (const keyword of LISTS) {
      if (!equal(own(old, keyword), own(now, keyword))) fault(keyword, 'items given by their place must not change')
    }
  }
}

/**
 * Whatever the name of a property, what the old schema says of it must imply what the new one says. A name is under its
 * `properties`, under each of `patternProperties` that it matches, and only if under none under `additionalProperties`.
 */
function compareObjects(old: Schema, now: Schema, path: string, faults: Incompatibility[], fault: Fault): void {
  const required = new Set(list(old, 'required'))
  for (const name of list(now, 'required')) {
    if (!required.has(name)) fault('required', `${JSON.stringify(name)} is now required`)
  }
  const oldNames = own(old, 'propertyNames') ?? true
  compare(oldNames, own(now, 'propertyNames') ?? true, `${path}/propertyNames`, faults)

  const [oldProperties, properties] = [map(old, 'properties'), map(now, 'properties')]
  const [oldPatterns, patterns] = [map(old, 'patternProperties'), map(now, 'patternProperties')]
  const oldRest = own(old, 'additionalProperties') ?? true
  const rest = own(now, 'additionalProperties') ?? true

  for (const [name, schema] of Object.entries(properties)) {
    if (faults.length >= FAULTS_MAX) return
    const at = `${path}/properties/${escaped(name)}`
    if (has(oldProperties, name)) {
      compare(own(oldProperties, name), schema, at, faults)
      continue
    }
    const mismatches: Incompatibility[] = []
    // A name may have been under a pattern or under the rest: whichever it was, it must do.
    compare(Object.keys(oldPatterns).length > 0 ? true : oldRest, schema, at, mismatches)
    if (mismatches.length > 0) {
      faults.push({ path: at, reason: 'until now a property of this name could have values that do not fit here' })
    }
  }
  for (const [pattern, schema] of Object.entries(patterns)) {
    const at = `${path}/patternProperties/${escaped(pattern)}`
    if (has(oldPatterns, pattern)) compare(own(oldPatterns, pattern), schema, at, faults)
    else compare(true, schema, at, faults)
  }
  // What falls under the rest now: the names that did before, and those whose own line is gone.
  const restAt = `${path}/additionalProperties`
  compare(oldRest, rest, restAt, faults)
  for (const [name, schema] of Object.entries(oldProperties)) {
    if (!has(properties, name)) compare(schema, rest, restAt, faults)
  }
  for (const [pattern, schema] of Object.entries(oldPatterns)) {
    if (!has(patterns, pattern)) compare(schema, rest, restAt, faults)
  }
}

/**
 * A reference must mean the same before and after, wherever it stands, also where a wider meaning would narrow the
 * whole (under `not`). So all of them point into the definitions, and those are equal; else nothing may change.
 */
function referenceFaults(before: unknown, after: unknown): Incompatibility[] {
  const seen = [...references(before), ...references(after)]
  if (seen.length === 0) return []
  if (!seen.every((reference) => /^#\/(\$defs|definitions)\//.test(reference))) {
    return [{ path: '', reason: 'with references to anywhere but $defs or definitions nothing may change' }]
  }
  return ['$defs', 'definitions']
    .filter((keyword) => !equal(own(before as Schema, keyword), own(after as Schema, keyword)))
    .map((keyword) => ({ path: `/${keyword}`, reason: 'definitions that are referred to must not change' }))
}

const REFERENCES = new Set(['$dynamicRef', '$recursiveRef'])

/** What refers, and what changes what a reference means; the latter as something that is never a plain reference. */
function references(document: unknown): string[] {
  const found: string[] = []
  const open: { value: unknown; root: boolean }[] = [{ value: document, root: true }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, root } = next
    if (typeof value !== 'object' || value === null) continue
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && key === '$ref') found.push(inner)
      else if (typeof inner === 'string' && (REFERENCES.has(key) || (key === '$id' && !root))) found.push(key)
      else open.push({ value: inner, root: false })
    }
  }
  return found
}

const EVERY_TYPE = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer']

function declaredTypes(schema: Schema): Set<string> {
  const type = own(schema, 'type')
  if (type === undefined) return new Set(EVERY_TYPE)
  const types = new Set(Array.isArray(type) ? (type as string[]) : [type as string])
  if (types.has('number')) types.add('integer')
  return types
}

/** Types that a valid value may have. A number is listed with the integers that it may be. */
function typesOf(schema: Schema): Set<string> {
  const types = declaredTypes(schema)
  const values = valuesOf(schema)
  if (values === undefined) return types
  const found = values === own(schema, 'enum') ? remembered(typesOfLists, values, typeOf) : new Set(values.map(typeOf))
  return new Set([...found].filter((type) => types.has(type)))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

/** All values that can be valid, where they are listed. */
function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if (has(schema, 'const')) return [own(schema, 'const')]
  return has(schema, 'enum') ? list(schema, 'enum') : undefined
}

// Names in a schema are the users': `constructor` is a property like others.

function has(schema: Schema, keyword: string): boolean {
  return Object.hasOwn(schema, keyword)
}

function own(schema: Schema, keyword: string): unknown {
  return typeof schema === 'object' && Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
}

function list(schema: Schema, keyword: string): readonly unknown[] {
  return (own(schema, keyword) as readonly unknown[] | undefined) ?? []
}

function map(schema: Schema, keyword: string): Schema {
  return (own(schema, keyword) as Schema | undefined) ?? {}
}

function escaped(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal((a as Schema)[key], (b as Schema)[key]))
  )
}

/**
 * What was found out of a list of values. One such as the `enum` of `additionalProperties` is compared with every
 * property, and with thousands of both that takes seconds when each time begins anew.
 */
const typesOfLists = new WeakMap<readonly unknown[], Set<string>>()
const canonicalOfLists = new WeakMap<readonly unknown[], Set<string>>()

function remembered(
  known: WeakMap<readonly unknown[], Set<string>>,
  values: readonly unknown[],
  of: (value: unknown) => string,
): Set<string> {
  const set = known.get(values) ?? new Set(values.map(of))
  known.set(values, set)
  return set
}

/** Equal texts for equal values. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical((value as Schema)[key])}`)
  return `{${members.join()}}`
}

/** Without recursion: it is asked before anything recurs. */
function tooDeep(document: unknown): boolean {
  const open: { value: unknown; depth: number }[] = [{ value: document, depth: 0 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next
    if (typeof value !== 'object' || value === null) continue
    if (depth === DEPTH_MAX) return true
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 })
  }
  return false
}
