// Judges what each subscriber was given against the ledger and against the other subscribers, and shows it as a table.
// Between `delivered` and `view changes`, all must be 0.

import type { Entry, Ledger } from './ledger.ts'
import type { Notified, Subscriber } from './subscriber.ts'

/** What a subscriber can tell of its stream. */
export type Witness = Pick<Subscriber, 'name' | 'events' | 'views' | 'gaps' | 'resumed'>

export interface Row {
  readonly subscriber: string
  readonly delivered: number
  /** Published, and never delivered. */
  readonly lost: number
  /** Delivered more than once, each time after the first. */
  readonly duplicates: number
  /** Told of by the stream, or found as holes in a topic's offsets. */
  readonly gaps: number
  /** Places at which it differs from the first subscriber, views included. */
  readonly orderDifferences: number
  /** Behind an event that should come later: by seq, or by its publisher's own order. */
  readonly reordered: number
  /** Not what was published, or not at the place that the acknowledgement told. */
  readonly altered: number
  readonly viewChanges: number
  readonly resumed: number
}

export interface Verdict {
  readonly published: number
  readonly acknowledged: number
  readonly rows: readonly Row[]
  readonly faults: number
}

export function judge(ledger: Ledger, subscribers: readonly Witness[]): Verdict {
  const first = subscribers[0]!
  const rows = subscribers.map((subscriber) => judgeOne(ledger, subscriber, first))
  const published = ledger.published.size
  const faults = rows.reduce(
    (sum, row) => sum + row.lost + row.duplicates + row.gaps + row.orderDifferences + row.reordered + row.altered,
    published - ledger.acknowledged,
  )
  return { published, acknowledged: ledger.acknowledged, rows, faults }
}

function judgeOne({ published }: Ledger, subscriber: Witness, first: Witness): Row {
  const { name, events, views, gaps, resumed } = subscriber
  const seen = new Set<string>()
  const offsets = new Map<string, number>()
  const sequences = new Map<string, number>()
  let seq = 0
  let holes = 0
  let reordered = 0
  let altered = 0
  for (const event of events) {
    const entry = published.get(event.id)
    if (entry === undefined || !isSame(event, entry)) altered++
    if (event.seq <= seq) reordered++
    seq = event.seq
    if (event.offset > (offsets.get(event.topic) ?? 0) + 1) holes++
    offsets.set(event.topic, event.offset)
    if (seen.has(event.id)) continue
    seen.add(event.id)
    const sequence = entry?.sequence ?? 0
    if (sequence <= (sequences.get(event.publisher) ?? 0)) reordered++
    sequences.set(event.publisher, sequence)
  }
  return {
    subscriber: name,
    delivered: events.length,
    lost: [...published.keys()].filter((id) => !seen.has(id)).length,
    duplicates: events.length - seen.size,
    gaps: gaps + holes,
    orderDifferences: differences(placesOf(subscriber), placesOf(first)),
    reordered,
    altered,
    // The first view is how the group began.
    viewChanges: views.filter(({ number }) => number > 1).length,
    resumed,
  }
}

function isSame(event: Notified, entry: Entry): boolean {
  return (
    event.topic === entry.topic &&
    event.publisher === entry.publisher &&
    event.seq === (entry.seq ?? event.seq) &&
    JSON.stringify(event.data) === entry.data
  )
}

/** All that was notified, each as one text, in the order in which it came. */
function placesOf({ events, views }: Witness): string[] {
  return [
    ...events.map(({ seq, id }) => ({ seq, what: `event ${id}` })),
    ...views.map(({ seq, number }) => ({ seq, what: `view ${number}` })),
  ]
    .toSorted((one, other) => one.seq - other.seq)
    .map(({ seq, what }) => `${seq} ${what}`)
}

function differences(one: readonly string[], other: readonly string[]): number {
  const length = Math.max(one.length, other.length)
  return Array.from({ length }, (_, i) => i).filter((i) => one[i] !== other[i]).length
}

const COLUMNS: readonly [keyof Row, string][] = [
  ['subscriber', 'subscriber'],
  ['delivered', 'delivered'],
  ['lost', 'lost'],
  ['duplicates', 'duplicates'],
  ['gaps', 'gaps'],
  ['orderDifferences', 'order differences'],
  ['reordered', 'reordered'],
  ['altered', 'altered'],
  ['viewChanges', 'view changes'],
  ['resumed', 'resumed'],
]

export function renderTable({ published, acknowledged, rows }: Verdict, ledger: Ledger): string {
  const cells = [COLUMNS.map(([, title]) => title), ...rows.map((row) => COLUMNS.map(([key]) => String(row[key])))]
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  const lines = cells.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  )
  return [
    `published                          ${published}`,
    `acknowledged                       ${acknowledged}`,
    `repeats recognized as duplicates   ${ledger.duplicateRequests}`,
    `longest pause in acknowledgements  ${Math.round(ledger.longestPauseMs)} ms`,
    '',
    lines[0]!,
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...lines.slice(1),
  ].join('\n')
}
