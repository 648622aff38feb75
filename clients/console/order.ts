// What lanes have shown: a column for each place of the order, with the replicas at which it has arrived. Pure.

import type { Event } from '../src/index.ts'
import type { Sampling } from './sampling.ts'

export interface Column {
  readonly seq: number
  /** Of a view; undefined: it is an event. */
  readonly view: number | undefined
  readonly topic: string
  readonly offset: number
  readonly key: string | undefined
  readonly time: string
  /** What it carries, shortened. */
  readonly text: string
  /** Replicas at which it has arrived, by name. */
  readonly at: readonly string[]
}

export interface Order {
  readonly history: string
  readonly sampling: Sampling
  /** By place, the oldest first. */
  readonly columns: readonly Column[]
  /** How many there were before these. */
  readonly dropped: number
}

export const EMPTY_ORDER: Order = { history: '', sampling: { every: 1, from: 1 }, columns: [], dropped: 0 }
export const COLUMNS_MAX = 64
const TEXT_MAX = 400

export function sawAt(order: Order, lane: string, event: Event<unknown>): Order {
  const { columns } = order
  const index = columns.findLastIndex(({ seq }) => seq <= event.seq)
  const known = columns[index]
  if (known?.seq === event.seq) {
    return known.at.includes(lane)
      ? order
      : { ...order, columns: columns.with(index, { ...known, at: [...known.at, lane] }) }
  }
  // Older than all that is shown: a lane that is far behind.
  if (index === -1 && columns.length >= COLUMNS_MAX) return order
  const all = columns.toSpliced(index + 1, 0, columnOf(lane, event))
  const surplus = Math.max(0, all.length - COLUMNS_MAX)
  return { ...order, columns: all.slice(surplus), dropped: order.dropped + surplus }
}

function columnOf(lane: string, { seq, topic, offset, key, time, data }: Event<unknown>): Column {
  const view = topic === '$sys.views' ? (data as { number: number }).number : undefined
  const text = JSON.stringify(data) ?? ''
  const shown = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  return { seq, view, topic, offset, key, time, text: shown, at: [lane] }
}
