// Spans, as an SDK of OpenTelemetry sees them; and the trace of an event on its way through log, replay and replicas.

import { type ContextManager, context, trace } from '@opentelemetry/api'
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import test, { type ExecutionContext } from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import { tracingIfWanted } from '../../broker/tracing.ts'
import { connect, type Event } from '../../clients/src/index.ts'
import { objects, runAt } from '../cli/lockstep.ts'
import { Group } from '../clients/group.ts'
import { asked, event, FakeGroup, request } from './fake-group.ts'
import { EventReader } from './sse.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PARENT = `00-${TRACE}-${SPAN}-01`
const UNSAMPLED = `00-${TRACE}-${SPAN.replace('f', 'e')}-00`

const before = tracingIfWanted('a')
const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({
  sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
trace.setGlobalTracerProvider(provider)

/** Of this topic: each test has its own. */
function spans(topic: string): ReadableSpan[] {
  const all = exporter.getFinishedSpans()
  const own = all.filter(({ attributes }) => attributes['messaging.destination.name'] === topic)
  const ids = new Set(own.map((span) => span.spanContext().spanId))
  return all.filter((span) => own.includes(span) || ids.has(span.parentSpanContext?.spanId ?? ''))
}

const named = (topic: string, name: string): ReadableSpan[] => spans(topic).filter((span) => span.name === name)
const linksOf = ({ links }: ReadableSpan): string[] =>
  links.map(({ context: { traceId, spanId } }) => `${traceId}-${spanId}`)

async function publish(url: string, topic: string, headers: Record<string, string> = {}): Promise<Response> {
  const json = { 'Content-Type': 'application/json', ...headers }
  return await fetch(`${url}/v1/topics/${topic}/events`, { method: 'POST', headers: json, body: '1' })
}

async function until(t: ExecutionContext, what: string, holds: () => boolean): Promise<void> {
  for (const deadline = AbortSignal.timeout(10_000); !holds(); ) {
    if (deadline.aborted) return t.fail(`${what} did not come`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('nobody has registered a provider: no tracer, hence no spans; one is registered: a tracer', (t) => {
  t.is(before, undefined)
  t.truthy(tracingIfWanted('a'))
})

test('a publish by HTTP: a span within that of its caller, in it one for the order, and a delivery that links', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('orders')
  const reader = await EventReader.open(`${group.of('b').url}/v1/events?topics=orders&from=start`)
  t.teardown(() => reader.close())
  t.is((await publish(group.of('a').url, 'orders', { traceparent: PARENT, tracestate: 'a=1' })).status, 200)
  await reader.until('event', 1)
  const [span, ...none] = named('orders', 'publish orders')
  t.is(none.length, 0)
  t.like(span!.parentSpanContext, { traceId: TRACE, spanId: SPAN, isRemote: true })
  t.is(span!.parentSpanContext!.traceState!.get('a'), '1')
  t.is(span!.kind, 1, 'SERVER')
  t.deepEqual(span!.links, [], 'the parent is no link besides')
  t.like(span!.attributes, {
    'messaging.system': 'lockstep',
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'orders',
    'lockstep.replica': 'a',
    'lockstep.offset': 1,
    'lockstep.duplicate': false,
  })
  t.false('messaging.batch.message_count' in span!.attributes)
  const [order, ...noneElse] = named('orders', 'order')
  t.is(noneElse.length, 0)
  t.is(order!.parentSpanContext!.spanId, span!.spanContext().spanId)
  const ms = ({ duration: [seconds, nanoseconds] }: ReadableSpan): number => 1000 * seconds + nanoseconds / 1e6
  t.true(ms(order!) > 0 && ms(order!) <= ms(span!))
  const [deliver] = named('orders', 'deliver orders')
  t.deepEqual(linksOf(deliver!), [`${TRACE}-${SPAN}`])
  t.like(deliver!.attributes, { 'lockstep.replica': 'b', 'messaging.operation.name': 'deliver' })
  t.is(deliver!.spanContext().traceId, TRACE)

  const headers = { Accept: 'application/openmetrics-text; version=1.0.0' }
  const metrics = await (await fetch(`${group.of('a').url}/metrics`, { headers })).text()
  t.regex(metrics, new RegExp(`^lockstep_publish_duration_seconds_bucket\\{.*# \\{trace_id="${TRACE}"\\}`, 'm'))
})

test('by the client library: several events of a batch, each with its trace, are linked; and they arrive with it', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('batch')
  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  const traces = Array.from({ length: 3 }, (_, i) => `00-${TRACE}-000000000000000${i + 1}-01`)
  // Before it is attached, so that they leave together.
  const published = traces.map((traceparent, n) =>
    client.publish('batch', { n }, { traceparent, tracestate: 'a=1', extensions: { mine: n } }),
  )
  published.push(client.publish('batch', { n: 3 }, { traceparent: 'none' }))
  await Promise.all(published)
  const events: Event<unknown>[] = []
  for await (const item of client.subscribe(['batch'], { from: 'start' })) {
    if (item.kind === 'event') events.push(item)
    if (events.length === 4) break
  }
  t.deepEqual(
    events.map(({ extensions }) => extensions),
    [...traces.map((traceparent, mine) => ({ mine, traceparent, tracestate: 'a=1' })), undefined],
  )
  const [span, ...none] = named('batch', 'publish batch')
  t.is(none.length, 0)
  t.is(span!.attributes['messaging.batch.message_count'], 4)
  const ids = traces.map((one) => one.slice(3, -3))
  t.deepEqual(linksOf(span!), ids)
  t.is(span!.parentSpanContext, undefined)
  await until(t, 'the delivery', () => named('batch', 'deliver batch').length > 0)
  t.deepEqual(named('batch', 'deliver batch').flatMap(linksOf), ids)
})

test('events without a trace, or with one that is not sampled: no span for their delivery', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('untraced')
  const [url = ''] = group.urls
  await publish(url, 'untraced')
  const reader = await EventReader.open(`${url}/v1/events?topics=untraced&from=start`)
  t.teardown(() => reader.close())
  await reader.until('event', 1)
  await publish(url, 'untraced', { traceparent: UNSAMPLED })
  await reader.until('event', 2)
  t.deepEqual(named('untraced', 'deliver untraced'), [])
  await publish(url, 'untraced', { traceparent: PARENT })
  await reader.until('event', 3)
  const later = await EventReader.open(`${url}/v1/events?topics=untraced&from=start`)
  t.teardown(() => later.close())
  await later.until('event', 3)
  // The caller of the second has decided that its trace is not kept; who is handed it with the third is told of both.
  t.is(named('untraced', 'publish untraced').length, 2)
  const [unsampled, sampled] = [UNSAMPLED, PARENT].map((one) => one.slice(3, -3))
  t.deepEqual(named('untraced', 'deliver untraced').map(linksOf), [[sampled], [unsampled, sampled]])
})

test('what the process itself is within is the parent, if it has said so', (t) => {
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true, tracer: tracingIfWanted('a')! })
  const outer = provider.getTracer('test').startSpan('outer')
  const within = trace.setSpan(context.active(), outer)
  const manager: ContextManager = {
    active: () => within,
    with: (_, act, self, ...args) => act.call(self as ThisParameterType<typeof act>, ...args),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  context.setGlobalContextManager(manager)
  const answer = asked((done) =>
    replicas[0]!.broker.publish({ ...request('within', [1]), trace: { traceparent: PARENT } }, done),
  )
  context.disable()
  group.settle()
  t.is(answer.text, 'done')
  t.is(named('within', 'publish within')[0]!.parentSpanContext!.spanId, outer.spanContext().spanId)
})

test('refused, or checked again because the topic had changed: errors with their code, and one order', (t) => {
  const { group, replicas } = FakeGroup.of(['a', 'b'], { tracer: tracingIfWanted('a')! })
  const [a, b] = replicas.map(({ broker }) => broker)
  const refused = asked((done) => a!.publish(request('refused', [1, 2]), done))
  group.settle()
  t.is(refused.error?.code, 'NOT_FOUND')
  const [span] = named('refused', 'publish refused')
  t.like(span!.status, { code: 2, message: refused.error!.message })
  t.is(span!.attributes['error.type'], 'NOT_FOUND')
  t.is(span!.attributes['messaging.batch.message_count'], 2)

  asked((done) => a!.putTopic('again', {}, done))
  group.settle()
  asked((done) => b!.putTopic('again', { schema: { type: 'integer' }, compatibility: 'none' }, done))
  const answer = asked((done) => a!.publish({ topic: 'again', events: [event(1)] }, done))
  replicas[1]!.send()
  group.settle()
  t.is(answer.text, 'done')
  const orders = named('again', 'order')
  t.is(orders.length, 1)
  t.deepEqual(
    orders[0]!.events.map(({ name }) => name),
    ['handed over again'],
  )
})

test('the trace of a publish goes through log, replay, a snapshot and other replicas without a change', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('kept')
  const header = { traceparent: `cc-${TRACE}-${SPAN}-01-later.version`, tracestate: 'a=1, b=2 ,c=%20x' }
  t.is((await publish(group.of('a').url, 'kept', header)).status, 200)
  await group.of('a').kill()
  await (await group.add('a')).ready
  for (const name of ['a', 'b', 'c']) {
    const reader = await EventReader.open(`${group.of(name).url}/v1/events?topics=kept&from=start`)
    t.teardown(() => reader.close())
    const [first] = await reader.until('event', 1)
    t.deepEqual((first as { extensions?: unknown }).extensions, header, name)
  }
  const { stdout } = await runAt(t, group, ['sub', 'kept', '--from', 'start', '--limit', '1', '--json'])
  t.deepEqual(objects(stdout)[0].extensions, header)
})

test('for exemplars: the id of a trace that is kept, and none of one that is not', (t) => {
  const tracing = tracingIfWanted('a')!
  const idOf = (traceparent: string): string | undefined => {
    const one = tracing.publishing({ ...request('id', [1]), trace: { traceparent } })
    one.ended(new BrokerError('OVERLOADED', 'x'), undefined)
    return one.id
  }
  t.is(idOf(PARENT), TRACE)
  t.is(idOf(UNSAMPLED), undefined)
})

test('at the end of a replica its provider is asked to write what it has; one that hangs is not waited for', async (t) => {
  const tracing = tracingIfWanted('a')!
  let flushed = 0
  const own = provider.forceFlush.bind(provider)
  provider.forceFlush = async () => {
    flushed++
    await own()
  }
  await tracing.flush(10_000)
  t.is(flushed, 1)
  provider.forceFlush = () => new Promise(() => {})
  await tracing.flush(1)
  provider.forceFlush = () => Promise.reject(new Error('no collector'))
  await t.notThrowsAsync(tracing.flush(10_000))
  provider.forceFlush = own
})
