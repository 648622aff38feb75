// A topic's schema, said again in the few words that the generator of types gets right, with nothing taken over that was
// not understood. Schemas come from whoever may create topics: so no reference leaves the document, no text can end a
// comment, all names are given here, and what cannot be said by a type is left out: then it is wider, never wrong.
//
// Every subschema that is referred to becomes a definition with a name of its own; all else stays where it is.

/** What the generator takes: JSON Schema, draft-07, of which only these words are used. */
export type PlainSchema = boolean | PlainObject

export interface PlainObject {
  description?: string
  deprecated?: boolean
  $ref?: string
  type?: string
  enum?: readonly (string | number | boolean | null)[]
  allOf?: readonly PlainSchema[]
  anyOf?: readonly PlainSchema[]
  properties?: { [name: string]: PlainSchema }
  required?: readonly string[]
  additionalProperties?: PlainSchema
  items?: PlainSchema | readonly PlainSchema[]
  additionalItems?: PlainSchema
  minItems?: number
}

export interface Plain {
  readonly root: PlainSchema
  readonly definitions: { readonly [name: string]: PlainSchema }
}

/** Said of a schema of which no type can be made. */
export class SchemaError extends Error {}

type Keywords = { readonly [keyword: string]: unknown }

/** Deeper ones a replica refuses. */
const DEPTH_MAX = 200
/** Subschemas, counted wherever they appear in the result: alternatives of tuples say the same several times. */
const SUBSCHEMAS_MAX = 20_000
/** Of a tuple with more items that may be missing only the items' types are told. */
const MISSING_ITEMS_MAX = 8
/** Bases of references where a schema does not name itself. */
const NAMELESS = 'schema:/'
const ANNOTATIONS = new Set(['title', 'description', 'deprecated', '$comment', 'examples', 'default', '$schema', '$id'])

/** Is it every value? Its description says nothing to a program. */
export function isAny(schema: PlainSchema): boolean {
  return schema === true || (typeof schema === 'object' && schema.type === 'any')
}

/** `nameOf` gives a name that nothing else has, after a hint. */
export function plainSchema(document: unknown, nameOf: (hint: string) => string): Plain {
  const translation = new Translation(document, nameOf)
  return translation.run()
}

class Translation {
  private readonly document: unknown
  private readonly nameOf: (hint: string) => string
  /** By absolute URI: the document and schemas within it that have an `$id`; and, with a fragment, anchors. */
  private readonly identified = new Map<string, unknown>()
  private readonly baseOf = new Map<object, string>()
  private readonly names = new Map<object, string>()
  private subschemas = 0

  constructor(document: unknown, nameOf: (hint: string) => string) {
    this.document = document
    this.nameOf = nameOf
    this.identified.set(NAMELESS, document)
    this.identify(document, NAMELESS, 0)
  }

  run(): Plain {
    const root = this.declared(this.document)
    const definitions: { [name: string]: PlainSchema } = {}
    // It grows as definitions refer to others.
    for (const [schema, name] of this.names) definitions[name] = this.declared(schema)
    return { root, definitions }
  }

  // ---- references

  private identify(value: unknown, base: string, depth: number): void {
    if (typeof value !== 'object' || value === null) return
    if (depth > DEPTH_MAX) throw new SchemaError(`it is nested deeper than ${DEPTH_MAX} levels`)
    let own = base
    const { $id, $anchor, $dynamicAnchor } = value as Keywords
    if (typeof $id === 'string' && URL.canParse($id, base)) {
      const { href } = new URL($id, base)
      if (!$id.startsWith('#')) own = withoutFragment(href)
      this.identified.set($id.startsWith('#') ? href : own, value)
    }
    for (const anchor of [$anchor, $dynamicAnchor]) {
      if (typeof anchor === 'string') this.identified.set(`${own}#${anchor}`, value)
    }
    this.baseOf.set(value, own)
    for (const member of Object.values(value)) this.identify(member, own, depth + 1)
  }

  private target(ref: string, from: object): unknown {
    const base = this.baseOf.get(from) ?? NAMELESS
    const [uri = '', fragment = ''] = split(ref, '#')
    const absolute = uri === '' ? base : URL.canParse(uri, base) ? new URL(uri, base).href : uri
    if (!this.identified.has(absolute)) throw new SchemaError(`it refers outside of itself, to ${shown(ref)}`)
    const target = fragment.startsWith('/')
      ? pointed(this.identified.get(absolute), fragment)
      : this.identified.get(fragment === '' ? absolute : `${absolute}#${fragment}`)
    if (target === undefined) throw new SchemaError(`it refers to ${shown(ref)}, where nothing is`)
    return target
  }

