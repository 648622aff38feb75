// The AsyncAPI document against what a replica says on its streams: every message that is said is described, member by
// member, and every message that is described is said.

import { readFileSync } from 'node:fs'
import asyncApiSchemas from '@asyncapi/specs'
import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import test, { type ExecutionContext } from 'ava'
import { BrokerError } from '../../broker/errors.ts'
import type { ClusterHappening } from '../../broker/http/operations.ts'
import { Group } from '../clients/group.ts'
import { closed, said } from './contract.ts'
import { compileSchema, Subscriber, send, sendJson, serve } from './served.ts'
import { type Heard, type HeardEvents, StreamClient } from './stream-client.ts'

const CREDIT = 1_000_000
/** What only subscribers below `safe` are told. */
const EARLY = ['SayCurrent', 'SayKept', 'SayRetract', 'SseEarlyEvent', 'SseKept', 'SseRetract']
const TYPED = { schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } }

interface Message {
  readonly name: string
  readonly contentType?: string
  readonly payload: object
}

interface Levels {
  readonly order: { readonly enum: readonly string[] }
}

interface Operation {
  readonly messages: readonly { readonly $ref: string }[]
  readonly bindings?: { readonly http: { readonly query: { readonly properties: Levels } } }
}

interface AsyncApi {
  readonly info: { readonly version: string }
  readonly channels: { readonly [name: string]: { readonly messages: { readonly [name: string]: object } } }
  readonly operations: { readonly [name: string]: Operation }
  readonly components: { readonly messages: { readonly [name: string]: Message } }
}

function file(name: string): { readonly version?: string; readonly $defs: { readonly [op: string]: object } } {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'))
}

async function documentOf(url: string): Promise<AsyncApi> {
  return (await send(`${url}/asyncapi.json`)).value as AsyncApi
}

/** Names in the document of what is said on a channel, by its type or op. */
function messages(document: AsyncApi, channel: string, prefix: string): string[] {
  return Object.keys(document.channels[channel]!.messages).filter((name) => name.startsWith(prefix))
}

/** Judges as the document does, but takes no more than is described. */
class Judge {
  readonly document: AsyncApi
  readonly heard: Set<string> = new Set()
  private readonly ajv: Ajv

  constructor(document: AsyncApi) {
    this.document = document
    this.ajv = new Ajv({ strict: true, allowUnionTypes: true })
    this.ajv.addVocabulary(Object.keys(document)) // Else they are keywords that it does not know.
    formats.default(this.ajv)
    this.ajv.addSchema(closed(document) as object, 'asyncapi')
  }

  judge(t: ExecutionContext, name: string, value: unknown): void {
    const validate = this.ajv.getSchema(`asyncapi#/components/messages/${name}/payload`) as ValidateFunction
    t.truthy(validate, `${name} is not described: ${JSON.stringify(value)}`)
    t.true(validate(value), `${name}: ${said(validate)} in ${JSON.stringify(value)}`)
    this.heard.add(name)
  }

  judgeStream(t: ExecutionContext, heard: readonly Heard[]): void {
    for (const message of heard) {
      if (message.op !== 'events') this.judge(t, `Say${message.op[0]?.toUpperCase()}${message.op.slice(1)}`, message)
    }
  }

  judgeEvents(t: ExecutionContext, { messages }: Subscriber, event = 'SseEvent'): void {
    for (const { event: type = '', data } of messages) {
      const name = type === 'event' ? event : `Sse${type[0]?.toUpperCase()}${type.slice(1)}`
      if (data !== '') this.judge(t, name, JSON.parse(data))
    }
  }

  /** Of the binary messages, which kinds there are. */
  kinds(operation: 'hear' | 'say'): number[] {
    const refs = this.document.operations[operation]!.messages.map(({ $ref }) => $ref.split('/').at(-1) as string)
    return refs.flatMap((ref) => {
      const { name, contentType } = this.document.components.messages[ref]!
      return contentType === 'application/octet-stream' ? [Number(name)] : []
    })
  }
}

