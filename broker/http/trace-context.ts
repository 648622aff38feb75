// Which trace a request belongs to: the headers traceparent and tracestate of W3C Trace Context, kept with each event as
// the attributes of CloudEvents' Distributed Tracing extension, so that who reads it, now or in a replay, can go on with
// the trace. They are a courtesy between others: what is not by the grammar is ignored, as that standard wants it.
//
// https://www.w3.org/TR/trace-context-2/, https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md

import type { IncomingHttpHeaders } from 'node:http'
import type { NewEvent, TraceContext } from './operations.ts'

export interface TraceParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  readonly flags: number
}

/** Only a later version than 00 may have more behind its flags. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,200})?$/
const MEMBER = /^[a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const MEMBERS_MAX = 32
/** An attribute may have no more. By the standard at least 512 must be passed on. */
const TRACESTATE_BYTES_MAX = 1024
/** Where there is too much, longer members go first. */
const MEMBER_BYTES_LONG = 128

export function parseTraceparent(text: unknown): TraceParent | undefined {
  const match = typeof text === 'string' ? TRACEPARENT.exec(text) : null
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, more] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** Undefined: there is none, or none that is by the grammar. Node.js joins headers that come twice by `, `. */
export function readTraceContext({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | undefined {
  if (traceparent === undefined) return undefined
  const text = String(traceparent)
  if (parseTraceparent(text) === undefined) return undefined
  const state = tracestate === undefined ? undefined : cleanTracestate(String(tracestate))
  return { traceparent: text, ...(state !== undefined && { tracestate: state }) }
}

/** Undefined: it is not by the grammar, or says nothing. */
export function cleanTracestate(text: string): string | undefined {
  const members = text
    .split(',')
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '')
  if (members.length === 0 || members.length > MEMBERS_MAX) return undefined
  if (!members.every((member) => MEMBER.test(member))) return undefined
  if (text.length <= TRACESTATE_BYTES_MAX && !text.includes('\t')) return text
  const length = (): number => members.join().length
  for (let i = members.length - 1; i >= 0 && length() > TRACESTATE_BYTES_MAX; i--)
    if (members[i]!.length > MEMBER_BYTES_LONG) members.splice(i, 1)
  while (length() > TRACESTATE_BYTES_MAX) members.pop()
  return members.join()
}

/** An event that has a trace of its own keeps it: it was made there, and only travels in this one. */
export function withTrace(event: NewEvent, trace: TraceContext): NewEvent {
  const { traceparent, tracestate: _, ...others } = event.extensions ?? {}
  return traceparent === undefined ? { ...event, extensions: { ...others, ...trace } } : event
}
