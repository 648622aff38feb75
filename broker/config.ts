// What a replica is told at its start: flags beat environment variables, which beat the file given by --config. All are
// described once, by schemas/config.schema.json (meaning, unit, bounds, default, what goes wrong when too small or too
// large); here they are read, checked against it and against one another, and frozen. Whatever is wrong is said in a
// sentence that names the flag, the variable or the key, all of it at once.

import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { StateLimits } from './events/state.ts'
import type { GroupSettings } from './group/settings.ts'
import type { Limits } from './http/operations.ts'

/** All replicas must agree on these: a joiner says its own, and is kept out with the difference. */
export type AgreedSettings = GroupSettings & StateLimits

export type LogFormat = 'auto' | 'json' | 'text'

export interface ReplicaConfig {
  readonly name: string
  readonly group: string
  readonly roster: readonly string[]
  readonly nats: readonly string[]
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Undefined: http:// and what is listened on. */
  readonly advertise: string | undefined
  readonly autoTopics: boolean
  readonly logLevel: string
  /** `auto`: for people on a terminal, JSON elsewhere. */
  readonly logFormat: LogFormat
  readonly publishTimeoutMs: number
  readonly primaryGraceMs: number
  readonly limits: Limits
  readonly pendingRequestsMax: number
  readonly pendingBytesMax: number
  readonly settings: AgreedSettings
}

/** Every sentence is a problem that a person has to mend before the replica can start. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** One key of the configuration, as its schema describes it. */
export interface ConfigKey {
  readonly key: string
  readonly flag: string
  readonly variable: string
  readonly type: 'string' | 'integer' | 'boolean' | 'array'
  /** Whose it is: `replica` and `limit` are a replica's own, `group` must be equal everywhere. */
  readonly whose: 'replica' | 'limit' | 'group'
  readonly description: string
  readonly default: unknown
  /** All that may be given, where that is a choice. */
  readonly offers: readonly string[]
}

interface ConfigSchema {
  readonly [keyword: string]: unknown
  readonly properties: {
    readonly [key: string]: {
      readonly $comment: ConfigKey['whose']
      readonly description: string
      readonly type: ConfigKey['type']
      readonly default?: unknown
      readonly enum?: readonly string[]
    }
  }
}

const schema: ConfigSchema = JSON.parse(
  readFileSync(new URL('../schemas/config.schema.json', import.meta.url), 'utf8'),
) as ConfigSchema

const words = (key: string, between: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => between + letter.toLowerCase())

export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(schema.properties).map(([key, about]) => ({
  key,
  flag: words(key, '-'),
  variable: `LOCKSTEP_${words(key, '_').toUpperCase()}`,
  type: about.type,
  whose: about.$comment,
  description: about.description,
  default: about.default,
  offers: about.enum ?? [],
}))

const validate = new Ajv2020({ allErrors: true, useDefaults: true, verbose: true }).compile(schema)

/** What `parseArgs` made of the command line: flags by name, `true` for those without a value. */
export type Flags = { readonly [flag: string]: string | boolean | undefined }

export type Environment = { readonly [variable: string]: string | undefined }

interface Given {
  readonly value: unknown
  /** Where it was said, for a sentence. */
  readonly where: string
}