test('the document is valid AsyncAPI 3.0, whole in itself, and of this version', async (t) => {
  const { url } = await serve(t)
  const { headers, text, value } = await send(`${url}/asyncapi.json`)
  t.is(headers.get('content-type'), 'application/json')
  // Of draft-07 the schema has its own copy.
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, logger: false })
  formats.default(ajv)
  const validate = ajv.compile(asyncApiSchemas.schemas['3.0.0'] as object)
  t.true(validate(value), said(validate))
  t.false(validate({ ...(value as object), channels: { x: { adress: '/' } } }), 'the validator sees what is wrong')
  t.is((value as AsyncApi).info.version, file('package.json').version as string)
  const references = [...text.matchAll(/"\$ref": "([^"]*)"/g)].map(([, ref]) => ref as string)
  for (const ref of references) {
    t.true(ref.startsWith('#/'), ref)
    const tokens = ref.slice(2).split('/')
    t.truthy(
      tokens.reduce<unknown>((at, token) => (at as { [name: string]: unknown })?.[token], value),
      ref,
    )
  }
  t.notRegex(text, /prefixItems/, 'its tools know draft-07')
})

test('every op of the schemas is a message of the stream, and the reverse', async (t) => {
  const { url } = await serve(t)
  const document = await documentOf(url)
  const ops = (schema: string): string[] =>
    Object.entries(file(schema).$defs).flatMap(([name, { properties }]: [string, { properties?: object }]) =>
      properties !== undefined && 'op' in properties ? [name] : [],
    )
  const described = (prefix: string): string[] =>
    messages(document, 'stream', prefix).map((name) => document.components.messages[name]!.name)
  t.deepEqual(described('Ask').sort(), ops('schemas/stream-request.schema.json').sort())
  t.deepEqual(described('Say').sort(), ops('schemas/stream-message.schema.json').sort())
})

test('streams: everything that is said is described, and everything described is said', async (t) => {
  const { url, replica, server, beat } = await serve(t)
  const judge = new Judge(await documentOf(url))
  await sendJson('PUT', `${url}/v1/topics/orders`, TYPED)
  await sendJson('PUT', `${url}/v1/topics/other`)
  const client = await StreamClient.open(t, url)
  for (let i = 0; i < 3; i++) beat() // What has changed is told first.
  await client.next('beat')
  client.say({ op: 'publisher', id: 'p1' })
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], views: true, credit: CREDIT })
  await client.next('subscribed')
  client.publish('orders', 1, [{ n: 1 }, { n: 2 }])
  await client.next('published')
  client.publish('orders', 1, [{ n: 1 }])
  await client.next('published')
  client.publish('orders', 3, [{ n: 3 }, { n: 'three' }])
  t.like(await client.next('refused'), { errors: [{ path: '/1/n' }] })
  client.publish('orders', 9, [{ n: 3 }])
  t.like(await client.next('refused'), { expected: 3 })
  for (const failure of [new BrokerError('OVERLOADED', 'Later.'), new Error('a bug')]) {
    replica.failure = failure
    client.publish('orders', 3, [{ n: 3 }])
    t.like(await client.next('refused'), { code: failure instanceof BrokerError ? 'OVERLOADED' : 'INTERNAL' })
  }
  replica.failure = undefined
  replica.installView({ number: 2, ...VIEW })
  await client.next('view')
  await sendJson('POST', `${url}/v1/topics/other/events`, { n: 1 })
  client.say({ op: 'ping', id: 'x' })
  client.say({ op: 'ping', id: 1 })
  await client.next('pong')
  await client.next('pong')
  beat()
  await client.next('progress')
  replica.lose('orders', 2)
  client.say({ op: 'subscribe', sub: 2, topics: ['orders'], from: 'cafe00:1', credit: CREDIT })
  await client.next('gap')
  client.say({ op: 'subscribe', sub: 3, topics: ['a..b'], credit: CREDIT })
  await client.next('ended')
  client.say({ op: 'unsubscribe', sub: 1 })
  await client.next('ended')
  replica.primary = false
  replica.reason = 'the group is changing its view'
  beat()
  await client.next('cluster')
  const wrong = await StreamClient.open(t, url)
  wrong.socket.send('[]')
  await wrong.next('error')
  server.webSockets.end('the replica is stopping')
  await client.next('goodbye')
  judge.judgeStream(t, client.heard)
  judge.judgeStream(t, wrong.heard)
  const described = messages(judge.document, 'stream', 'Say').filter((name) => !EARLY.includes(name))
  t.deepEqual([...judge.heard].sort(), described.sort())
})

const MEMBER = { name: 'a', incarnation: 'f00', url: 'http://a.test', rank: 0 }
const VIEW = { members: [MEMBER], joined: ['a'], left: ['b'], failed: [] }

