// A topic's JSON Schema as the fields of a form. It need not express all of the schema: the group judges what is published. What a
// form cannot be made of is a field for JSON. Pure.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** What is in a form: JSON, and undefined for what is left out. */
export type Draft = Json | undefined

interface Described {
  readonly title: string | undefined
  readonly description: string | undefined
}

export interface Member {
  readonly name: string
  readonly required: boolean
  readonly field: Field
}

export type Field = Described &
  (
    | { readonly kind: 'object'; readonly members: readonly Member[] }
    | { readonly kind: 'list'; readonly item: Field; readonly least: number }
    | { readonly kind: 'choice'; readonly values: readonly Json[] }
    | { readonly kind: 'text'; readonly format: string | undefined; readonly example: string | undefined }
    | { readonly kind: 'number'; readonly integer: boolean; readonly example: string | undefined }
    | { readonly kind: 'flag' }
    | { readonly kind: 'variants'; readonly variants: readonly Field[] }
    | { readonly kind: 'json' }
  )

type Schema = { readonly [keyword: string]: unknown }

/** Deeper down, as where a schema refers to itself, JSON is written by hand. */
const DEPTH_MAX = 8
const CHOICES_MAX = 200
const LIST_LEAST_MAX = 20

export function fieldOf(schema: unknown, root: unknown = schema, depth = 0): Field {
  const json: Field = { kind: 'json', title: undefined, description: undefined }
  if (!isSchema(schema) || depth > DEPTH_MAX) return json
  const { $ref, title, description, ...rest } = schema
  const described = { title: textOf(title), description: textOf(description) }
  if (typeof $ref === 'string') {
    const target = pointedAt(root, $ref)
    return target === undefined
      ? { ...json, ...described }
      : { ...fieldOf(target, root, depth + 1), ...known(described) }
  }
  return { ...described, ...shapeOf(mergedAll(rest, root), root, depth) } as Field
}

function shapeOf(schema: Schema, root: unknown, depth: number): object {
  if ('const' in schema) return { kind: 'choice', values: [schema['const']] }
  const { enum: values, oneOf, anyOf, type } = schema
  if (Array.isArray(values) && values.length <= CHOICES_MAX) return { kind: 'choice', values }
  const among = Array.isArray(oneOf) ? oneOf : anyOf
  if (Array.isArray(among) && Object.keys(objectIn(schema, 'properties')).length === 0 && among.length > 0) {
    const { oneOf: _one, anyOf: _any, ...common } = schema
    const variants = among.map((one) => fieldOf(isSchema(one) ? { ...common, ...one } : one, root, depth + 1))
    return { kind: 'variants', variants: variants.map(namedVariant) }
  }
  if (Array.isArray(type)) {
    const variants = type.map((one) => fieldOf({ ...schema, type: one }, root, depth + 1))
    return { kind: 'variants', variants: variants.map((field, i) => ({ ...field, title: String(type[i]) })) }
  }
  const members = objectIn(schema, 'properties')
  const hasMembers = Object.keys(members).length > 0
  switch (type ?? (hasMembers ? 'object' : undefined)) {
    case 'object':
      return hasMembers ? objectOf(schema, members, root, depth) : { kind: 'json' }
    case 'array': {
      const { items, minItems, prefixItems } = schema
      if (prefixItems !== undefined || Array.isArray(items)) return { kind: 'json' }
      const least = typeof minItems === 'number' ? Math.min(minItems, LIST_LEAST_MAX) : 0
      return { kind: 'list', item: fieldOf(items ?? {}, root, depth + 1), least }
    }
    case 'string':
      return { kind: 'text', format: textOf(schema['format']), example: exampleOf(schema) }
    case 'number':
    case 'integer':
      return { kind: 'number', integer: type === 'integer', example: exampleOf(schema) ?? rangeOf(schema) }
    case 'boolean':
      return { kind: 'flag' }
    case 'null':
      return { kind: 'choice', values: [null] }
    default:
      return { kind: 'json' }
  }
}

function objectOf({ required }: Schema, properties: Schema, root: unknown, depth: number): object {
  const needed: readonly unknown[] = Array.isArray(required) ? required : []
  const members = Object.entries(properties).map(
    ([name, schema]): Member => ({ name, required: needed.includes(name), field: fieldOf(schema, root, depth + 1) }),
  )
  return { kind: 'object', members }
}

