// A look at a JSON Schema before it is compiled: how large and deep it is, where its references go, and whether it is
// plainly cheap to validate by. It knows just enough of JSON Schema to tell a keyword from the name of a property.
//
// Validation by a hostile schema can take for ever: a pattern that backtracks, references that double at each step,
// `uniqueItems` on a long array. No test finds all of these, so the survey answers the other way round: `plain` means
// that none of the constructs by which it could happen is there. Whatever is not plain is run under a watchdog.

import type { Fault } from '../errors.ts'

export interface SurveyLimits {
  readonly depthMax: number
  readonly subschemasMax: number
}

export interface Survey {
  readonly faults: readonly Fault[]
  readonly plain: boolean
  /** Pointer of the first use of each keyword and of each reference: ajv's messages name them but not where they are. */
  readonly keywordAt: ReadonlyMap<string, string>
  readonly refAt: ReadonlyMap<string, string>
}

/** Keywords whose members are named freely, with a schema each. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])
/** Keywords that hold values, in which nothing is a keyword. */
const VALUES = new Set(['const', 'enum', 'default', 'examples'])
const REFERENCES = new Set(['$ref', '$dynamicRef', '$recursiveRef'])
const PLAIN_SUBSCHEMAS_MAX = 500
const PLAIN_UNIQUE_ITEMS_MAX = 100
const FAULTS_MAX = 20

export function surveySchema(document: unknown, limits: SurveyLimits): Survey {
  const faults: Fault[] = []
  const keywordAt = new Map<string, string>()
  const refAt = new Map<string, string>()
  const ids: string[] = []
  let subschemas = 0
  let plain = true
  let tooDeep = false
  let refInDefinition = false
  let refElsewhere = false

  function fault(path: string, message: string): void {
    if (faults.length < FAULTS_MAX) faults.push({ path, message })
  }

  function deeper(value: unknown, path: string, depth: number): boolean {
    if (typeof value !== 'object' || value === null) return false
    if (depth < limits.depthMax) return true
    if (!tooDeep) fault(path, `nested deeper than ${limits.depthMax} levels`)
    tooDeep = true
    return false
  }

  function pattern(source: string, path: string): void {
    try {
      new RegExp(source, 'u')
    } catch (error) {
      fault(path, (error as Error).message)
    }
    if (!isPlainPattern(source)) plain = false
  }

  function measure(value: unknown, path: string, depth: number): void {
    if (!deeper(value, path, depth)) return
    for (const member of Object.values(value as object)) measure(member, path, depth + 1)
  }

  function schemas(named: unknown, path: string, depth: number, inDefinition: boolean): void {
    if (!deeper(named, path, depth)) return
    for (const [name, schema] of Object.entries(named as object)) {
      visit(schema, `${path}/${pointerToken(name)}`, depth + 1, inDefinition)
    }
  }

  function visit(schema: unknown, path: string, depth: number, inDefinition: boolean): void {
    if (!deeper(schema, path, depth)) return
    if (Array.isArray(schema)) {
      schemas(schema, path, depth, inDefinition)
      return
    }
    subschemas++
    const keywords = schema as Record<string, unknown>
    for (const [keyword, value] of Object.entries(keywords)) {
      const at = `${path}/${pointerToken(keyword)}`
      if (!keywordAt.has(keyword)) keywordAt.set(keyword, at)
      if (keyword === '$async') fault(at, 'is not offered: validation does not wait')
      if (keyword === '$id' && typeof value === 'string') ids.push(withoutFragment(value))
      if (REFERENCES.has(keyword) && typeof value === 'string') {
        if (!refAt.has(value)) refAt.set(value, at)
        if (keyword !== '$ref') plain = false
        if (inDefinition) refInDefinition = true
        if (!/^#\/(?:\$defs|definitions)\/[^/]*$/.test(value)) refElsewhere = true
      }
      if (keyword === 'pattern' && typeof value === 'string') pattern(value, at)
      if (keyword === 'uniqueItems' && !(Number(keywords['maxItems']) <= PLAIN_UNIQUE_ITEMS_MAX)) plain = false
      if (keyword === 'patternProperties' && typeof value === 'object' && value !== null) {
        for (const name of Object.keys(value)) pattern(name, `${at}/${pointerToken(name)}`)
      }
      if (VALUES.has(keyword)) measure(value, at, depth + 1)
      else if (NAMED.has(keyword)) {
        schemas(value, at, depth + 1, inDefinition || keyword === '$defs' || keyword === 'definitions')
      } else visit(value, at, depth + 1, inDefinition)
    }
  }

  visit(document, '', 0, false)
  for (const [ref, path] of refAt) {
    if (ref.startsWith('#') || staysInside(ref, ids)) continue
    fault(path, `refers outside the schema, to "${shortened(ref)}": a schema must be whole in itself`)
  }
  if (subschemas > limits.subschemasMax) {
    fault('', `has ${subschemas} subschemas; the limit is ${limits.subschemasMax}`)
  }
  // References that only lead from outside the definitions to definitions without references can't multiply.
  if (refElsewhere || refInDefinition || subschemas > PLAIN_SUBSCHEMAS_MAX) plain = false
  return { faults, plain, keywordAt, refAt }
}

/** A reference by the `$id` of the schema or of an embedded one. Whether it leads anywhere is for the compiler. */
function staysInside(ref: string, ids: readonly string[]): boolean {
  const root = URL.canParse(ids[0] ?? '') ? ids[0] : 'schema:/'
  const resolved = (uri: string): string => (URL.canParse(uri, root) ? new URL(uri, root).href : uri)
  const target = resolved(withoutFragment(ref))
  return ids.some((id) => resolved(id) === target)
}

/**
 * Whether a pattern can be seen to take no more than a few steps a character: no quantified group, no look-around, no
 * back reference, few ways to match, and what repeats without end does so once, from the start of the text.
 */
function isPlainPattern(pattern: string): boolean {
  if (pattern.length > 200 || /\)[*+?{]|\\[1-9k]|\(\?[=!<]/.test(pattern)) return false
  let ways = 1
  let endless = 0
  for (const [quantifier, least, comma, most] of pattern.matchAll(/[*+?]|\{(\d*)(,?)(\d*)\}/g)) {
    if (quantifier === '?') ways *= 2
    else if (quantifier === '*' || quantifier === '+' || (comma === ',' && most === '')) endless++
    else if (comma === ',') ways *= Math.max(1, Number(most) - Number(least) + 1)
  }
  if (endless === 0) return ways <= 1000
  return endless === 1 && ways <= 10 && pattern.startsWith('^') && !pattern.includes('|')
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
