// The SDK of the CloudEvents project, which knows nothing of us: what it emits in each of its modes goes in at one
// replica, and what comes out of another one is a valid event to it, and the same.

import test, { type ExecutionContext } from 'ava'
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents'
import { EventReader } from '../broker/sse.ts'
import { Group } from '../clients/group.ts'

const STRUCTURED = 'application/cloudevents+json'
const BATCH = 'application/cloudevents-batch+json'

const full = new CloudEvent({
  id: 'e-1',
  source: 'https://example.com/orders?x=1',
  type: 'com.example.order',
  time: '2026-01-31T12:00:00.123Z',
  subject: 'order "7" 100%25',
  dataschema: 'https://example.com/schema',
  datacontenttype: 'application/vnd.example+json',
  partitionkey: 'k 1',
  traceparent: '00-abc-def-01',
  count: -5,
  flag: true,
  data: { qty: 1, note: 'ünï', nested: [1.5, null, { a: '' }] },
})
const plain = new CloudEvent({ id: 'e-2', source: '/s', type: 't', datacontenttype: 'application/json', data: [1] })

interface Answer {
  readonly body: string
  readonly headers: Record<string, string>
}

/** By the SDK's own emitter for one event, and its transport for several, since it has no emitter of batches. */
async function emit(url: string, mode: Mode, events: readonly CloudEvent<unknown>[]): Promise<Answer[]> {
  const send = httpTransport(url)
  if (mode === Mode.BATCH) {
    return [(await send({ headers: { 'content-type': BATCH }, body: JSON.stringify(events) }, {})) as Answer]
  }
  const emitOne = emitterFor(send, { binding: HTTP, mode })
  const answers: Answer[] = []
  for (const event of events) answers.push((await emitOne(event)) as Answer)
  return answers
}

async function readMessages(t: ExecutionContext, url: string, count: number, accept: string): Promise<string[]> {
  const reader = await EventReader.open(`${url}/v1/events?topics=shop&from=start`, { Accept: accept })
  t.teardown(() => reader.close())
  await reader.until('event', count)
  return reader.messages.filter(({ event }) => event === 'event').map(({ data }) => data)
}

async function startShop(t: ExecutionContext): Promise<{ in: string; out: string }> {
  const group = await Group.start(t)
  await group.putTopic('shop')
  return { in: `${group.urls[0]}/v1/topics/shop/events`, out: group.urls[1]! }
}

/** As the SDK writes it, without what we have added. */
function withoutPlaces(event: CloudEvent<unknown>): object {
  const entries = Object.entries(JSON.parse(event.toString()))
  return Object.fromEntries(entries.filter(([name]) => !name.startsWith('lockstep')))
}

for (const mode of [Mode.BINARY, Mode.STRUCTURED, Mode.BATCH]) {
  test(`${mode}: what the SDK emits comes back to it whole, at another replica`, async (t) => {
    const shop = await startShop(t)
    // Headers have no types, and the SDK does not escape a percent sign in them.
    const inHeaders = mode === Mode.BINARY ? { subject: 'order "7" 100%', count: '-5', flag: 'true' } : {}
    const answers = await emit(shop.in, mode, [full, plain])
    const places = answers.flatMap(({ body }) => JSON.parse(body).events ?? [JSON.parse(body)])
    t.deepEqual(
      places.map(({ offset }) => offset),
      [1, 2],
    )

    const messages = await readMessages(t, shop.out, 2, STRUCTURED)
    const back = messages.map((body) => HTTP.toEvent({ headers: { 'content-type': STRUCTURED }, body }))
    for (const event of back) t.true((event as CloudEvent).validate())
    const expected = [{ ...JSON.parse(full.toString()), ...inHeaders }, JSON.parse(plain.toString())]
    t.deepEqual((back as CloudEvent<unknown>[]).map(withoutPlaces), expected)
    t.like(back[0], { lockstepseq: String(places[0].seq), lockstepoffset: '1', locksteptopic: 'shop' })

    // The SDK takes them as a batch, too, and that batch can be published.
    const batch = HTTP.toEvent({ headers: { 'content-type': BATCH }, body: `[${messages.join()}]` })
    t.deepEqual((batch as CloudEvent<unknown>[]).map(withoutPlaces), expected)
    await emit(shop.in, Mode.BATCH, batch as CloudEvent<unknown>[])
    const again = await readMessages(t, shop.out, 4, STRUCTURED)
    t.deepEqual(JSON.parse(again[2]!).data, full.data)
  })
}

test('what the SDK emits has its fields in our own form, and ours is a valid event to the SDK', async (t) => {
  const shop = await startShop(t)
  await emit(shop.in, Mode.STRUCTURED, [full])
  await fetch(shop.in, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"qty":2}' })
  const [own] = (await readMessages(t, shop.out, 2, 'text/event-stream')).map((text) => JSON.parse(text))
  t.like(own, { id: 'e-1', source: full.source, type: full.type, time: full.time, key: 'k 1', data: full.data })
  t.deepEqual(own.extensions, {
    subject: full.subject,
    datacontenttype: 'application/vnd.example+json',
    dataschema: full.dataschema,
    traceparent: '00-abc-def-01',
    count: -5,
    flag: true,
  })
  const [, body] = await readMessages(t, shop.out, 2, STRUCTURED)
  const event = HTTP.toEvent({ headers: { 'content-type': STRUCTURED }, body }) as CloudEvent<unknown>
  t.true(event.validate())
  t.like(event, { type: 'shop', source: '/topics/shop', datacontenttype: 'application/json', data: { qty: 2 } })
})

test('what is not taken of the SDK is refused in whole, with the reason and the attribute', async (t) => {
  const shop = await startShop(t)
  const minimal = { source: '/s', type: 't' }
  const bytes = new CloudEvent({
    ...minimal,
    datacontenttype: 'application/octet-stream',
    data: new Uint8Array([1, 2]),
  })
  const text = new CloudEvent({ ...minimal, datacontenttype: 'text/plain', data: 'hello' })
  const old = new CloudEvent({ ...minimal, specversion: '0.3', data: {} }, false)
  const umlaut = new CloudEvent({ ...minimal, subject: 'Zoë', data: {} })
  const refusals: [CloudEvent<unknown>, Mode, number, string | undefined][] = [
    [bytes, Mode.BINARY, 415, undefined],
    [bytes, Mode.STRUCTURED, 415, '/data_base64'],
    [bytes, Mode.BATCH, 415, '/1/data_base64'],
    [text, Mode.BINARY, 415, undefined],
    [text, Mode.STRUCTURED, 415, '/datacontenttype'],
    [text, Mode.BATCH, 415, '/1/datacontenttype'],
    [old, Mode.STRUCTURED, 400, '/specversion'],
    [old, Mode.BATCH, 400, '/1/specversion'],
    // The SDK leaves what is not ASCII unencoded in headers, which the HTTP binding forbids.
    [umlaut, Mode.BINARY, 400, 'ce-subject'],
  ]
  for (const [event, mode, status, path] of refusals) {
    const [answer] = await emit(shop.in, mode, mode === Mode.BATCH ? [plain, event] : [event])
    const problem = JSON.parse(answer!.body)
    t.is(answer!.headers['content-type'], 'application/problem+json')
    t.is(problem.status, status, answer!.body)
    t.is(problem.outcome, 'not-published')
    t.is(problem.errors?.[0]?.path, path, answer!.body)
  }
  const { offset } = (await (await fetch(shop.in.replace('/events', ''))).json()) as { offset: number }
  t.is(offset, 0)
})
