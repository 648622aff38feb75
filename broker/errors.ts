// The refusals a caller must handle: one error type with a stable code. Bugs are assertions, not these; noise from
// the fabric is counted and dropped, and is none of these either. The HTTP status of each code is in `http/problem.ts`.

export type ErrorCode =
  | 'MALFORMED' // not what the call takes: bad JSON, header, parameter, schema document
  | 'NOT_FOUND' // no such topic, schema version or path
  | 'CONFLICT' // an incompatible schema, a publisher's sequence number that is not the next one
  | 'TOO_LARGE' // over a size limit; the limit is named in the message
  | 'UNSUPPORTED_MEDIA' // a content type that is not understood
  | 'INVALID_EVENT' // the event does not fit its topic's schema; `errors` has the paths
  | 'LIMIT' // over a limit on how many
  | 'NOT_PRIMARY' // this replica is not, or not yet, in a primary view
  | 'OVERLOADED' // every queue on the way is full: try again later

/** For a refused publish: may the event be delivered all the same? */
export type Outcome = 'not-published' | 'unknown'

export interface Fault {
  /** JSON pointer into the request body (RFC 6901), or the name of a header or parameter. */
  readonly path: string
  readonly message: string
}

export interface ErrorDetails {
  readonly errors?: readonly Fault[]
  readonly outcome?: Outcome
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfterMs?: number
  /** The sequence number that the publisher should have used. */
  readonly expectedSequence?: number
}

export class BrokerError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.name = 'BrokerError'
    this.code = code
    this.details = details
  }
}
