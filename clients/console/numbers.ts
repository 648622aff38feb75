// Rates and latencies over the last minutes. What is ordered is told by places; what is delivered, and how long publishers
// waited for their answers, by the metrics of all members together. No probes: it shows what the group does for others.

import { type Group, isMember, type Sight } from './group.ts'
import { added, type Buckets, bucketsOf, quantile, since, sumOf } from './metrics-text.ts'
import { Store } from './store.ts'

export interface Point {
  /** Seconds since 1970. */
  readonly at: number
  /** Events a second. */
  readonly ordered: number
  readonly delivered: number
  /** Milliseconds from a publish to its answer; undefined: nobody published. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

interface Scrape {
  readonly seq: number
  readonly delivered: number
  readonly publish: Buckets
}

const EVERY_MS = 2000
/** Six minutes. */
const POINTS_MAX = 180

export class Numbers {
  readonly points: Store<readonly Point[]> = new Store<readonly Point[]>([])
  private readonly group: Store<Group>
  /** By incarnation. */
  private before = new Map<string, Scrape>()
  private beforeAt = 0

  constructor(group: Store<Group>) {
    this.group = group
    const run = (): void => void this.scrape().finally(() => setTimeout(run, EVERY_MS))
    run()
  }

  private async scrape(): Promise<void> {
    if (document.hidden) {
      this.before.clear()
      return
    }
    const group = this.group.get()
    const members = [...group.sights.values()].filter((sight) => sight.heard && isMember(group, sight))
    const scraped = new Map<string, Scrape>()
    await Promise.all(
      members.map(async (sight) => {
        const scrape = await scrapeOf(sight)
        if (scrape !== undefined) scraped.set(sight.incarnation, scrape)
      }),
    )
    const now = performance.now()
    const point = pointOf(this.before, scraped, (now - this.beforeAt) / 1000)
    this.before = scraped
    this.beforeAt = now
    if (point !== undefined) this.points.update((points) => [...points, point].slice(-POINTS_MAX))
  }
}

function pointOf(
  before: ReadonlyMap<string, Scrape>,
  now: ReadonlyMap<string, Scrape>,
  seconds: number,
): Point | undefined {
  let ordered = 0
  let delivered = 0
  let publish: Buckets | undefined
  let compared = 0
  for (const [incarnation, scrape] of now) {
    const last = before.get(incarnation)
    if (last === undefined) continue
    compared++
    // All have the same order: whoever is furthest ahead tells of it.
    ordered = Math.max(ordered, scrape.seq - last.seq)
    delivered += scrape.delivered - last.delivered
    publish = added(publish, since(last.publish, scrape.publish))
  }
  if (compared === 0) return undefined
  const ms = (share: number): number | undefined => {
    const found = publish && quantile(share, publish)
    return found === undefined ? undefined : found * 1000
  }
  return {
    at: Date.now() / 1000,
    ordered: ordered / seconds,
    delivered: Math.max(0, delivered) / seconds,
    p50: ms(0.5),
    p99: ms(0.99),
  }
}

async function scrapeOf({ url }: Sight): Promise<Scrape | undefined> {
  try {
    const text = await (await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(EVERY_MS) })).text()
    return {
      seq: sumOf(text, 'lockstep_seq') ?? 0,
      delivered: sumOf(text, 'lockstep_events_delivered_total') ?? 0,
      publish: bucketsOf(text, 'lockstep_publish_duration_seconds'),
    }
  } catch {
    return undefined // It is gone: the others tell of the rest.
  }
}
