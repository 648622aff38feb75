// Spans of OpenTelemetry, for whoever runs replicas with a provider of them: `publish` from a request's coming in until its
// answer, within it `order`, from handing it to the group until it is safe, and `deliver` where a subscriber is handed
// events that belong to a trace. Without a provider there is no tracer, and nothing of this runs. Names and attributes
// follow OpenTelemetry's conventions for messaging. The home of @opentelemetry/api.

import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  type Link,
  type ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { BrokerTracer, PublishTrace } from './broker.ts'
import type { BrokerError } from './errors.ts'
import { decodeRecord } from './events/record.ts'
import type {
  BlockNotification,
  EarlyBlock,
  NewEvent,
  Notification,
  Published,
  PublishRequest,
} from './http/operations.ts'
import { parseTraceparent } from './http/trace-context.ts'

const NAME = 'lockstep'
/** Traces that one span tells of; SDKs keep no more by default. */
const LINKS_MAX = 128
/** In the first byte of a record: it has extensions. */
const HAS_EXTENSIONS = 32

type Extensions = NonNullable<NewEvent['extensions']>

/** Undefined: nobody has registered a provider, so nobody would see a span. To be asked once, when a replica starts. */
export function tracingIfWanted(replica: string): Tracing | undefined {
  const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
  // The API hands out a proxy in any case; behind it there is a provider, or nothing.
  const isThere = provider.getDelegateTracer === undefined || provider.getDelegateTracer(NAME) !== undefined
  return isThere ? new Tracing(trace.getTracer(NAME), replica) : undefined
}

export class Tracing implements BrokerTracer {
  private readonly tracer: Tracer
  private readonly replica: string

  constructor(tracer: Tracer, replica: string) {
    this.tracer = tracer
    this.replica = replica
  }

  publishing({ topic, events, trace: caller }: PublishRequest): PublishTrace {
    const links = new Links()
    for (const { extensions } of events) if (extensions !== undefined) links.add(extensions)
    // What the process itself is within, as by an instrumentation of HTTP, is nearer than what the caller has said.
    const active = trace.getSpan(context.active()) && context.active()
    const said = active ? undefined : caller ? spanContextOf({ ...caller }) : links.only
    const parent = active ?? remote(said)
    const options = {
      kind: SpanKind.SERVER,
      attributes: this.attributes('publish', topic, events.length),
      links: links.but(said),
    }
    const span = this.tracer.startSpan(`publish ${topic}`, options, parent)
    return new TracedPublish(this.tracer, span, trace.setSpan(parent, span))
  }

  delivered(notifications: readonly (Notification | BlockNotification)[]): void {
    const handed = new Map<string, { count: number; readonly links: Links }>()
    const take = (topic: string, count: number): Links => {
      const known = handed.get(topic) ?? { count: 0, links: new Links() }
      known.count += count
      handed.set(topic, known)
      return known.links
    }
    for (const one of notifications) {
      if (one.type !== 'event' && one.type !== 'early' && one.type !== 'block') continue
      if ('table' in one) addBlock(one, take(one.topic, one.count))
      else {
        const links = take(one.event.topic, 1)
        if (one.event.extensions !== undefined) links.add(one.event.extensions)
      }
    }
    for (const [topic, { count, links }] of handed) {
      if (!links.someSampled) continue
      const attributes = this.attributes('deliver', topic, count)
      const options = { kind: SpanKind.PRODUCER, attributes, links: links.but(undefined) }
      this.tracer.startSpan(`deliver ${topic}`, options, remote(links.only)).end()
    }
  }

  /** Lets the provider write what it has gathered, if it can; but does not wait for long. */
  async flush(withinMs: number): Promise<void> {
    const provider = trace.getTracerProvider() as Partial<ProxyTracerProvider>
    const own = (provider.getDelegate?.() ?? provider) as { forceFlush?: () => Promise<void> }
    const late = new AbortController()
    const patience = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      late.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    // What keeps a provider from writing is its own affair, and told by it.
    await Promise.race([own.forceFlush?.().catch(() => {}), patience])
    late.abort()
  }

  private attributes(operation: 'publish' | 'deliver', topic: string, events: number): Attributes {
    return {
      'messaging.system': NAME,
      'messaging.operation.name': operation,
      ...(operation === 'publish' && { 'messaging.operation.type': 'send' }),
      'messaging.destination.name': topic,
      ...(events > 1 && { 'messaging.batch.message_count': events }),
      'lockstep.replica': this.replica,
    }
  }
}

class TracedPublish implements PublishTrace {
  readonly id: string | undefined
  private readonly tracer: Tracer
  private readonly span: Span
  private readonly within: Context
  private order: Span | undefined

  constructor(tracer: Tracer, span: Span, within: Context) {
    this.tracer = tracer
    this.span = span
    this.within = within
    const { traceId, traceFlags } = span.spanContext()
    this.id = (traceFlags & TraceFlags.SAMPLED) !== 0 ? traceId : undefined
  }

  handedOver(): void {
    // Again, since the state had moved on, or this replica was put out meanwhile.
    if (this.order) this.order.addEvent('handed over again')
    else this.order = this.tracer.startSpan('order', { kind: SpanKind.INTERNAL }, this.within)
  }

  ended(error: BrokerError | undefined, published: Published | undefined): void {
    const { span, order } = this
    if (error !== undefined) {
      for (const one of [span, order]) {
        one?.setAttribute('error.type', error.code)
        one?.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      }
    } else if (published !== undefined) {
      const { seq, offset, duplicate } = published
      span.setAttributes({ 'lockstep.seq': seq, 'lockstep.offset': offset, 'lockstep.duplicate': duplicate })
    }
    order?.end()
    span.end()
  }
}

/** The traces that some events belong to, each once. */
class Links {
  someSampled = false
  private readonly byParent = new Map<string, SpanContext>()

  add(extensions: Extensions): void {
    const { traceparent } = extensions
    if (traceparent === undefined || this.byParent.size >= LINKS_MAX || this.byParent.has(String(traceparent))) return
    const spanContext = spanContextOf(extensions)
    if (spanContext === undefined) return
    this.byParent.set(String(traceparent), spanContext)
    this.someSampled ||= (spanContext.traceFlags & TraceFlags.SAMPLED) !== 0
  }

  /** Without this one, which is told otherwise. */
  but(known: SpanContext | undefined): Link[] {
    const others = [...this.byParent.values()].filter(({ spanId }) => spanId !== known?.spanId)
    return others.map((one) => ({ context: one }))
  }

  get only(): SpanContext | undefined {
    return this.byParent.size === 1 ? this.byParent.values().next().value : undefined
  }
}

function addBlock({ table, base, records, count }: EarlyBlock, links: Links): void {
  const ends = new DataView(table.buffer, table.byteOffset, table.length)
  let start = 0
  for (let i = 0; i < count; i++) {
    const end = ends.getUint32(4 * i, true) - base
    if (((records[start] as number) & HAS_EXTENSIONS) !== 0) {
      const { extensions } = decodeRecord(records.subarray(start, end))
      if (extensions !== undefined) links.add(extensions)
    }
    start = end
  }
}

function spanContextOf({ traceparent, tracestate }: Extensions): SpanContext | undefined {
  const parsed = parseTraceparent(traceparent)
  if (parsed === undefined) return undefined
  const { traceId, spanId, flags: traceFlags } = parsed
  const state = typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }
  return { traceId, spanId, traceFlags, isRemote: true, ...state }
}

function remote(spanContext: SpanContext | undefined): Context {
  return spanContext === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContext)
}
