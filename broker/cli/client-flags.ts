// What the commands have in common that talk to a group from outside: where it is, and how they print.

import type { EarlyOrder } from '../../clients/src/index.ts'
import { ConfigError, type Environment, type Flags } from '../config.ts'
import type { OwnFlag } from './command.ts'

/** Where a replica is looked for when nothing is said. */
export const REPLICA = 'http://127.0.0.1:7400'

export const REPLICA_FLAG: OwnFlag = {
  flag: 'replica',
  argument: 'URL[,URL]',
  description: 'One replica, or several: one is enough to find the others. Also LOCKSTEP_REPLICA.',
  default: REPLICA,
}

export const JSON_FLAG: OwnFlag = {
  flag: 'json',
  argument: '',
  description: 'JSON lines also on a terminal; in a pipe they are printed anyway.',
}

const ORDERS = ['fifo', 'causal', 'agreed', 'safe'] as const satisfies readonly ('safe' | EarlyOrder)[]

export const ORDER_FLAG: OwnFlag = {
  flag: 'order',
  argument: 'LEVEL',
  description:
    'What is waited for before an event is shown. fifo: for what its publisher has published before it. causal: also for ' +
    'all that its replica held when it took it. agreed: for its place in the order. safe: until every member holds it; ' +
    'below that an event may be taken back.',
  default: 'safe',
  offers: ORDERS,
}

export function orderOf(flags: Flags): 'safe' | EarlyOrder {
  const given = flags['order'] ?? 'safe'
  const order = ORDERS.find((one) => one === given)
  if (order === undefined) throw new ConfigError([`--order is one of ${ORDERS.join(', ')}, and was given "${given}"`])
  return order
}

export function replicasOf(flags: Flags, environment: Environment): string[] {
  const text = flags['replica'] ?? environment['LOCKSTEP_REPLICA'] ?? REPLICA
  const urls = String(text).split(',')
  for (const url of urls) {
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) continue
    throw new ConfigError([`--replica takes addresses such as ${REPLICA}, and was given "${url}"`])
  }
  return urls.map((url) => url.replace(/\/$/, ''))
}

/** For people: a terminal, and they did not ask for JSON. */
export function forPeople(flags: Flags): boolean {
  return process.stdout.isTTY === true && flags['json'] !== true
}

/** Emphasis, where it is wanted: https://no-color.org. */
export function bold(text: string): string {
  const colour = process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === ''
  return colour ? `\u001b[1m${text}\u001b[0m` : text
}

/** Columns as wide as their widest cell; those with numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = head.map((_, i) => rows.some((row) => typeof row[i] === 'number'))
  const texts = rows.map((row) => row.map((value) => (typeof value === 'number' ? readable(value) : value)))
  const widths = head.map((title, i) => Math.max(title.length, ...texts.map((row) => row[i]?.length ?? 0)))
  const cell = (text: string, i: number): string =>
    numeric[i] ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number)
  const line = (row: readonly string[]): string => row.map(cell).join('  ').trimEnd()
  return [bold(line(head)), ...texts.map(line)].join('\n')
}

/** Thousands set apart, and two digits behind the point at most. */
export function readable(number: number): string {
  return number.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

/** Asks the replicas in turn; the first that answers decides. Throws an error whose message says what to do. */
export async function ask(urls: readonly string[], path: string, init: RequestInit = {}): Promise<unknown> {
  const unreachable: string[] = []
  for (const url of urls) {
    let response: Response
    try {
      response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000), ...init })
    } catch (error) {
      const cause = (error as Error).cause as { code?: string } | undefined
      unreachable.push(`${url}: ${cause?.code ?? (error as Error).message}`)
      continue
    }
    const text = await response.text()
    const value = readAnswer(text)
    if (value === undefined) throw new AnswerError(`${url} does not answer as a replica does`)
    if (response.ok) return value
    const faults = value.errors?.map(({ path, message }) => `\n  ${path} ${message}`).join('') ?? ''
    throw new AnswerError(`${byCommands(value.detail ?? String(response.status))}${faults}`, response.status)
  }
  throw new AnswerError(`no replica answers (${unreachable.join(', ')}); --replica says where they are`)
}

/** Asks for a change, in JSON. */
export function put(urls: readonly string[], path: string, value: unknown): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' }
  return ask(urls, path, { method: 'PUT', headers, body: JSON.stringify(value) })
}

/** A replica says what to do in terms of HTTP: the same in terms of commands. */
export function byCommands(detail: string): string {
  return detail
    .replace(/PUT \/v1\/topics\/(\S+) creates it/, '`lockstep topics $1 --create` creates it')
    .replace('set "compatibility": "none"', 'add --incompatible')
}

function readAnswer(text: string): Partial<Problem> | undefined {
  try {
    return (text === '' ? {} : JSON.parse(text)) as Partial<Problem>
  } catch {
    return undefined
  }
}

interface Problem {
  readonly detail: string
  readonly errors: readonly { readonly path: string; readonly message: string }[]
}

/** Said on stderr; the exit code is 1. */
export class AnswerError extends Error {
  /** Of HTTP; undefined: there was no answer. */
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.status = status
  }
}
