// What a run was like, beside being right or wrong: how long publishers had to wait under each kind of fault, and how
// often the group changed.

import type { Timed } from './trace.ts'

interface Row {
  times: number
  longestPauseMs: number
}

export interface TallyNumbers {
  readonly published: number
  readonly acknowledged: number
  readonly duplicates: number
  readonly refused: number
  readonly delivered: number
  readonly subscriptions: number
  readonly views: number
  readonly excluded: number
  /** By kind; under `none`, what happened without any. */
  readonly faults: Readonly<Record<string, Readonly<Row>>>
}

const CALM = 'none'

export class Tally {
  private readonly rows = new Map<string, Row>([[CALM, { times: 0, longestPauseMs: 0 }]])
  /** Faults that go on, and those that were there since the last acknowledgement. */
  private readonly active = new Set<string>()
  private readonly touched = new Set<string>()
  private lastAt: number | undefined
  private published = 0
  private acknowledged = 0
  private duplicates = 0
  private delivered = 0
  private subscriptions = 0
  private refused = 0
  private views = 0
  private excluded = 0
  private readonly died = new Set<string>()

  see(entry: Timed): void {
    switch (entry.type) {
      case 'published':
        this.published++
        break
      case 'acknowledged':
        this.acknowledged++
        if (entry.duplicate) this.duplicates++
        this.onAcknowledged(entry.at)
        break
      case 'delivered':
        this.delivered++
        break
      case 'subscribed':
        this.subscriptions++
        break
      case 'refused':
        this.refused++
        break
      case 'died':
        this.died.add(entry.replica.split('#')[0]!)
        break
      case 'view':
        if (entry.number <= this.views) break
        this.views = entry.number
        for (const name of entry.failed) if (!this.died.delete(name)) this.excluded++
        break
      case 'fault':
        if (entry.phase === 'healed') this.active.delete(entry.kind)
        else {
          this.active.add(entry.kind)
          this.touched.add(entry.kind)
          this.row(entry.kind).times++
        }
        break
      default:
        break
    }
  }

  numbers(): TallyNumbers {
    const { published, acknowledged, duplicates, delivered, subscriptions, refused, views, excluded } = this
    const faults = Object.fromEntries(this.rows)
    return { published, acknowledged, duplicates, refused, delivered, subscriptions, views, excluded, faults }
  }

  render(): string {
    const { faults, ...counts } = this.numbers()
    const head = Object.entries(counts).map(
      ([name, count]) => `${NAMES[name as keyof typeof counts].padEnd(42)} ${count}`,
    )
    const rows = Object.entries(faults).map(
      ([kind, { times, longestPauseMs }]) =>
        `${kind.padEnd(12)} ${(kind === CALM ? '' : String(times)).padStart(5)}  ${longestPauseMs} ms`,
    )
    return [...head, '', 'fault        times  longest pause in acknowledgements', ...rows].join('\n')
  }

  private onAcknowledged(at: number): void {
    const pauseMs = at - (this.lastAt ?? at)
    this.lastAt = at
    for (const kind of this.touched.size === 0 ? [CALM] : this.touched) {
      const row = this.row(kind)
      row.longestPauseMs = Math.max(row.longestPauseMs, pauseMs)
    }
    this.touched.clear()
    for (const kind of this.active) this.touched.add(kind)
  }

  private row(kind: string): Row {
    const row = this.rows.get(kind) ?? { times: 0, longestPauseMs: 0 }
    this.rows.set(kind, row)
    return row
  }
}

const NAMES = {
  published: 'events published',
  acknowledged: 'acknowledgements of them',
  duplicates: '  that said: it was there already',
  refused: 'requests without success (hasty publishers)',
  delivered: 'events delivered to subscribers',
  subscriptions: 'streams opened by them',
  views: 'number of the last view',
  excluded: 'replicas put out of a view, and alive',
} as const
