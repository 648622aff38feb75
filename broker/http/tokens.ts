// Where a subscription begins: resume tokens, and the other ways of saying it. A token is the place of the last thing
// seen; it says the same at every replica, for as long as the group lives.

import { BrokerError } from '../errors.ts'
import type { From } from './operations.ts'

export function formatToken(history: string, seq: number): string {
  return `${history}:${seq}`
}

export function parseToken(text: string): Extract<From, { at: 'token' }> | undefined {
  const match = /^([0-9a-z]{1,32}):(\d{1,16})$/.exec(text)
  if (match === null) return undefined
  const seq = Number(match[2])
  return Number.isSafeInteger(seq) ? { at: 'token', history: match[1] as string, seq } : undefined
}

/** `from` is the query parameter; what `Last-Event-ID` says goes before it, as it is the later word of the two. */
export function readFrom(from: string | undefined, lastEventId: string | undefined): From {
  if (lastEventId !== undefined && lastEventId !== '') {
    const token = parseToken(lastEventId)
    if (token !== undefined) return token
    throw new BrokerError('MALFORMED', 'Last-Event-ID is not a resume token, which is the id of a message seen.', {
      errors: [{ path: 'Last-Event-ID', message: 'must be a resume token: <history>:<seq>' }],
    })
  }
  if (from === undefined || from === 'now') return { at: 'now' }
  if (from === 'start') return { at: 'start' }
  if (/^\d{1,16}$/.test(from) && Number.isSafeInteger(Number(from))) return { at: 'seq', seq: Number(from) }
  const token = parseToken(from)
  if (token !== undefined) return token
  const ms = parseTime(from)
  if (ms !== undefined) return { at: 'time', ms }
  const plus = / \d\d:\d\d$/.test(from) ? ' In a URL, + is written %2B.' : ''
  const may = 'now, start, a seq, a time such as 2026-01-31T12:00:00Z, or a resume token'
  throw new BrokerError('MALFORMED', `The parameter from cannot be read; it is ${may}.${plus}`, {
    errors: [{ path: 'from', message: `must be ${may}` }],
  })
}

/** Milliseconds since 1970 of an RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i.exec(text)
  if (match === null) return undefined
  const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number]
  // `Date.parse` takes the 30th of February for the 1st or 2nd of March.
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
