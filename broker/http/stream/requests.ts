// What a client says in text on a stream: one JSON object each, told apart by `op`, judged by its schema where it enters.

import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { BrokerError } from '../../errors.ts'
import { malformed, parseJson } from '../json.ts'
import type { Order } from '../operations.ts'
import { faultsOf } from '../schema-registry.ts'

export type StreamRequest =
  | { readonly op: 'publisher'; readonly id: string }
  | SubscribeRequest
  | { readonly op: 'credit'; readonly sub: number; readonly bytes: number }
  | { readonly op: 'unsubscribe'; readonly sub: number }
  | { readonly op: 'lost'; readonly incarnation: string }
  | { readonly op: 'ping'; readonly id: string | number }

export interface SubscribeRequest {
  readonly op: 'subscribe'
  readonly sub: number
  readonly topics: readonly string[]
  readonly from?: string
  readonly order?: Order
  readonly views?: boolean
  readonly credit: number
}

const OPS = ['publisher', 'subscribe', 'credit', 'unsubscribe', 'lost', 'ping'] as const satisfies StreamRequest['op'][]
const DEPTH_MAX = 4

const validators = compile()

/** Undefined: an `op` of a later version, to be ignored. Throws `BrokerError`. */
export function readRequest(message: Buffer): StreamRequest | undefined {
  const span = { start: 0, end: message.length }
  const { value } = parseJson(message, span, { what: 'a text message', path: '', depthMax: DEPTH_MAX })
  const op = (value as { op?: unknown } | null)?.op
  if (typeof op !== 'string') throw malformed('/op', 'a text message is an object with an op')
  const validate = validators.get(op)
  if (validate === undefined) return undefined
  if (validate(value)) return value as StreamRequest
  const errors = faultsOf(validate.errors ?? [])
  throw new BrokerError('MALFORMED', `${[`${op}:`, errors[0]?.path, errors[0]?.message].filter(Boolean).join(' ')}.`, {
    errors,
  })
}

function compile(): ReadonlyMap<string, ValidateFunction> {
  const file = new URL('../../../schemas/stream-request.schema.json', import.meta.url)
  const schema = JSON.parse(readFileSync(file, 'utf8')) as { $id: string }
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
  ajv.addSchema(schema)
  return new Map(OPS.map((op) => [op, ajv.compile({ $ref: `${schema.$id}#/$defs/${op}` })]))
}
