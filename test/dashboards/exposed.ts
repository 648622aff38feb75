// The metrics that a replica exposes, as its own registry names them: no process is needed to know the names.

import { Metrics } from '../../broker/metrics/metrics.ts'

/** `series`: as they are asked for, each histogram as its three; `families`: as they are declared. */
export async function exposedMetrics(as: 'series' | 'families' = 'series'): Promise<string[]> {
  const { text } = await new Metrics({ now: () => 0, version: '0', processMetrics: true }).text('prometheus')
  return [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) => {
    if (type !== 'histogram' || as === 'families') return [name!]
    return ['bucket', 'count', 'sum'].map((part) => `${name}_${part}`)
  })
}
