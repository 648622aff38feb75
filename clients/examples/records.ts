// Real data to publish: 2,000 flights of 2001 and ten years of the prices of five stocks, from the npm package
// vega-datasets. Each becomes an event of a topic whose JSON Schema says exactly what it may hold.

import { readFileSync } from 'node:fs'

/** An event as its publisher has it. Publisher and number make its id, so that it can be told apart from all others. */
export interface NewEvent<Data extends object = object> {
  readonly topic: string
  readonly type: string
  /** RFC 3339: when the flight left, or the price was made. */
  readonly time: string
  readonly data: Data
}

interface Flight {
  readonly date: string
  readonly origin: string
  readonly destination: string
  /** Minutes; below 0: early. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
}

export interface Price {
  readonly symbol: string
  readonly date: string
  readonly price: number
}

const AIRPORT = { type: 'string', pattern: '^[A-Z]{3}$' }

const FLIGHT_SCHEMA = {
  type: 'object',
  properties: {
    date: { type: 'string', pattern: String.raw`^\d{4}/\d\d/\d\d \d\d:\d\d$` },
    origin: AIRPORT,
    destination: AIRPORT,
    delay: { type: 'integer' },
    distance: { type: 'integer', minimum: 0 },
  },
  required: ['date', 'origin', 'destination', 'delay', 'distance'],
  additionalProperties: false,
}

export const priceSchema = (symbols: readonly string[]): object => ({
  type: 'object',
  properties: {
    symbol: { enum: symbols },
    date: { type: 'string', format: 'date' },
    price: { type: 'number', exclusiveMinimum: 0 },
  },
  required: ['symbol', 'date', 'price'],
  additionalProperties: false,
})

export const SYMBOLS: readonly string[] = ['AAPL', 'AMZN', 'GOOG', 'IBM', 'MSFT']

/** Schemas by topic. */
export const TOPICS: ReadonlyMap<string, object> = new Map([
  ['flights.on-time', FLIGHT_SCHEMA],
  ['flights.delayed', FLIGHT_SCHEMA],
  ...SYMBOLS.map((symbol): [string, object] => [`stocks.${symbol}`, priceSchema([symbol])]),
])

/** What counts as delayed in the statistics that the flights come from. */
const DELAYED_MINUTES = 15

/**
 * So many events, divided among publishers: each has flights or prices only, and keeps them in the order of the file.
 * When the data are used up they begin again.
 */
export function eventsOfPublishers(count: number): Map<string, NewEvent[]> {
  const flights = dealOut('flights', 4, readFlights())
  const stocks = dealOut('stocks', 2, readPrices())
  const sources = [...flights, ...stocks]
  const all = sources.reduce((sum, [, events]) => sum + events.length, 0)
  let left = count
  return new Map(
    sources.map(([publisher, events], index) => {
      const share = index === sources.length - 1 ? left : Math.min(left, Math.round((count * events.length) / all))
      left -= share
      return [publisher, Array.from({ length: share }, (_, i) => events[i % events.length]!)]
    }),
  )
}

function dealOut(name: string, publishers: number, events: readonly NewEvent[]): [string, NewEvent[]][] {
  return Array.from({ length: publishers }, (_, p) => [
    `${name}-${p + 1}`,
    events.filter((_, i) => i % publishers === p),
  ])
}

function readData(file: string): string {
  return readFileSync(new URL(`../data/${file}`, import.meta.resolve('vega-datasets')), 'utf8')
}

function readFlights(): NewEvent[] {
  const flights = JSON.parse(readData('flights-2k.json')) as Flight[]
  return flights.map((flight) => ({
    topic: flight.delay >= DELAYED_MINUTES ? 'flights.delayed' : 'flights.on-time',
    type: 'flight.departed',
    time: `${flight.date.replaceAll('/', '-').replace(' ', 'T')}:00Z`,
    data: flight,
  }))
}

/** Lines like `MSFT,Jan 1 2000,39.81`, made into one ordered by time, as a market would give them. */
export function readPrices(): NewEvent<Price>[] {
  const lines = readData('stocks.csv').trim().split(/\r?\n/).slice(1)
  const prices = lines.map((line): NewEvent<Price> => {
    const [symbol, day, price] = line.split(',') as [string, string, string]
    const time = new Date(`${day} UTC`).toISOString()
    const data: Price = { symbol, date: time.slice(0, 10), price: Number(price) }
    return { topic: `stocks.${symbol}`, type: 'stock.priced', time, data }
  })
  return prices.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time))
}
