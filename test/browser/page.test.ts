// Pages in a real browser, with the client library that a replica serves, and with nothing but the browser's own
// EventSource, while the replica that they are attached to is killed.

import { setInterval as every } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { ReplicaProcess } from '../../clients/examples/replicas.ts'
import { connect } from '../../clients/src/index.ts'
import { browserTest, openBrowser, TestPage } from './chromium.ts'
import { countEvents, putTopic, servePage, start, startGroup, TYPED } from './real-group.ts'

interface Seen {
  readonly kind: string
  readonly seq: number
  readonly offset: number
  readonly data: { readonly n: number }
}

/** Everything, once, in order. */
function isWhole(t: ExecutionContext, who: string, seen: readonly Seen[], count: number): void {
  t.deepEqual([...new Set(seen.map(({ kind }) => kind))], ['event'], who)
  t.is(seen.length, count, who)
  t.is(
    seen.findIndex(({ data, offset }, i) => data.n !== i + 1 || offset !== i + 1),
    -1,
    who,
  )
  t.true(
    seen.every(({ seq }, i) => i === 0 || seq > seen[i - 1]!.seq),
    who,
  )
}

const LIBRARY_PAGE = (replica: string): string => `
  import { connect, LockstepError } from '${replica}/client.js'
  const moves = [], seen = [], places = []
  const client = connect({
    replicas: '${replica}',
    onCluster: ({ replica }) => moves.at(-1) === replica || moves.push(replica),
  })
  const orders = client.topic('orders')
  const refused = await orders.publish({ n: 'one' }).catch((error) => error)
  const run = { client, moves, seen, places, wanted: true, done: false, refused: {
    isError: refused instanceof LockstepError, code: refused.code, outcome: refused.outcome, errors: refused.errors,
  } }
  globalThis.run = run
  async function publish() {
    const one = async (n) => { places[n - 1] = (await orders.publish({ n })).seq }
    for (let n = 1; run.wanted; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => one(n + i)))
    run.done = true
  }
  async function read() {
    for await (const item of orders.subscribe({ from: 'start' })) seen.push(item)
  }
  publish()
  read()
`

browserTest('a page with the client library loses its replica: it goes on at another, all of it, once', async (t) => {
  const [replicas, browser] = await Promise.all([startGroup(t), openBrowser(t)])
  const [a, b] = replicas as [ReplicaProcess, ReplicaProcess]
  await putTopic(replicas, 'orders', TYPED)
  const opened = await TestPage.open(browser, await servePage(t, LIBRARY_PAGE(a.url)))
  const { page } = opened
  await opened.until('events', 'globalThis.run?.seen.length >= 300')
  t.deepEqual(await page.evaluate('run.moves'), ['a'])
  t.like(await page.evaluate('run.refused'), { isError: true, code: 'INVALID_EVENT', outcome: 'not-published' })

  opened.mayLose(a.url)
  await a.kill()
  const before = await page.evaluate<number>('run.seen.length')
  await opened.until('events at another replica', `run.moves.length > 1 && run.seen.length >= ${before} + 300`)
  await page.evaluate('run.wanted = false')
  await opened.until('all answers', 'run.done')
  const places = await page.evaluate<number[]>('run.places')
  await opened.until('all events', `run.seen.length >= ${places.length}`)
  const seen = await page.evaluate<Seen[]>('run.seen')
  isWhole(t, 'the page', seen, places.length)
  t.deepEqual(
    seen.map(({ seq }) => seq),
    places,
    'where it was told that they are',
  )
  t.is(await countEvents(b, 'orders'), places.length, 'no event is there twice')
  t.log(`${places.length} events; attached to ${await page.evaluate('run.moves.join(", then ")')}`)
  t.deepEqual(opened.troubles, [])
})

/** One EventSource that is left to the browser, and one that the page itself moves to the next replica. */
const EVENT_SOURCE_PAGE = (replicas: readonly string[]): string => `
  const run = { stayed: [], moved: [], opened: 0 }
  globalThis.run = run
  const follow = (url, items, onId) => {
    const source = new EventSource(url)
    for (const kind of ['event', 'gap', 'view', 'retract'])
      source.addEventListener(kind, ({ data, lastEventId }) => {
        items.push({ kind, ...JSON.parse(data) })
        onId?.(lastEventId)
      })
    return source
  }
  const urlAt = (replica, from) => replica + '/v1/events?topics=orders&from=' + from

  run.source = follow(urlAt('${replicas[0]}', 'start'), run.stayed)
  run.source.addEventListener('open', () => run.opened++)

  function move([replica, ...others], from) {
    const source = follow(urlAt(replica, from), run.moved, (id) => { from = id })
    source.addEventListener('error', () => {
      source.close()
      move([...others, replica], from)
    })
  }
  move(${JSON.stringify(replicas)}, 'start')
`

browserTest(
  'EventSource loses its replica: at another one, and there again later, all of it comes, once',
  async (t) => {
    const [replicas, browser] = await Promise.all([startGroup(t), openBrowser(t)])
    const [a, b, c] = replicas as [ReplicaProcess, ReplicaProcess, ReplicaProcess]
    await putTopic(replicas, 'orders', TYPED)
    const client = connect({ replicas: [b.url, c.url] })
    let published = 0
    let wanted = true
    const publishing = (async () => {
      for await (const _ of every(5)) {
        if (!wanted) return
        await client.publish('orders', { n: ++published })
      }
    })().catch((error: Error) => {
      if (wanted) t.fail(`${published}: ${error.stack}`)
    })
    t.teardown(() => {
      wanted = false
      client.close()
    })
    const opened = await TestPage.open(browser, await servePage(t, EVENT_SOURCE_PAGE(replicas.map(({ url }) => url))))
    const { page } = opened
    await opened.until('events', 'run.stayed.length >= 100 && run.moved.length >= 100')

    opened.mayLose(a.url)
    await a.kill()
    await opened.until('events at another replica', 'run.moved.length >= run.stayed.length + 100')
    t.is(await page.evaluate('run.source.readyState'), 0, 'the other waits for its replica')
    const missed = await page.evaluate<number>('run.moved.length - run.stayed.length')
    await start(a)
    await opened.until('an EventSource that connects again by itself', 'run.opened >= 2')
    wanted = false
    await publishing
    await opened.until('all events', `run.stayed.length >= ${published} && run.moved.length >= ${published}`)
    isWhole(t, 'left to the browser', await page.evaluate<Seen[]>('run.stayed'), published)
    isWhole(t, 'moved by the page', await page.evaluate<Seen[]>('run.moved'), published)
    t.is(await page.evaluate('run.opened'), 2)
    t.log(`${published} events, over ${missed} of them before its replica was back`)
    t.deepEqual(opened.troubles, [])
  },
)