/** Reads, checks and freezes. Throws `ConfigError`. `decided`: what the command itself decides, like names in `dev`. */
export function readConfig(
  flags: Flags,
  environment: Environment,
  decided: Record<string, unknown> = {},
): ReplicaConfig {
  const problems: string[] = []
  const given = new Map<string, Given>()
  const file = flags['config'] ?? environment['LOCKSTEP_CONFIG']
  if (typeof file === 'string') {
    for (const [key, value] of Object.entries(readConfigFile(file)))
      given.set(key, { value, where: `${key} in ${file}` })
  }
  for (const about of CONFIG_KEYS) {
    const variable = environment[about.variable]
    if (variable !== undefined) put(about, variable, about.variable)
    const flag = flags[about.flag]
    if (flag !== undefined) put(about, flag, `--${about.flag}`)
  }
  for (const [key, value] of Object.entries(decided)) given.set(key, { value, where: key })

  function put(about: ConfigKey, text: string | boolean, where: string): void {
    const value = fromText(about.type, text)
    if (value === undefined)
      problems.push(`${where} takes ${TAKES[about.type]}, and was given "${text}". ${about.description}`)
    else given.set(about.key, { value, where })
  }

  if (given.get('dataDir') !== undefined) problems.push(notYet(given.get('dataDir')!.where))
  const durability = given.get('durability')
  if (durability !== undefined && (durability.value === 'async' || durability.value === 'sync')) {
    problems.push(notYet(`${durability.where} ${durability.value}`))
  }

  const merged: Record<string, unknown> = {}
  for (const [key, { value }] of given) merged[key] = value
  if (!validate(merged)) for (const error of validate.errors ?? []) problems.push(schemaProblem(error, given))
  if (problems.length > 0) throw new ConfigError(problems)

  const name = (merged['name'] as string | undefined) ?? ownHostName()
  const [host, port] = hostAndPort(merged['listen'] as string)
  const settings = Object.freeze(pick(merged, 'group')) as unknown as AgreedSettings
  const config: ReplicaConfig = Object.freeze({
    name,
    group: merged['group'] as string,
    roster: Object.freeze((merged['roster'] as string[] | undefined) ?? [name]),
    nats: Object.freeze(merged['nats'] as string[]),
    host,
    port,
    advertise: merged['advertise'] as string | undefined,
    autoTopics: merged['autoTopics'] as boolean,
    logLevel: merged['logLevel'] as string,
    logFormat: merged['logFormat'] as LogFormat,
    publishTimeoutMs: merged['publishTimeoutMs'] as number,
    primaryGraceMs: merged['primaryGraceMs'] as number,
    limits: Object.freeze({ ...pick(merged, 'limit'), topicsMax: settings.topicsMax }) as unknown as Limits,
    pendingRequestsMax: merged['pendingRequestsMax'] as number,
    pendingBytesMax: merged['pendingBytesMax'] as number,
    settings,
  })
  const where = (key: string): string => given.get(key)?.where ?? `${key} (by default)`
  problems.push(...inconsistencies(config, where))
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

const TAKES = {
  string: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'texts with commas between them',
} as const

function fromText(type: ConfigKey['type'], text: string | boolean): unknown {
  if (typeof text === 'boolean') return type === 'boolean' ? text : undefined
  switch (type) {
    case 'string':
      return text
    case 'integer':
      return /^-?[0-9]{1,15}$/.test(text) ? Number(text) : undefined
    case 'boolean':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : undefined
    case 'array':
      return text.split(',').map((part) => part.trim())
  }
}

function readConfigFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError([`--config: ${path} cannot be read: ${(error as Error).message}`])
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ConfigError([`--config: ${path} is not JSON: ${(error as Error).message}`])
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError([`--config: ${path} must hold one JSON object, like { "name": "a" }`])
  }
  // `$schema` lets an editor help; it says nothing to us.
  const { $schema: _, ...keys } = value as Record<string, unknown>
  return keys
}

const notYet = (what: string): string =>
  `${what}: this version keeps everything in memory; a log on disk comes in a later one. Start without it: with three ` +
  'replicas any one may crash without loss.'

