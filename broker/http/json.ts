// JSON as it comes from outside: judged once, where it enters. What is valid is handed on as bytes and as a value.

import { BrokerError } from '../errors.ts'
import { depthOf, type Span, trimmed } from './json-span.ts'

/**
 * Data nested deeper than this is refused. Whatever walks through a value, here or in a client, may call itself once
 * a level.
 */
export const DATA_DEPTH_MAX = 64

export interface Json {
  /** The value's own text: without the white space around it, else as it came in. */
  readonly text: Uint8Array
  readonly value: unknown
}

/** `what` and `path` name, for the error, what the text is and where it is in the body, whose bytes are known UTF-8. */
export function parseJson(
  bytes: Buffer,
  span: Span,
  { what, path, depthMax }: { readonly what: string; readonly path: string; readonly depthMax: number },
): Json {
  const { start, end } = trimmed(bytes, span)
  const depth = depthOf(bytes, { start, end })
  if (depth > depthMax) {
    throw malformed(path, `${what} is nested ${depth} levels deep; the limit is ${depthMax}`)
  }
  if (start === end) throw malformed(path, `${what} is empty`)
  try {
    return { text: bytes.subarray(start, end), value: JSON.parse(bytes.toString('utf8', start, end)) }
  } catch (error) {
    throw malformed(path, `${what} is not JSON: ${(error as Error).message}`)
  }
}

export function malformed(path: string, message: string): BrokerError {
  return new BrokerError('MALFORMED', `${message[0]?.toUpperCase()}${message.slice(1)}.`, {
    errors: [{ path, message }],
  })
}
