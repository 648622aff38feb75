// A place in a trace as a program has it, for instance from a request that it answers: kept with an event if it is by the
// grammar of W3C Trace Context, and left out otherwise. A broken trace is no reason to refuse an event.

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,200})?$/
const VERSION_00_CHARACTERS = 55
/** No longer than an attribute may be; what is in it is others' affair. */
const TRACESTATE = /^[ -~]{1,1024}$/

export function traceExtensions(
  traceparent: string | undefined,
  tracestate: string | undefined,
): { readonly traceparent: string; readonly tracestate?: string } | undefined {
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return undefined
  // Only a later version may have more behind its flags.
  if (traceparent.startsWith('00') && traceparent.length !== VERSION_00_CHARACTERS) return undefined
  return { traceparent, ...(tracestate !== undefined && TRACESTATE.test(tracestate) && { tracestate }) }
}
