// A look at a JSON Schema before it is compiled: how large and deep it is, where its references go, and how much it can
// take to validate by it (schema-cost.ts). It knows just enough of JSON Schema to tell a keyword from the name of a
// property. It goes no further than the limits.

import type { Fault } from '../errors.ts'
import { CHEAP_FORMATS, FORMAT_STEPS } from './schema-cost.ts'
import { type PatternLimits, Patterns, stepsPerCharacter } from './schema-pattern.ts'

export interface SurveyLimits extends PatternLimits {
  readonly depthMax: number
  readonly subschemasMax: number
  readonly valuesMax: number
}

export interface Survey {
  readonly faults: readonly Fault[]
  /** Steps for each value, character and name of an event, at most. */
  readonly weight: number
  /** Subschemas with a base URI of their own: what each refers to is resolved against all that are around it. */
  readonly innerIds: number
  /** Pointer of the first use of each keyword and of each reference: ajv's messages name them but not where they are. */
  readonly keywordAt: ReadonlyMap<string, string>
  readonly refAt: ReadonlyMap<string, string>
}

/** Keywords whose members are named freely, with a schema each or what is counted like one. */
const NAMED = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
  'dependentRequired',
  'dependencies',
])
/** Keywords that hold values, in which nothing is a keyword. */
const VALUES = new Set(['const', 'enum', 'default', 'examples'])
const REFERENCES = new Set(['$ref', '$dynamicRef', '$recursiveRef'])
/** It takes several times as long to resolve a longer one, and each is resolved against another. */
const URI_CHARS_MAX = 2000
const FAULTS_MAX = 20