  private reference(ref: string, from: object, depth: number): PlainSchema {
    let target = this.target(ref, from)
    // One that does no more than refer further needs no name.
    for (let steps = 0; isBareReference(target); steps++) {
      if (steps > DEPTH_MAX) throw new SchemaError(`it refers in a circle, by ${shown(ref)}`)
      target = this.target(target.$ref, target)
    }
    if (typeof target !== 'object' || target === null) return this.translate(target, depth)
    if (target === this.document) return { $ref: '#' }
    let name = this.names.get(target)
    if (name === undefined) {
      name = this.nameOf(unescaped(ref.split(/[/#]/).at(-1) ?? ''))
      this.names.set(target, name)
    }
    return { $ref: `#/$defs/${name}` }
  }

  // ---- schemas

  /** What is to have a name of its own, even if it is the same as another. */
  private declared(schema: unknown): PlainSchema {
    const plain = this.translate(schema, 0)
    return typeof plain === 'object' && plain.$ref !== undefined ? { allOf: [plain] } : plain
  }

  private translate(schema: unknown, depth: number): PlainSchema {
    if (++this.subschemas > SUBSCHEMAS_MAX) throw new SchemaError(`its types need more than ${SUBSCHEMAS_MAX} parts`)
    if (depth > DEPTH_MAX) throw new SchemaError(`it is nested deeper than ${DEPTH_MAX} levels`)
    if (schema === true) return { type: 'any' }
    if (schema === false) return false
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
      throw new SchemaError('where a schema should be is something else')
    }
    const keywords = schema as Keywords
    return annotated(both(this.parts(keywords, depth + 1)), keywords)
  }

  /** All of them hold at once. */
  private parts(keywords: Keywords, depth: number): PlainSchema[] {
    const { $ref, allOf, anyOf, oneOf } = keywords
    const parts: PlainSchema[] = []
    if (typeof $ref === 'string') parts.push(this.reference($ref, keywords, depth))
    if ('const' in keywords) parts.push(this.oneValueOf([keywords['const']], depth))
    else if (Array.isArray(keywords['enum'])) parts.push(this.oneValueOf(keywords['enum'], depth))
    else parts.push(either(typesOf(keywords).map((type) => this.typed(type, keywords, depth))))
    if (Array.isArray(allOf)) parts.push(...allOf.map((one) => this.translate(one, depth)))
    for (const alternatives of [anyOf, oneOf]) {
      if (Array.isArray(alternatives)) parts.push(either(alternatives.map((one) => this.translate(one, depth))))
    }
    return parts
  }

  private typed(type: string, keywords: Keywords, depth: number): PlainSchema {
    if (type === 'object') return this.object(keywords, depth)
    if (type === 'array') return this.array(keywords, depth)
    return { type }
  }

  private object(keywords: Keywords, depth: number): PlainObject {
    const { additionalProperties: others } = keywords
    const named = isObject(keywords['properties']) ? Object.entries(keywords['properties']) : []
    const patterns = isObject(keywords['patternProperties']) ? Object.values(keywords['patternProperties']) : []
    const required = (Array.isArray(keywords['required']) ? keywords['required'] : []).filter(isText)
    const properties: { [name: string]: PlainSchema } = {}
    for (const [name, property] of named) properties[propertyName(name)] = this.translate(property, depth)
    for (const name of required) if (!Object.hasOwn(properties, name)) properties[propertyName(name)] = { type: 'any' }
    const object = { type: 'object', properties, required }
    if (others === undefined || others === true) {
      // Nearly every object may have more properties than are described. A type that says so would take misspelt ones.
      const open = others === true || Object.keys(properties).length === 0
      return { ...object, additionalProperties: open }
    }
    if (others === false && patterns.length === 0) return { ...object, additionalProperties: false }
    return {
      ...object,
      additionalProperties: either([...patterns, others].map((property) => this.translate(property, depth))),
    }
  }

  private array(keywords: Keywords, depth: number): PlainSchema {
    const { prefixItems, items } = keywords
    const first: unknown[] | undefined = [prefixItems, items].find(Array.isArray)
    const others = (Array.isArray(prefixItems) ? items : first ? keywords['additionalItems'] : items) ?? true
    const most = count(keywords['maxItems'], Number.POSITIVE_INFINITY)
    const closed = others === false || most <= (first?.length ?? 0)
    const rest = (): PlainSchema => (closed ? false : this.translate(others, depth))
    if (first === undefined) return closed ? tuple([]) : { type: 'array', items: rest() }

    const length = Math.min(first.length, most)
    const least = Math.min(count(keywords['minItems'], 0), length)
    const upTo = (end: number): PlainSchema[] => first.slice(0, end).map((item) => this.translate(item, depth))
    if (length - least > MISSING_ITEMS_MAX) return { type: 'array', items: either([...upTo(length), rest()]) }
    const shorter = Array.from({ length: length - least }, (_, i) => tuple(upTo(least + i)))
    return either([...shorter, tuple(upTo(length), rest())])
  }

  private oneValueOf(values: readonly unknown[], depth: number): PlainSchema {
    const simple = values.filter((value) => typeof value !== 'object' || value === null) as PlainObject['enum'] & object
    const others = values.filter((value) => typeof value === 'object' && value !== null) as object[]
    const literals: PlainSchema[] = simple.length > 0 ? [{ enum: simple }] : []
    return either([...literals, ...others.map((value) => this.value(value, depth))])
  }

  private value(value: object, depth: number): PlainSchema {
    const members = Object.entries(value).map(([name, member]) => [name, { const: member }])
    if (Array.isArray(value)) return tuple(members.map(([, member]) => this.translate(member, depth)))
    const names = Object.keys(value)
    return this.object({ properties: Object.fromEntries(members), required: names, additionalProperties: false }, depth)
  }
}

/** Those that a schema's words are about, where it states none; none: it is about any. */
function typesOf(keywords: Keywords): string[] {
  const { type, nullable } = keywords
  const stated = (Array.isArray(type) ? type : [type]).filter(isText)
  if (stated.length > 0) return nullable === true && !stated.includes('null') ? [...stated, 'null'] : stated
  const has = (...names: string[]): boolean => names.some((name) => name in keywords)
  const types: string[] = []
  if (has('properties', 'required', 'patternProperties', 'additionalProperties')) types.push('object')
  if (has('items', 'prefixItems')) types.push('array')
  return types
}

function both(parts: readonly PlainSchema[]): PlainSchema {
  const telling = parts.filter((part) => !isAny(part))
  if (telling.length > 1) return { allOf: telling }
  return telling[0] ?? { type: 'any' }
}

/** None to choose from: anything, as where nothing is stated. */
function either(alternatives: readonly PlainSchema[]): PlainSchema {
  if (alternatives.length === 0 || alternatives.some(isAny)) return { type: 'any' }
  const possible = alternatives.filter((one) => one !== false)
  if (possible.length > 1) return { anyOf: possible }
  return possible[0] ?? false
}

function tuple(items: readonly PlainSchema[], rest: PlainSchema = false): PlainObject {
  return { type: 'array', items, minItems: items.length, additionalItems: rest }
}

function annotated(schema: PlainSchema, { title, description, deprecated }: Keywords): PlainSchema {
  if (typeof schema === 'boolean') return schema
  const texts = [title, description].filter(isText).map(commentText)
  const comment = texts.filter((text) => text !== '').join('\n\n')
  if (comment === '' && deprecated !== true) return schema
  const about: PlainObject = {
    ...(comment !== '' && { description: comment }),
    ...(deprecated === true && { deprecated: true }),
  }
  // Next to a reference it would make another type of what is referred to.
  return schema.$ref === undefined ? { ...schema, ...about } : { allOf: [schema], ...about }
}

/** Nothing that could end the comment; first what is not shown is left out, since what was apart could meet. */
function commentText(text: string): string {
  const lines = text.toWellFormed().replaceAll(/\r\n?/g, '\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  const visible = lines.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, '')
  return visible.replaceAll('*/', '*\\/').trim()
}

function propertyName(name: string): string {
  // The first two cannot be handed on in an object; the generator takes no name that is not Unicode.
  if (name !== '__proto__' && name !== 'hasOwnProperty' && name.isWellFormed()) return name
  throw new SchemaError(`it has a property ${shown(name)}, which cannot be described`)
}

function isBareReference(schema: unknown): schema is { readonly $ref: string } {
  if (!isObject(schema) || typeof schema['$ref'] !== 'string') return false
  return Object.keys(schema).every((keyword) => keyword === '$ref' || ANNOTATIONS.has(keyword))
}

function pointed(document: unknown, pointer: string): unknown {
  let value = document
  for (const token of pointer.slice(1).split('/')) {
    const name = unescaped(token)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Keywords)[name]
  }
  return value
}

function unescaped(token: string): string {
  let text = token
  try {
    text = decodeURIComponent(token)
  } catch {} // It was not encoded.
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}

function split(text: string, at: string): string[] {
  const index = text.indexOf(at)
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}

function withoutFragment(uri: string): string {
  return split(uri, '#')[0] ?? ''
}

function count(value: unknown, otherwise: number): number {
  return typeof value === 'number' && value >= 0 ? Math.floor(value) : otherwise
}

function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`)
}
