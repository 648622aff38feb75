// Everything that goes wrong leaves as a problem document (RFC 9457), and this is the one table that says with which
// status. What is not a refusal is a bug: its own words stay inside.

import { STATUS_CODES } from 'node:http'
import { BrokerError, type ErrorCode, type Fault, type Outcome } from '../errors.ts'

/** As described by `schemas/problem.schema.json`. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly errors?: readonly Fault[]
  readonly outcome?: Outcome
  readonly expectedSequence?: number
}

export interface ProblemAnswer {
  readonly problem: Problem
  readonly retryAfterSeconds?: number
}

interface Kind {
  readonly status: number
  readonly title: string
  /** For refusals that pass by themselves: when to try again if the refusal does not say. */
  readonly retryAfterMs?: number
  /** Such a refusal of a publish comes before its events are on their way, whenever it does not say otherwise. */
  readonly beforePublish: boolean
}

const KINDS: { readonly [code in ErrorCode]: Kind } = {
  MALFORMED: { status: 400, title: 'Malformed request', beforePublish: true },
  NOT_FOUND: { status: 404, title: 'Not found', beforePublish: true },
  CONFLICT: { status: 409, title: 'Conflict with the present state', beforePublish: true },
  TOO_LARGE: { status: 413, title: 'Too large', beforePublish: true },
  UNSUPPORTED_MEDIA: { status: 415, title: 'Content type not understood', beforePublish: true },
  INVALID_EVENT: { status: 422, title: 'The event does not fit its schema', beforePublish: true },
  LIMIT: { status: 429, title: 'Over a limit', retryAfterMs: 1000, beforePublish: true },
  NOT_PRIMARY: { status: 503, title: 'Not in a primary view', retryAfterMs: 1000, beforePublish: false },
  OVERLOADED: { status: 503, title: 'Overloaded', retryAfterMs: 1000, beforePublish: false },
}

const ERRORS_MAX = 100

/** `publishing`: for the answer to a publish, what is known of its events if the error does not say. */
export function problemOf(error: unknown, publishing?: Outcome): ProblemAnswer {
  if (!(error instanceof BrokerError)) {
    return statusProblem(500, 'The replica failed to handle this request; its log has the reason.', publishing)
  }
  const kind = KINDS[error.code]
  const { errors, expectedSequence, retryAfterMs = kind.retryAfterMs } = error.details
  const known = kind.beforePublish ? 'not-published' : publishing
  const outcome = error.details.outcome ?? (publishing === undefined ? undefined : known)
  return {
    problem: {
      type: `urn:lockstep:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
      title: kind.title,
      status: kind.status,
      detail: error.message,
      ...(errors !== undefined && errors.length > 0 && { errors: errors.slice(0, ERRORS_MAX) }),
      ...(outcome !== undefined && { outcome }),
      ...(expectedSequence !== undefined && { expectedSequence }),
    },
    ...(retryAfterMs !== undefined && { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) }),
  }
}

/** For what HTTP itself has a word: the status says it all. */
export function statusProblem(status: number, detail: string, outcome?: Outcome): ProblemAnswer {
  const title = STATUS_CODES[status] ?? 'Error'
  return { problem: { type: 'about:blank', title, status, detail, ...(outcome !== undefined && { outcome }) } }
}

export const PROBLEM_TYPE = 'application/problem+json'

/** A whole answer as bytes of HTTP/1.1, for connections on which there is no request to answer. */
export function rawProblem({ problem, retryAfterSeconds }: ProblemAnswer): string {
  const body = `${JSON.stringify(problem)}\n`
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
    'X-Content-Type-Options: nosniff',
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