function schemaProblem(error: ErrorObject, given: ReadonlyMap<string, Given>): string {
  const key = error.instancePath.split('/')[1]
  if (key === undefined) {
    const unknown = String(error.params['additionalProperty'])
    const near = CONFIG_KEYS.find((about) => about.key.toLowerCase() === unknown.toLowerCase().replaceAll(/[-_]/g, ''))
    const hint = near === undefined ? '`lockstep start --help` lists all keys' : `did you mean ${near.key}?`
    return `${given.get(unknown)?.where ?? unknown}: there is no such key; ${hint}`
  }
  const about = CONFIG_KEYS.find((one) => one.key === key)
  const allowed = error.keyword === 'enum' ? `: ${(error.params['allowedValues'] as string[]).join(', ')}` : ''
  return `${given.get(key)?.where ?? key} ${error.message}${allowed}, and is ${JSON.stringify(error.data)}. ${about?.description ?? ''}`
}

function pick(merged: Record<string, unknown>, whose: ConfigKey['whose']): Record<string, unknown> {
  const own = CONFIG_KEYS.filter((about) => about.whose === whose)
  return Object.fromEntries(own.map((about) => [about.key, merged[about.key]]))
}

/** A host name may hold what a replica's name may not. */
function ownHostName(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'replica'
  )
}

function hostAndPort(listen: string): [string, number] {
  const colon = listen.lastIndexOf(':')
  return [listen.slice(0, colon).replace(/^\[|\]$/g, ''), Number(listen.slice(colon + 1))]
}

/** What each value allows and two together do not. */
function inconsistencies(config: ReplicaConfig, where: (key: string) => string): string[] {
  const all: Record<string, unknown> = { ...config.settings, ...config.limits }
  const number = (key: string): number => all[key] as number
  const said = (key: string): string => `${where(key)} = ${number(key)}`
  const problems: string[] = []
  const above = (greater: string, less: string, why: string): void => {
    if (number(greater) <= number(less)) problems.push(`${said(greater)} must be above ${said(less)}: ${why}`)
  }
  const atLeast = (greater: string, less: string, why: string): void => {
    if (number(greater) < number(less)) problems.push(`${said(greater)} must not be below ${said(less)}: ${why}`)
  }
  above('lateTickMs', 'tickMs', 'otherwise every tick counts as a pause')
  above('heartbeatMs', 'tickMs', 'a heartbeat leaves at a tick')
  above('stallAfterMs', 'suspectAfterMs', 'otherwise a pause reads as a stall')
  above('leaveWaitMs', 'suspectAfterMs', 'otherwise a leave while somebody is down is always cut short')
  atLeast('joinerBanMaxMs', 'joinerBanMs', 'the ban grows from the one to the other')
  atLeast('flapBanMaxMs', 'joinerBanMs', 'the wait grows from the one to the other')
  atLeast('windowBytesMax', 'batchBytesMax', 'otherwise one batch fills the window')
  atLeast('queueBytesMax', 'batchBytesMax', 'otherwise no batch can gather')
  atLeast('queueBytesMax', 'requestBytesMax', 'otherwise a large request can never be queued')
  atLeast('requestBytesMax', 'eventBytesMax', 'an event travels in a request')
  atLeast('bodiesBytesMax', 'requestBytesMax', 'otherwise a large request can never be read')
  atLeast('bodiesBytesMax', 'schemaBytesMax', 'otherwise a large schema can never be read')
  if (number('suspectAfterMs') < 3 * number('heartbeatMs')) {
    problems.push(
      `${said('suspectAfterMs')} must be at least 3 × ${said('heartbeatMs')}: otherwise one lost heartbeat is a suspicion`,
    )
  }
  if (number('probeMs') <= 2 * number('probePingMs')) {
    problems.push(
      `${said('probeMs')} must be above 2 × ${said('probePingMs')}: the last ping needs time to be answered`,
    )
  }
  if (2 * number('changeRetryMs') <= number('collectWaitMs') + number('cutWaitMs')) {
    problems.push(
      `2 × ${said('changeRetryMs')} must be above ${said('collectWaitMs')} plus ${said('cutWaitMs')}: otherwise members ` +
        'cut in on a leader that rightly waits',
    )
  }
  if (config.port > 65_535) problems.push(`${where('listen')}: ${config.port} is no port; the highest is 65535`)
  return problems
}
