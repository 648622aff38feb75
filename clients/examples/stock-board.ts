// The latest price of each stock, as text: a line for each price where a program reads, a table where people do.

import type { Price } from './records.ts'

interface Entry {
  readonly first: number
  readonly price: number
  readonly change: number
  readonly date: string
}

export type Paint = (change: number, text: string) => string

export class StockBoard {
  /** Of prices that were taken. */
  count = 0
  private readonly entries = new Map<string, Entry>()
  private readonly paint: Paint

  constructor(paint: Paint = (_, text) => text) {
    this.paint = paint
  }

  /** Gives the price's line. */
  take({ symbol, date, price }: Price): string {
    const last = this.entries.get(symbol)
    const change = last === undefined ? 0 : price - last.price
    this.count++
    this.entries.set(symbol, { first: last?.first ?? price, price, change, date })
    return `${date}  ${symbol.padEnd(6)}${price.toFixed(2).padStart(8)}${signed(change).padStart(9)}`
  }

  table(): string[] {
    const rows = [...this.entries].toSorted(([one], [other]) => (one < other ? -1 : 1))
    return [
      'stock     price   change  since start        date',
      ...rows.map(([symbol, { first, price, change, date }]) => {
        const since = `${signed((100 * (price - first)) / first)} %`
        const painted = this.paint(change, signed(change).padStart(9))
        return `${symbol.padEnd(6)}${price.toFixed(2).padStart(9)}${painted}${since.padStart(13)}${date.padStart(12)}`
      }),
    ]
  }
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`
}
