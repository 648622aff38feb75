// Events as a program would make them: JSON objects of about the wanted size, each another one, and the schema that they
// fit. What is measured with them pays for writing and reading JSON at both ends.

export interface Trade {
  readonly id: number
  readonly symbol: string
  readonly price: number
  readonly volume: number
  readonly note: string
}

export const TRADE_SCHEMA = {
  type: 'object',
  properties: {
    id: { type: 'integer', minimum: 0 },
    symbol: { type: 'string', maxLength: 12 },
    price: { type: 'number', exclusiveMinimum: 0 },
    volume: { type: 'integer', minimum: 1 },
    note: { type: 'string' },
  },
  required: ['id', 'symbol', 'price', 'volume'],
  additionalProperties: false,
} as const

/** So many are kept by those that keep events: soon reached, so that what is measured also forgets. */
export const RETAINED_EVENTS = 200_000

const SYMBOLS = ['ACME', 'BOLT', 'CRUX', 'DELT']
/** Ids of one width, so that all events have one length. */
const FIRST_ID = 1_000_000_000

export class Trades {
  private readonly note: string
  private made = 0

  constructor(eventBytes: number) {
    const bare = JSON.stringify({ ...this.next(''), note: '' }).length
    this.note = 'n'.repeat(Math.max(0, eventBytes - bare))
  }

  next(note: string = this.note): Trade {
    const n = this.made++
    const price = 100 + (n % 800) / 8 + 0.125
    return { id: FIRST_ID + n, symbol: SYMBOLS[n & 3] as string, price: Math.floor(price) + 0.5, volume: 100, note }
  }
}

export interface Fill {
  readonly f: string
}

export const FILL_SCHEMA = {
  type: 'object',
  properties: { f: { type: 'string' } },
  required: ['f'],
  additionalProperties: false,
} as const

/** Nothing but their size: for events that are smaller than a trade, or much larger. */
export class Fills {
  private readonly text: string

  constructor(eventBytes: number) {
    const bare = JSON.stringify({ f: '' }).length
    if (eventBytes < bare) throw new RangeError(`such an event has at least ${bare} bytes`)
    this.text = 'f'.repeat(eventBytes - bare)
  }

  next(): Fill {
    return { f: this.text }
  }
}
