// The types of topics: checks JSON Schema documents when they come in, and validates events by them. The home of ajv.
//
// A document is judged strictly, because a schema that says less than its author meant lets bad events in for ever:
// an unknown keyword or format, a keyword for another type than the one stated, and a reference that leads outside are
// refused, with the place and the reason. A compiled schema is kept as long as there is room, by topic and version.
//
// What is protected against a schema written to do harm: its bytes, depth, values, subschemas and patterns are limited,
// it is compiled alone (so that no two schemas share names), nothing it names is fetched or gets into code, it is looked
// through under a watchdog, which takes 30 ms at most, and compiled under one, and so are events validated by it, unless
// it can be seen that this is cheap (schema-cost.ts). So a pattern that backtracks for ever costs a request `validateMs`,
// twice; patterns that could escape the watchdog are rewritten (schema-pattern.ts). What is not: whoever may create
// topics can have that time spent by each request to them.
//
// Time decides only whether one request to one replica is refused, and hardly ever of a schema without groups in patterns,
// references among definitions and the like, however busy the machine is. That a schema is taken is decided by the replica
// that got it, and is the same for all from then on; no replica remembers of a schema that it took too long.
//
// ajv stops at the first failing keyword. To collect all faults would cost memory in proportion to data that is wrong
// everywhere.

import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Fault } from '../errors.ts'
import { cheapTo, isCheapToCompile } from './schema-cost.ts'
import { type PatternLimits, Patterns } from './schema-pattern.ts'
import { type Survey, shortened, surveySchema } from './schema-survey.ts'
import { within } from './watchdog.ts'

export interface SchemaRegistryOptions {
  /** A schema document may have so many bytes of JSON text. */
  readonly schemaBytesMax: number
  /** Nesting of a schema document. Deeper ones exhaust the stack of the compiler. */
  readonly depthMax?: number
  /** Subschemas of a document: compiling takes up to a third of a millisecond for each. */
  readonly subschemasMax?: number
  /** Values of a document, of every kind: entries of `enum`, names in `required`, whatever is in `examples`. */
  readonly valuesMax?: number
  /** Characters of a pattern, and of all patterns of a document; Unicode sets count for more (schema-pattern.ts). */
  readonly patternCharsMax?: number
  readonly patternCharsTotalMax?: number
  /** Compiled schemas that are kept, at most. A schema in use that is not kept is compiled again for each request. */
  readonly compiledMax?: number
  /** Bytes of text of the compiled schemas that are kept, at most; compiled they take some ten times as much. */
  readonly compiledBytesMax?: number
  /** Time for the events of one request. Too small: a busy machine refuses good events. Too large: the replica stalls. */
  readonly validateMs?: number
  readonly compileMs?: number
}

/** An event's data, and where it is in what the client sent. */
export interface Candidate {
  readonly value: unknown
  /** Of its JSON text, if that is known: it tells of most that they are cheap. */
  readonly dataBytes?: number
  /** JSON pointer; left out when the data is all of the body. */
  readonly path?: string
}

interface Compiled {
  readonly weight: number
  /** A list of faults, when it is no schema to validate by. */
  readonly validate: ValidateFunction | readonly Fault[]
}

type Kept = Compiled & { readonly text: Uint8Array }

/** A document that has been looked through, and can be compiled. */
interface Readable {
  readonly document: boolean | object
  readonly text: Uint8Array
  readonly draft: keyof typeof DRAFTS
  readonly survey: Survey
}

const FAULTS_MAX = 20

const DRAFTS = {
  '2020-12': Ajv2020,
  '2019-09': Ajv2019,
  'draft-07': Ajv,
} as const

const DIALECTS: ReadonlyMap<string, keyof typeof DRAFTS> = new Map([
  ['json-schema.org/draft/2020-12/schema', '2020-12'],
  ['json-schema.org/draft/2019-09/schema', '2019-09'],
  ['json-schema.org/draft-07/schema', 'draft-07'],
])

export class SchemaRegistry {
  private readonly options: Required<SchemaRegistryOptions>
  /** By topic and version, least recently used first. */
  private readonly compiled = new Map<string, Kept>()
  private compiledBytes = 0
  /** Of these the one used last: it need not be put behind the others again. */
  private newest = ''
  private readonly metaValidators = new Map<string, Ajv>()