export function surveySchema(document: unknown, limits: SurveyLimits): Survey {
  const faults: Fault[] = []
  const keywordAt = new Map<string, string>()
  const refAt = new Map<string, string>()
  const ids: string[] = []
  let innerIds = 0
  const patterns = new Patterns(limits)
  let subschemas = 0
  let values = 0
  let refs = 0
  /** Of the keywords that take more steps than they have values. */
  let extraWeight = 0
  let tooMuch = false

  function fault(path: string, message: string): void {
    if (faults.length < FAULTS_MAX) faults.push({ path, message })
  }

  /** Beyond a limit nothing more is looked at. */
  function giveUp(path: string, message: string): false {
    if (!tooMuch) fault(path, message)
    tooMuch = true
    return false
  }

  /** Counts a value. Has it members, and shall they be looked at? */
  function deeper(value: unknown, path: string, depth: number): boolean {
    if (tooMuch) return false
    values++
    if (values > limits.valuesMax) {
      return giveUp('', `has more than ${limits.valuesMax} values; that is the limit valuesMax of a schema`)
    }
    if (typeof value !== 'object' || value === null) return false
    return depth < limits.depthMax || giveUp(path, `nested deeper than depthMax = ${limits.depthMax} levels`)
  }

  function pattern(source: string, path: string): void {
    try {
      patterns.make(source)
      extraWeight += stepsPerCharacter(source)
    } catch (error) {
      fault(path, shortened((error as Error).message))
    }
  }

  function uri(value: string, path: string): boolean {
    if (value.length <= URI_CHARS_MAX) return true
    fault(path, `has ${value.length} characters; the limit is ${URI_CHARS_MAX}`)
    return false
  }

  function measure(value: unknown, path: string, depth: number): void {
    if (!deeper(value, path, depth)) return
    for (const member of Object.values(value as object)) measure(member, path, depth + 1)
  }

  function schemas(named: unknown, path: string, depth: number, inDefinition: boolean): void {
    if (!deeper(named, path, depth)) return
    for (const [name, schema] of Object.entries(named as object)) {
      if (tooMuch) return
      const at = `${path}/${pointerToken(name)}`
      // ajv leaves it out in silence.
      if (name === '__proto__') fault(at, 'cannot be described: a property of this name is not checked')
      visit(schema, at, depth + 1, inDefinition)
    }
  }

  function reference(keyword: string, value: string, path: string, inDefinition: boolean): void {
    if (!uri(value, path)) return
    if (!refAt.has(value)) refAt.set(value, path)
    refs++
    // Those that lead from outside the definitions to definitions without references can't multiply.
    const flat = keyword === '$ref' && !inDefinition && /^#\/(?:\$defs|definitions)\/[^/]*$/.test(value)
    if (!flat) extraWeight = Number.POSITIVE_INFINITY
  }

  /** What is to be said of one keyword, whatever its members. */
  function note(keyword: string, value: unknown, keywords: Keywords, path: string, inDefinition: boolean): void {
    if (!keywordAt.has(keyword)) keywordAt.set(keyword, path)
    // ajv looks keywords up in an object, where it finds these.
    if (keyword in Object.prototype) fault(path, `unknown keyword: "${keyword}"`)
    if (keyword === '$async') fault(path, 'is not offered: validation does not wait')
    if (keyword === '$id' && path !== '/$id') innerIds++
    if (keyword === '$id' && typeof value === 'string' && uri(value, path)) ids.push(withoutFragment(value))
    if (REFERENCES.has(keyword) && typeof value === 'string') reference(keyword, value, path, inDefinition)
    if (keyword === 'pattern' && typeof value === 'string') pattern(value, path)
    if (keyword === 'patternProperties' && typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) pattern(name, `${path}/${pointerToken(name)}`)
    }
    if (keyword === 'format') extraWeight += CHEAP_FORMATS.has(value) ? FORMAT_STEPS : Number.POSITIVE_INFINITY
    // Each item is compared with each other, and there are no more than that: ajv looks at `maxItems` first.
    if (keyword === 'uniqueItems' && value === true) {
      const { maxItems } = keywords
      extraWeight += typeof maxItems === 'number' && maxItems >= 0 ? maxItems : Number.POSITIVE_INFINITY
    }
    if (keyword === 'unevaluatedProperties' || keyword === 'unevaluatedItems') extraWeight = Number.POSITIVE_INFINITY
  }

  function visit(schema: unknown, path: string, depth: number, inDefinition: boolean): void {
    if (Array.isArray(schema)) {
      schemas(schema, path, depth, inDefinition)
      return
    }
    if (!deeper(schema, path, depth)) return
    if (++subschemas > limits.subschemasMax) {
      giveUp('', `has more than ${limits.subschemasMax} subschemas; that is the limit subschemasMax`)
      return
    }
    const keywords = schema as Keywords
    for (const [keyword, value] of Object.entries(keywords)) {
      if (tooMuch) return
      const at = `${path}/${pointerToken(keyword)}`
      note(keyword, value, keywords, at, inDefinition)
      if (VALUES.has(keyword)) measure(value, at, depth + 1)
      else if (NAMED.has(keyword)) {
        schemas(value, at, depth + 1, inDefinition || keyword === '$defs' || keyword === 'definitions')
      } else visit(value, at, depth + 1, inDefinition)
    }
  }

  visit(document, '', 0, false)
  const inside = insiders(ids)
  for (const [ref, path] of refAt) {
    if (ref.startsWith('#') || inside(ref)) continue
    fault(path, `refers outside the schema, to "${shortened(ref)}": a schema must be whole in itself`)
  }
  return { faults, weight: (values + extraWeight) * (1 + refs), innerIds, keywordAt, refAt }
}

interface Keywords {
  readonly [keyword: string]: unknown
}

/** Tells references by the `$id` of the schema or of an embedded one. Whether they lead anywhere is for the compiler. */
function insiders(ids: readonly string[]): (ref: string) => boolean {
  const root = URL.canParse(ids[0] ?? '') ? ids[0] : 'schema:/'
  const resolved = (uri: string): string => (URL.canParse(uri, root) ? new URL(uri, root).href : uri)
  const known = new Set(ids.map(resolved))
  return (ref) => known.has(resolved(withoutFragment(ref)))
}

export function pointerToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

export function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 197)}…`
}

function withoutFragment(uri: string): string {
  const hash = uri.indexOf('#')
  return hash === -1 ? uri : uri.slice(0, hash)
}