/** What `allOf` adds: the members of all, and all that is required. */
function mergedAll(schema: Schema, root: unknown): Schema {
  const { allOf, ...rest } = schema
  if (!Array.isArray(allOf)) return schema
  let merged: Schema = rest
  for (const part of allOf as readonly unknown[]) {
    const resolved = isSchema(part) && typeof part['$ref'] === 'string' ? pointedAt(root, part['$ref']) : part
    if (!isSchema(resolved)) continue
    merged = {
      ...resolved,
      ...merged,
      properties: { ...objectIn(merged, 'properties'), ...objectIn(resolved, 'properties') },
      required: [...listIn(merged, 'required'), ...listIn(resolved, 'required')],
    }
  }
  return merged
}

const objectIn = (schema: Schema, keyword: string): Schema => (isSchema(schema[keyword]) ? schema[keyword] : {})
const listIn = (schema: Schema, keyword: string): unknown[] => (Array.isArray(schema[keyword]) ? schema[keyword] : [])

function namedVariant(field: Field, i: number): Field {
  return { ...field, title: field.title ?? (field.kind === 'json' ? `variant ${i + 1}` : field.kind) }
}

function known({ title, description }: Described): Partial<Described> {
  return { ...(title !== undefined && { title }), ...(description !== undefined && { description }) }
}

function exampleOf({ examples, default: standard }: Schema): string | undefined {
  const example = Array.isArray(examples) ? examples[0] : standard
  return example === undefined ? undefined : String(example)
}

function rangeOf({ minimum, maximum }: Schema): string | undefined {
  if (minimum === undefined) return maximum === undefined ? undefined : `up to ${maximum}`
  return maximum === undefined ? `from ${minimum}` : `${minimum} to ${maximum}`
}

/** What a reference within the document leads to. */
function pointedAt(root: unknown, ref: string): unknown {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return undefined
  return ref
    .slice(2)
    .split('/')
    .map((token) => decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, token) => (isSchema(at) && Object.hasOwn(at, token) ? at[token] : undefined), root)
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

// ---- drafts

/** What a form begins with: members that are required, and nothing that somebody has to say. */
export function draftOf(field: Field): Draft {
  switch (field.kind) {
    case 'object':
      return Object.fromEntries(
        field.members.filter(({ required }) => required).flatMap(({ name, field: of }) => entryOf(name, draftOf(of))),
      )
    case 'list':
      return Array.from({ length: field.least }, () => draftOf(field.item) ?? null)
    case 'choice':
      return field.values.length === 1 ? field.values[0] : undefined
    case 'flag':
      return false
    case 'variants':
      return draftOf(field.variants[0] as Field)
    case 'text':
    case 'number':
    case 'json':
      return undefined
    default:
      return field satisfies never
  }
}

/** An object with this member, or without it. */
export function withMember(object: Draft, name: string, value: Draft): Draft {
  const { [name]: _old, ...rest } = isObject(object) ? object : {}
  // Where it was: a form must not shuffle what it makes.
  if (!isObject(object) || !(name in object)) return { ...rest, ...Object.fromEntries(entryOf(name, value)) }
  return Object.fromEntries(Object.entries(object).flatMap(([key, old]) => entryOf(key, key === name ? value : old)))
}

export function memberOf(object: Draft, name: string): Draft {
  return isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined
}

function entryOf(name: string, value: Draft): [string, Json][] {
  return value === undefined ? [] : [[name, value]]
}

function isObject(value: Draft): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// ---- faults

export interface Fault {
  readonly path: string
  readonly message: string
}

/** A JSON pointer to a member or an item. */
export function below(path: string, token: string | number): string {
  return `${path}/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A member that is missing is complained of at its object, and shown where it should be given. */
export function placeOf({ path, message }: Fault): string {
  const missing = /required property '([^']+)'/.exec(message)?.[1]
  return missing === undefined ? path : below(path, missing)
}

/** Each fault at the deepest field of the form that contains its place; `fields` are the pointers of all that is shown. */
export function placed(faults: readonly Fault[], fields: ReadonlySet<string>): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const fault of faults) {
    let place = placeOf(fault)
    while (place !== '' && !fields.has(place)) place = place.slice(0, place.lastIndexOf('/'))
    const at = placeOf(fault).slice(place.length)
    const message = at === '' || place === placeOf(fault) ? fault.message : `${at}: ${fault.message}`
    found.set(place, [...(found.get(place) ?? []), message])
  }
  return found
}