  constructor(options: SchemaRegistryOptions) {
    this.options = {
      depthMax: 100,
      subschemasMax: 500,
      valuesMax: 10_000,
      patternCharsMax: 1000,
      patternCharsTotalMax: 10_000,
      compiledMax: 1000,
      compiledBytesMax: 16 * 1024 * 1024,
      validateMs: 200,
      compileMs: 450,
      ...options,
    }
  }

  /**
   * Is this a schema that events can be validated by? If so, `text` is what to store. The paths of faults point into
   * the settings of a topic, whose member `schema` the document is.
   */
  check(
    document: unknown,
  ): { readonly ok: true; readonly text: Uint8Array } | { readonly ok: false; readonly faults: readonly Fault[] } {
    const judged = this.inTime(document, (readable) => deepInStack(() => this.judge(readable))) ?? [
      { path: '', message: `takes longer than ${this.options.compileMs} ms to compile and try out` },
    ]
    if (judged instanceof Uint8Array) return { ok: true, text: judged }
    const faults = judged.map(({ path, message }) => ({ path: `/schema${path}`, message: shortened(message) }))
    return { ok: false, faults }
  }

  /**
   * Validates data by a schema that was found good by `check`, here or at another replica. The schema's text decides:
   * a topic that was deleted and made again may have another version 1.
   */
  validator(topic: string, version: number, schemaText: Uint8Array): (value: unknown) => readonly Fault[] {
    return (value) => this.validate(topic, version, schemaText, [{ value, path: '' }])
  }

  /**
   * The faults of all the events of a request; none: all are valid. As many at a time as are cheap go without a
   * watchdog; from one that is not, or when they have taken their time, one watchdog is enough for all the others.
   */
  validate(topic: string, version: number, schemaText: Uint8Array, candidates: readonly Candidate[]): readonly Fault[] {
    const compiled = this.find(topic, version, schemaText)
    if (compiled === undefined) {
      return [{ path: '', message: `the topic's schema takes longer than ${this.options.compileMs} ms to compile` }]
    }
    const { validate, weight } = compiled
    if (isFaults(validate)) return validate
    try {
      const faults: Fault[] = []
      const until = performance.now() + this.options.validateMs
      for (let from = 0; from < candidates.length && faults.length < FAULTS_MAX; ) {
        const to = performance.now() < until ? cheapTo(weight, candidates, from) : from
        if (to === from) {
          faults.push(...this.watched(validate, candidates.slice(from)))
          break
        }
        faults.push(...faultsOfAll(validate, candidates.slice(from, to)))
        from = to
      }
      return faults.slice(0, FAULTS_MAX)
    } catch (error) {
      return [{ path: '', message: `cannot be validated by the topic's schema: ${messageOf(error)}` }]
    }
  }

  private watched(validate: ValidateFunction, candidates: readonly Candidate[]): readonly Fault[] {
    const done = within(this.options.validateMs, () => faultsOfAll(validate, candidates))
    if (done !== undefined) return done.value
    const path = candidates.length === 1 ? (candidates[0]?.path ?? '') : ''
    return [{ path, message: `takes longer than ${this.options.validateMs} ms to validate by the topic's schema` }]
  }

  private find(topic: string, version: number, text: Uint8Array): Compiled | undefined {
    const key = `${topic} ${version}`
    const known = this.compiled.get(key)
    if (known !== undefined) {
      if (key === this.newest && known.text === text) return known
      this.compiled.delete(key)
      if (known.text === text || Buffer.compare(known.text, text) === 0) {
        this.compiled.set(key, known.text === text ? known : { ...known, text })
        this.newest = key
        return known
      }
      this.compiledBytes -= known.text.length
    }
    const found = this.compileText(text)
    if (found === undefined) return undefined
    const compiled = { ...found, text }
    this.compiled.set(key, compiled)
    this.newest = key
    this.compiledBytes += text.length
    for (const [oldest, { text: dropped }] of this.compiled) {
      const { compiledMax, compiledBytesMax } = this.options
      if (this.compiled.size <= compiledMax && this.compiledBytes <= compiledBytesMax) break
      if (oldest === key) break
      this.compiled.delete(oldest)
      this.compiledBytes -= dropped.length
    }
    return compiled
  }

