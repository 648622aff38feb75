// A stock ticker: publishes real prices, each with its symbol as key, and shows the latest of each as they come back from
// the group. The replica that it is attached to may die at any time: the ticker goes on at another one, and no price is
// lost, comes twice or out of order. Nothing here is about that; the client library does it.
//
//   npm start, and then: node clients/examples/stock-ticker.ts

import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, styleText } from 'node:util'
import { type Client, type Cluster, connect, type Published } from '../src/index.ts'
import { anyReplica } from './any-replica.ts'
import { Changes } from './changes.ts'
import { type Price, priceSchema, readPrices, SYMBOLS } from './records.ts'
import { StockBoard } from './stock-board.ts'

const TOPIC = 'ticker.prices'
const DRAW_EVERY_MS = 100

const HELP = `Usage: node clients/examples/stock-ticker.ts [FLAGS]

Publishes prices of five stocks, ten years of them, and shows the latest of each as they come back:
a table on a terminal, else a line for each price. What happens to replicas is told on stderr.

  --replicas URL[,URL]  where the group is. Default: http://127.0.0.1:7400
  --rate N              prices a second. Default: 20
  --count N             how many are published. Default: 560, all; more: the same again
  --watch               publishes nothing, and shows what others publish until it is stopped
`

interface Options {
  readonly replicas: readonly string[]
  readonly rate: number
  readonly count: number
  readonly watch: boolean
}

/** Undefined: help was asked for. Throws a sentence when it was called wrongly. */
function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { replicas: text, rate: text, count: text, watch: flag, help: flag }
  const { values } = parseArgs({ args: [...args], options })
  if (values.help) return undefined
  const number = (name: 'rate' | 'count', byDefault: number): number => {
    const given = values[name]
    if (given === undefined) return byDefault
    if (/^[1-9]\d{0,5}$/.test(given)) return Number(given)
    throw new Error(`--${name} takes a whole number from 1 to 999999, and was given "${given}"`)
  }
  const replicas = (values.replicas ?? 'http://127.0.0.1:7400').split(',')
  const wrong = replicas.find((url) => !/^https?:/.test(url) || !URL.canParse(url))
  if (wrong !== undefined) throw new Error(`--replicas takes addresses like http://127.0.0.1:7400, and not "${wrong}"`)
  return { replicas, rate: number('rate', 20), count: number('count', 560), watch: values.watch ?? false }
}

/** A place in the order before anything that is published from now on. Creates the topic, if it is not there. */
async function begin(replicas: readonly string[]): Promise<string> {
  const ask = anyReplica(replicas)
  const response = await ask(`${replicas[0]}/v1/topics/${TOPIC}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ schema: priceSchema(SYMBOLS) }),
  })
  if (!response.ok) throw new Error(`${TOPIC} cannot be created: ${await response.text()}`)
  const cluster = await ask(`${replicas[0]}/v1/cluster`)
  const { history, seq } = (await cluster.json()) as Cluster
  return `${history}:${seq}`
}

/** Resolves with the place of the last one. */
async function publishPrices(client: Client, { rate, count }: Options, stopped: AbortSignal): Promise<number> {
  const prices = readPrices()
  const topic = client.topic<Price>(TOPIC)
  const failed = new AbortController()
  const signal = AbortSignal.any([stopped, failed.signal])
  let last: Promise<Published> | undefined
  for (let n = 0; n < count; n++) {
    const { data, time, type } = prices[n % prices.length]!
    // Not awaited: while the group has no answer, prices are made nevertheless, and none overtakes another.
    last = topic.publish(data, { key: data.symbol, time, type })
    last.catch((error) => failed.abort(error))
    await pause(1000 / rate, undefined, { signal }).catch(() => {})
    await client.ready()
    signal.throwIfAborted()
  }
  return (await last)?.seq ?? 0
}

class Screen {
  private readonly live = process.stdout.isTTY === true
  private readonly board = new StockBoard((change, text) =>
    change === 0 ? text : styleText(change > 0 ? 'green' : 'red', text, { stream: process.stdout }),
  )
  private readonly timer = this.live ? setInterval(() => this.draw(), DRAW_EVERY_MS) : undefined
  private drawn = 0
  private status = 'connecting'

  price(price: Price): void {
    const line = this.board.take(price)
    if (!this.live) process.stdout.write(`${line}\n`)
  }

  /** What is said besides prices. */
  say(text: string): void {
    if (!this.live) process.stderr.write(`${text}\n`)
    this.status = text
  }

  end(): void {
    clearInterval(this.timer)
    if (this.live) this.draw()
  }

  private draw(): void {
    const lines = [...this.board.table(), '', `${this.board.count} prices; ${this.status}`]
    const up = this.drawn === 0 ? '' : `\x1b[${this.drawn}A`
    process.stdout.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`)
    this.drawn = lines.length
  }
}

async function run(options: Options, stopped: AbortSignal): Promise<void> {
  const from = await begin(options.replicas)
  const screen = new Screen()
  const client = connect({
    replicas: options.replicas,
    onCluster: ({ replica, view }: Cluster) =>
      screen.say(`attached to ${replica}, view ${view.number}: ${view.members.map(({ name }) => name).join(', ')}`),
    onBroken: (why, replica) => screen.say(`${replica}: ${why}`),
  })
  const changes = new Changes()
  let seen = 0
  const watch = async (): Promise<void> => {
    for await (const item of client.topic<Price>(TOPIC).subscribe({ from, signal: stopped })) {
      if (item.kind === 'gap') screen.say(`prices are gone, places ${item.from} to ${item.to}: ${item.reason}`)
      if (item.kind !== 'event') continue
      screen.price(item.data)
      seen = item.seq
      changes.notify()
    }
  }
  try {
    const watching = watch()
    if (options.watch) return await watching
    const publishing = publishPrices(client, options, stopped).then((last) =>
      changes.until(() => seen >= last, stopped),
    )
    await Promise.race([publishing, watching])
  } finally {
    client.close()
    screen.end()
  }
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
let options: Options | undefined
try {
  options = readOptions(process.argv.slice(2))
  if (options === undefined) process.stdout.write(HELP)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 2
}
if (options !== undefined) {
  await run(options, stopping.signal).catch((error: Error) => {
    if (stopping.signal.aborted) return
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  })
}
