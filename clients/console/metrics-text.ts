// The few numbers that the console takes out of a replica's metrics, in the text form of Prometheus. Pure.

export interface Buckets {
  /** Upper bounds, growing, the last one infinite, and how many observations are at or below each. */
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
}

/** The sum of all series of this name; undefined: there is none. */
export function sumOf(text: string, name: string): number | undefined {
  let sum: number | undefined
  for (const [labels, value] of series(text, name)) if (labels !== undefined) sum = (sum ?? 0) + value
  return sum
}

export function bucketsOf(text: string, histogram: string): Buckets {
  const bounds: number[] = []
  const counts: number[] = []
  for (const [labels, value] of series(text, `${histogram}_bucket`)) {
    const bound = /\ble="([^"]*)"/.exec(labels)?.[1]
    if (bound === undefined) continue
    bounds.push(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound))
    counts.push(value)
  }
  return { bounds, counts }
}

export function added(a: Buckets | undefined, b: Buckets): Buckets {
  if (a === undefined || a.bounds.length !== b.bounds.length) return b
  return { bounds: b.bounds, counts: b.counts.map((count, i) => count + (a.counts[i] ?? 0)) }
}

/** What was observed since; a counter that fell began anew. */
export function since(before: Buckets | undefined, now: Buckets): Buckets {
  if (before === undefined || before.bounds.length !== now.bounds.length) return now
  const counts = now.counts.map((count, i) => count - (before.counts[i] ?? 0))
  return counts.some((count) => count < 0) ? now : { bounds: now.bounds, counts }
}

/** As Prometheus estimates it: evenly spread within a bucket. Undefined: nothing was observed. */
export function quantile(share: number, { bounds, counts }: Buckets): number | undefined {
  const total = counts.at(-1) ?? 0
  if (total === 0) return undefined
  const wanted = share * total
  const i = counts.findIndex((count) => count >= wanted)
  const upper = bounds[i] as number
  const lower = i === 0 ? 0 : (bounds[i - 1] as number)
  if (upper === Number.POSITIVE_INFINITY) return lower
  const below = i === 0 ? 0 : (counts[i - 1] as number)
  return lower + ((upper - lower) * (wanted - below)) / ((counts[i] as number) - below)
}

function* series(text: string, name: string): Generator<readonly [labels: string, value: number]> {
  for (let at = text.indexOf(`\n${name}`); at !== -1; at = text.indexOf(`\n${name}`, at + 1)) {
    const end = text.indexOf('\n', at + 1)
    const line = text.slice(at + 1, end === -1 ? undefined : end)
    const found = /^(\{.*?\})? (\S+)/.exec(line.slice(name.length))
    if (found !== null) yield [found[1] ?? '', Number(found[2])]
  }
}
