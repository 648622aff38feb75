// The npm package eventsource, which does what browsers do: it comes back by itself, to the same address and with the id
// of the last message. Here it loses its replica to SIGKILL, while others go on publishing.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { EventSource } from 'eventsource'
import { anyReplica } from '../../clients/examples/any-replica.ts'
import { Changes } from '../../clients/examples/changes.ts'
import { connect } from '../../clients/src/index.ts'
import { Group } from '../clients/group.ts'
import { startGroup } from '../group-of-processes.ts'
import { natsTest } from '../nats-server.ts'

const WITHIN_MS = 60_000

/** All that an EventSource was given. */
class Listener {
  readonly places: string[] = []
  readonly numbers: number[] = []
  gaps = 0
  opened = 0
  failed: string | undefined
  private readonly source: EventSource
  private readonly changes = new Changes()

  constructor(t: ExecutionContext, url: string, fetchOf?: ReturnType<typeof anyReplica>) {
    const source = new EventSource(url, fetchOf === undefined ? {} : { fetch: fetchOf })
    this.source = source
    t.teardown(() => source.close())
    const on = (type: string, listen: (message: MessageEvent) => void): void => {
      source.addEventListener(type, (message) => {
        listen(message)
        this.changes.notify()
      })
    }
    on('event', ({ data, lastEventId }) => {
      const { seq, data: number } = JSON.parse(data) as { seq: number; data: number }
      this.numbers.push(number)
      this.places.push(lastEventId)
      if (!lastEventId.endsWith(`:${seq}`)) this.failed = `${lastEventId} is not the place of ${seq}`
    })
    on('gap', () => this.gaps++)
    on('open', () => this.opened++)
    on('error', () => {
      if (source.readyState === source.CLOSED) this.failed = 'it has given up'
    })
  }

  get connected(): boolean {
    return this.source.readyState === this.source.OPEN
  }

  async until(name: string, met: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(WITHIN_MS)
    const broken = (): boolean => this.failed !== undefined
    await this.changes
      .until(() => met() || broken(), late)
      .catch(() => {
        throw new Error(`${name} did not come about; there are ${this.numbers.length} events`)
      })
    if (this.failed !== undefined) throw new Error(`${name} did not come about: ${this.failed}`)
  }
}

natsTest('its replica is killed: with the others known it goes on at one, without when it is back', async (t) => {
  const group = await startGroup(t, ['load'])
  const [first, victim, last] = group.urls as [string, string, string]
  const path = '/v1/events?topics=load&from=start'
  const mover = new Listener(t, `${victim}${path}`, anyReplica([victim, last, first]))
  const stayer = new Listener(t, `${victim}${path}`)
  const witness = new Listener(t, `${first}${path}`)

  const client = connect({ replicas: group.urls })
  t.teardown(() => client.close())
  let published = 0
  let enough = false
  const publishing = (async () => {
    while (!enough) await client.publish('load', ++published)
  })()

  for (const listener of [mover, stayer]) await listener.until('a first event', () => listener.numbers.length > 0)
  await group.at(victim).kill()
  await mover.until('going on at another replica', () => mover.opened === 2)
  const before = mover.numbers.length
  await mover.until('more from another replica', () => mover.numbers.length > before)
  t.is(stayer.opened, 1)
  await group.at(victim).start(group.signal)
  await stayer.until('going on where it was', () => stayer.opened === 2)
  enough = true
  await publishing

  const all = [mover, stayer, witness]
  for (const listener of all) await listener.until('the last event', () => listener.numbers.at(-1) === published)
  const numbers = Array.from({ length: published }, (_, i) => i + 1).join()
  for (const listener of all) {
    t.is(listener.numbers.join(), numbers)
    t.is(listener.places.join(), witness.places.join())
    t.is(listener.gaps, 0)
    t.true(listener.connected)
  }
  t.is(witness.opened, 1)
})

test('replicas that are gone or of no use are passed over; what a replica says of the request is said', async (t) => {
  const { urls } = await Group.start(t, 1)
  const busy = createServer((_request, response) => response.writeHead(503).end('{}')).listen(0, '127.0.0.1')
  t.teardown(() => busy.close())
  await once(busy, 'listening')
  const useless = ['http://127.0.0.1:1', `http://127.0.0.1:${(busy.address() as AddressInfo).port}`]
  const ask = anyReplica([...useless, ...urls])
  const status = async (path: string): Promise<number> => (await ask(`http://anywhere${path}`)).status
  t.is(await status('/v1/topics'), 200)
  t.is(await status('/v1/events?topics=a..b'), 400)
  t.is(await status('/v1/topics/nowhere'), 404)
  await t.throwsAsync(anyReplica(useless)('http://anywhere/v1/topics'), { message: /answers 503/ })

  const failed = new Promise<number | undefined>((resolve) => {
    const source = new EventSource('http://anywhere/v1/events?topics=a..b', { fetch: ask })
    source.addEventListener('error', ({ code }) => resolve(code))
  })
  t.is(await failed, 400)
})
