// From the numbers of all rounds to bars: of a workload and of its peers, with the ratios to them.

import type { Bar, BarPlot } from './plot.ts'
import { median, readable } from './statistics.ts'
import { type Numbers, WORKLOADS } from './workloads.ts'

/** As `npm run bench` writes it, as far as it is needed here. */
export interface Results {
  readonly results: readonly { readonly name: string; readonly about: string; readonly samples: readonly Numbers[] }[]
}

/** What is compared, the first that a workload and one of its peers have: rates are what it is about, if it has one. */
const COMPARED: readonly { readonly unit: string; readonly label: string }[] = [
  { unit: 'events/s', label: 'events a second: more is better' },
  { unit: 'p50 ms', label: 'ms, half are faster: less is better' },
]

/** Of each workload that was measured with a peer at least. */
export function resultPlots({ results }: Results): { readonly name: string; readonly plot: BarPlot }[] {
  return results.flatMap(({ name, about, samples }) => {
    const { against = [] } = WORKLOADS.find((workload) => workload.name === name) ?? {}
    const peers = results.filter((other) => against.includes(other.name))
    for (const { unit, label } of COMPARED) {
      const own = barOf(name, unit, samples)
      if (own === undefined) continue
      const bars = peers.flatMap((peer) => barOf(peer.name, unit, peer.samples, own) ?? [])
      if (bars.length > 0) return [{ name, plot: { title: name, about, label, bars: [own, ...bars] } }]
    }
    return []
  })
}

function barOf(name: string, unit: string, samples: readonly Numbers[], own?: Bar): Bar | undefined {
  const numbers = samples.map((sample) => sample[unit] ?? Number.NaN).filter(Number.isFinite)
  if (numbers.length === 0) return undefined
  const bar = { name, median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) }
  return own === undefined ? bar : { ...bar, note: `${own.name} is ${readable(own.median / bar.median)} of it` }
}