  private compileText(text: Uint8Array): Compiled | undefined {
    const refused = (fault: string): Compiled => ({ weight: 0, validate: [{ path: '', message: fault }] })
    let document: unknown
    try {
      document = JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString())
    } catch (error) {
      return refused(`the topic's schema is not JSON: ${messageOf(error)}`)
    }
    const made = this.inTime(document, (readable) => ({
      weight: readable.survey.weight,
      validate: this.compile(readable),
    }))
    if (made === undefined) return undefined
    const { weight, validate } = isFaults(made) ? { weight: 0, validate: made } : made
    if (!isFaults(validate)) return { weight, validate }
    const message = (fault: Fault): string => `the topic's schema cannot be used: ${fault.path} ${fault.message}`
    return { weight, validate: validate.map((fault) => ({ path: '', message: message(fault) })) }
  }

  /**
   * Looks a document through, and gives what `run` makes of it, or what faults were found; undefined: it took longer
   * than `compileMs`. What can be seen to be cheap has all the time that it needs.
   */
  private inTime<T>(document: unknown, run: (readable: Readable) => T): T | readonly Fault[] | undefined {
    const { compileMs } = this.options
    const read = within(compileMs, () => this.read(document))?.value
    if (read === undefined || isFaults(read)) return read
    // No document makes this longer, and interrupted in it, it would be of no use any more.
    this.prepare(read.draft)
    const { weight, innerIds } = read.survey
    return isCheapToCompile(weight, read.text.length, innerIds) ? run(read) : within(compileMs, () => run(read))?.value
  }

  private read(document: unknown): Readable | readonly Fault[] {
    const isObject = typeof document === 'object' && document !== null && !Array.isArray(document)
    if (!isObject && typeof document !== 'boolean') {
      return [{ path: '', message: 'must be a JSON Schema: an object, true or false' }]
    }
    const survey = surveySchema(document, this.options)
    if (survey.faults.length > 0) return survey.faults
    // After the survey, which has found it shallow enough to be written out.
    const text = Buffer.from(JSON.stringify(document))
    const { schemaBytesMax } = this.options
    if (text.length > schemaBytesMax) {
      return [{ path: '', message: `has ${text.length} bytes; the limit is schemaBytesMax = ${schemaBytesMax}` }]
    }
    const draft = draftOf(document)
    if (draft !== undefined) return { document, text, draft, survey }
    const message = `must be the draft 2020-12, 2019-09 or draft-07, as in "https://${DEFAULT_DIALECT}"`
    return [{ path: '/$schema', message }]
  }

  /** The text of a good schema, or the faults of one that is not. */
  private judge(readable: Readable): Uint8Array | readonly Fault[] {
    const validate = this.compile(readable)
    if (isFaults(validate)) return validate
    try {
      for (const value of [null, true, 0, '', [], {}]) validate(value)
    } catch (error) {
      return [{ path: '', message: `cannot be validated by: ${messageOf(error)}` }]
    }
    return readable.text
  }

  private compile({ document, draft, survey }: Readable): ValidateFunction | readonly Fault[] {
    try {
      return this.metaFaults(draft, document) ?? compiledBy(draft, document, this.options)
    } catch (error) {
      const message = messageOf(error)
      return [{ path: placeOf(message, survey.keywordAt, survey.refAt), message }]
    }
  }

  /** What its draft has against the document. */
  private metaFaults(draft: keyof typeof DRAFTS, document: boolean | object): readonly Fault[] | undefined {
    const meta = this.metaValidators.get(draft)!
    if (meta.validateSchema(document) === true) return undefined
    return (meta.errors ?? []).slice(0, FAULTS_MAX).map(faultOf)
  }

  /** A draft is compiled when it is first used. */
  private prepare(draft: keyof typeof DRAFTS): void {
    if (this.metaValidators.has(draft)) return
    const meta = new DRAFTS[draft]({ strict: false, logger: false })
    formats.default(meta)
    meta.validateSchema({})
    this.metaValidators.set(draft, meta)
  }
}

function isFaults(found: object): found is readonly Fault[] {
  return Array.isArray(found)
}

