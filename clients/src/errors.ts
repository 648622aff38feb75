// What can go wrong, as programs see it.

export type ErrorCode =
  /** The event, topic, pattern or place is not what the replica takes. */
  | 'MALFORMED'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'TOO_LARGE'
  /** The event does not fit its topic's schema; `errors` has the paths. */
  | 'INVALID_EVENT'
  | 'LIMIT'
  | 'NOT_PRIMARY'
  | 'OVERLOADED'
  | 'INTERNAL'
  /** More waits to be published than `publishBytesMax`: await `ready()` before publishing on. */
  | 'FULL'
  /** The client was closed, or the signal of this call was raised. */
  | 'ABORTED'
  /** The group that this was sent to is gone; another one answers in its place. */
  | 'HISTORY_CHANGED'

export interface Fault {
  /** JSON pointer into the event's data. */
  readonly path: string
  readonly message: string
}

export class LockstepError extends Error {
  readonly code: ErrorCode
  /** Of a publish: whether the event may be in the order all the same. */
  readonly outcome: 'not-published' | 'unknown' | undefined
  readonly errors: readonly Fault[]

  constructor(
    code: ErrorCode,
    message: string,
    { outcome, errors = [] }: { outcome?: 'not-published' | 'unknown' | undefined; errors?: readonly Fault[] } = {},
  ) {
    super(message)
    this.name = 'LockstepError'
    this.code = code
    this.outcome = outcome
    this.errors = errors
  }
}