test('server-sent events: everything that is said is described, and everything described is said', async (t) => {
  const { url, replica } = await serve(t)
  const judge = new Judge(await documentOf(url))
  await sendJson('PUT', `${url}/v1/topics/orders`, TYPED)
  const post = (data: object, headers = {}): Promise<unknown> =>
    sendJson('POST', `${url}/v1/topics/orders/events`, data, headers)
  await post({ n: 1 })
  replica.lose('orders', 1)
  const from = `${url}/v1/events?topics=orders&views=true&from=${replica.history}:0`
  const subscriber = await Subscriber.open(t, from)
  const elsewhere = from.replace(replica.history, 'cafe00')
  const other = await Subscriber.open(t, elsewhere, { accept: 'application/cloudevents+json' })
  replica.installView({ number: 2, ...VIEW })
  await post({ n: 2 }, { 'Lockstep-Publisher': 'p', 'Lockstep-Sequence': '1', 'Lockstep-Key': 'k' })
  const cloudEvent = {
    specversion: '1.0',
    id: '7',
    source: '/till',
    type: 'order',
    subject: 's',
    mine: true,
    data: { n: 3 },
  }
  await post(cloudEvent, { 'Content-Type': 'application/cloudevents+json' })
  for (const one of [subscriber, other]) {
    await one.until('two events', () => one.data().length === 2)
    t.is(one.data('view').length, 1)
    t.is(one.data('gap').length, 1)
  }
  judge.judgeEvents(t, subscriber)
  judge.judgeEvents(t, other, 'SseCloudEvent')
  const described = messages(judge.document, 'events', 'Sse').filter((name) => !EARLY.includes(name))
  t.deepEqual([...judge.heard].sort(), described.sort())
})

/** One of each kind. */
const HAPPENINGS: readonly ClusterHappening[] = [
  { kind: 'suspected', name: 'b', why: 'probe' },
  { kind: 'suspicion-withdrawn', name: 'b' },
  { kind: 'wedged', view: 1, coordinator: 'a' },
  { kind: 'change-started', view: 1, attempt: 1, why: 'b is not heard' },
  { kind: 'change-given-up', view: 1, attempt: 1, why: 'another leads' },
  { kind: 'view', number: 2, member: true, ...VIEW },
  { kind: 'paused', ms: 12.5 },
  { kind: 'catching-up', position: 1, head: 2, bytes: 3 },
  { kind: 'took-state', position: 1, bytes: 3 },
  { kind: 'wants-in', position: 2 },
  { kind: 'put-out', why: 'it was not heard' },
  { kind: 'joiner-not-ready', name: 'b', banMs: 1000 },
  { kind: 'joiner-refused', name: 'b', why: 'its settings differ' },
  { kind: 'refused', why: 'its settings differ' },
  { kind: 'blocked', view: 1, ms: 1000, unheard: ['b'] },
  { kind: 'diverged', name: 'b', position: 1 },
  { kind: 'group-unheard', ms: 1000 },
  { kind: 'foreign-history', name: 'b' },
  { kind: 'namesake', name: 'a' },
  { kind: 'stopped', why: 'it left' },
]

test('changes of the cluster: every kind is described, and the other way round', async (t) => {
  const { url, replica } = await serve(t)
  const judge = new Judge(await documentOf(url))
  const reader = await Subscriber.open(t, `${url}/v1/cluster/changes`)
  await reader.until('the state', () => reader.data('state').length === 1)
  for (const happening of HAPPENINGS) replica.happen(happening)
  await reader.until('all changes', () => reader.data('change').length === HAPPENINGS.length)
  judge.judgeEvents(t, reader)
  t.deepEqual(
    reader.data('change').map(({ at: _at, seq: _seq, ...happening }) => happening),
    [...HAPPENINGS],
  )
  t.deepEqual([...judge.heard].sort(), messages(judge.document, 'changes', 'Sse').sort())
  const { oneOf } = file('schemas/cluster-change.schema.json') as unknown as OneOfKinds
  t.deepEqual(oneOf.map(({ properties }) => properties.kind.const).sort(), HAPPENINGS.map(({ kind }) => kind).sort())
})

interface OneOfKinds {
  readonly oneOf: readonly { readonly properties: { readonly kind: { readonly const: string } } }[]
}