function compiledBy(
  draft: keyof typeof DRAFTS,
  document: boolean | object,
  limits: PatternLimits,
): ValidateFunction | readonly Fault[] {
  // Again, though the survey did: a reference can make a schema of what is none where it stands.
  const patterns = new Patterns(limits)
  const regExp = Object.assign((source: string) => patterns.make(source), { code: 'new RegExp' })
  const ajv = new DRAFTS[draft]({
    strict: true,
    strictRequired: false, // Required members may well be described elsewhere, or nowhere.
    allowUnionTypes: true,
    allowMatchingProperties: true,
    inlineRefs: false, // A small schema could grow without measure.
    ownProperties: true, // Else "constructor" is present in every object.
    validateSchema: false,
    meta: false,
    logger: false,
    code: { regExp, process: parsedAtOnce },
  })
  formats.default(ajv)
  // ajv resolves anchors but, being strict, takes them for unknown.
  if (draft !== 'draft-07' && ajv.getKeyword('$anchor') === false) ajv.addKeyword('$anchor')
  return ajv.compile(document)
}

/**
 * The code that ajv made, so that V8 parses all of it now and not when it is first called: in parentheses a function
 * counts as about to be called. ajv nests a block for each property, and to parse the blocks of a thousand takes more
 * stack than there is. That must be found when the schema comes in, not by the first event that needs the function.
 */
function parsedAtOnce(code: string, of?: { readonly schema: AnySchema }): string {
  // ajv writes it into a comment of the code: what ends the comment would be run.
  const id = typeof of?.schema === 'object' ? of.schema['$id'] : undefined
  if (JSON.stringify(id ?? '').includes('*/')) throw new Error('"$id" must not contain "*/"')
  return code.replace(/return (function .*)$/s, 'return ($1)')
}

/**
 * Runs with part of the stack taken: what needs no more than the rest of it then is sure to run where less was taken,
 * at any replica.
 */
function deepInStack<T>(run: () => T, frames = 1500): T {
  return frames === 0 ? run() : deepInStack(run, frames - 1)
}

/** What ajv found wrong, as faults; `at` is the pointer of what was validated. */
export function faultsOf(errors: readonly ErrorObject[] | null | undefined, at = ''): readonly Fault[] {
  return (errors ?? []).slice(0, FAULTS_MAX).map((error) => {
    const { path, message } = faultOf(error)
    return { path: at + path, message }
  })
}

const DEFAULT_DIALECT = 'json-schema.org/draft/2020-12/schema'

function draftOf(document: boolean | object): keyof typeof DRAFTS | undefined {
  const dialect =
    typeof document === 'object' && '$schema' in document ? document.$schema : `https://${DEFAULT_DIALECT}`
  return typeof dialect === 'string' ? DIALECTS.get(dialect.replace(/^https?:\/\//, '').replace(/#$/, '')) : undefined
}

function faultsOfAll(validate: ValidateFunction, candidates: readonly Candidate[]): readonly Fault[] {
  const faults: Fault[] = []
  for (const candidate of candidates) {
    if (validate(candidate.value) === true) continue
    faults.push(...faultsOf(validate.errors, candidate.path))
    if (faults.length >= FAULTS_MAX) break
  }
  return faults.slice(0, FAULTS_MAX)
}

function faultOf({ instancePath, keyword, message, params }: ErrorObject): Fault {
  const name = params['additionalProperty'] ?? params['unevaluatedProperty'] ?? params['propertyName']
  let detail = ''
  if (typeof name === 'string') detail = `: "${name}"`
  else if (keyword === 'enum') detail = `: ${JSON.stringify(params['allowedValues'])}`
  else if (keyword === 'const') detail = `: ${JSON.stringify(params['allowedValue'])}`
  return { path: instancePath, message: shortened(`${message ?? keyword}${detail}`) }
}

/** ajv's refusals to compile are sentences; the place is in them, or follows from the word that they name. */
function placeOf(message: string, keywordAt: ReadonlyMap<string, string>, refAt: ReadonlyMap<string, string>): string {
  const stated = /"#(\/[^"]*)?"(?: \(\w+\))?$/.exec(message)
  if (stated !== null) return stated[1] ?? ''
  const keyword = /unknown keyword: "([^"]*)"/.exec(message)?.[1]
  if (keyword !== undefined) return keywordAt.get(keyword) ?? ''
  const ref = /can't resolve reference (\S+) from/.exec(message)?.[1]
  if (ref !== undefined) return refAt.get(ref) ?? ''
  return ''
}

function messageOf(error: unknown): string {
  if (error instanceof RangeError) return 'is too complex: it needs more stack than there is'
  return error instanceof Error ? error.message : String(error)
}