test('below safe, shown, taken back, shown again and kept: everything said is described, and everything described is said', async (t) => {
  const group = await Group.start(t)
  const { url } = group.of('c')
  const judge = new Judge(await documentOf(url))
  await group.putTopic('orders', TYPED)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], from: 'start', order: 'fifo', credit: CREDIT })
  client.say({ op: 'subscribe', sub: 2, topics: ['orders'], from: 'start', credit: CREDIT })
  const subscriber = await Subscriber.open(t, `${url}/v1/events?topics=orders&from=start&order=fifo`)
  t.is((await sendJson('POST', `${group.urls[0]}/v1/topics/orders/events`, { n: 1 })).status, 200)
  await subscriber.until('the first event', () => subscriber.data().length === 1)
  // It hears the others, and they do not hear it: so they put it out, and it tries again in the next view.
  group.mute.add('c')
  const published = sendJson('POST', `${url}/v1/topics/orders/events`, { n: 2 })
  await subscriber.until('retract', () => subscriber.data('retract').length === 1)
  const [, { ref, ...shown }] = subscriber.data()
  t.like(shown, { seq: null, offset: null, id: null, topic: 'orders', data: { n: 2 } })
  const isEvent = compileSchema('event.schema.json')
  t.true(isEvent({ ref, ...shown }))
  t.false(isEvent(shown), 'what has no ref is safe, and has its place')
  group.mute.delete('c')
  const { seq, offset } = (await published).value
  const isKept = (): boolean => subscriber.data('kept').some((kept) => kept.seq === seq)
  await subscriber.until('kept', isKept)
  t.deepEqual(subscriber.data('retract'), [{ ref, topic: 'orders' }])
  t.deepEqual(subscriber.data('kept').at(-1), { ref, topic: 'orders', seq, offset })
  judge.judgeEvents(t, subscriber, 'SseEarlyEvent')

  await client.next('current')
  const { ranges } = await client.next('retract')
  const [[by, number]] = ranges
  t.deepEqual([`${by}:${number}`, ranges], [ref, [[by, number, 1]]])
  const keeps = (message: Heard): boolean => message.op === 'kept' && message['ranges'].at(-1)[3] === seq
  while (!keeps(await client.next('kept')));
  const events = client.heard.filter((one): one is HeardEvents => one.op === 'events')
  const early = events.filter(({ sub }) => sub === 1).flatMap(({ events }) => events)
  const last = early.findLast((event) => 'ref' in event && event.ref === ref)
  t.like(last, { seq: undefined, offset: undefined, id: undefined })
  t.true(events.every(({ sub, kind }) => kind === (sub === 1 ? 3 : 2)))
  judge.judgeStream(t, client.heard)
  t.deepEqual(judge.kinds('say'), [2, 3])
  t.deepEqual(judge.kinds('hear'), [1, 4])
  t.deepEqual(
    EARLY.filter((name) => !judge.heard.has(name)),
    [],
  )
  const { properties } = file('schemas/stream-request.schema.json').$defs['subscribe'] as { properties: Levels }
  const query = judge.document.operations['notify']!.bindings!.http.query.properties
  t.deepEqual(query.order.enum, properties.order.enum)
})

test('a replica in a group says what is described, by its own schemas, too', async (t) => {
  const group = await Group.start(t, 1)
  const [url = ''] = group.urls
  const judge = new Judge(await documentOf(url))
  await group.putTopic('orders', TYPED)
  const client = await StreamClient.open(t, url)
  client.say({ op: 'publisher', id: 'p1' })
  client.publish('orders', 1, [{ n: 1 }])
  await client.next('published')
  client.say({ op: 'subscribe', sub: 1, topics: ['orders'], from: 'start', views: true, credit: CREDIT })
  await client.next('view')
  await client.next('events')
  judge.judgeStream(t, client.heard)
  const subscriber = await Subscriber.open(t, `${url}/v1/events?topics=orders&from=start&views=true`)
  await subscriber.until('an event', () => subscriber.data().length === 1)
  judge.judgeEvents(t, subscriber)
  const views = await Subscriber.open(t, `${url}/v1/events?topics=$sys.views&from=start`)
  await views.until('an event', () => views.data().length === 1)
  judge.judgeEvents(t, views)
  const [{ seq, data }] = views.data() as [{ seq: number; data: object }]
  judge.judge(t, 'SseView', { seq, ...data })

  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
  const schema = file('schemas/stream-message.schema.json')
  ajv.addSchema(schema, 'messages')
  for (const message of client.heard.filter(({ op }) => op !== 'events')) {
    const validate = ajv.getSchema(`messages#/$defs/${message.op}`) as ValidateFunction
    t.true(validate(message), said(validate))
  }
})
