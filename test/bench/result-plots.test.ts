// Which bars are made of the results of the bench.

import test from 'ava'
import { resultPlots } from './result-plots.ts'

const result = (name: string, ...samples: Record<string, number>[]) => ({ name, about: `about ${name}`, samples })

test('a workload stands beside its peers, with the medians of all rounds and the ratios to them', (t) => {
  const plots = resultPlots({
    results: [
      result('group-100', { 'events/s': 300 }, { 'events/s': 100 }, { 'events/s': 200 }),
      result('raw-100', { 'events/s': 50 }),
      result('raw-packed-100', { 'events/s': 400 }, { 'events/s': 400 }),
    ],
  })
  t.deepEqual(plots, [
    {
      name: 'group-100',
      plot: {
        title: 'group-100',
        about: 'about group-100',
        label: 'events a second: more is better',
        bars: [
          { name: 'group-100', median: 200, min: 100, max: 300 },
          { name: 'raw-100', median: 50, min: 50, max: 50, note: 'group-100 is 4.00 of it' },
          { name: 'raw-packed-100', median: 400, min: 400, max: 400, note: 'group-100 is 0.500 of it' },
        ],
      },
    },
  ])
})

test('latencies are compared where there are no rates; without a peer, or a sample of one, there is no picture', (t) => {
  const results = [
    result('http-latency', { 'p50 ms': 2, events: 900 }),
    result('echo', { 'p50 ms': 1, events: 900 }),
    result('http-flood', { 'events/s': 5 }),
    result('group-1k', { 'events/s': 5 }),
    result('raw-1k'),
  ]
  const plots = resultPlots({ results })
  t.deepEqual(
    plots.map(({ name, plot }) => [name, plot.label, plot.bars.at(-1)?.note]),
    [['http-latency', 'ms, half are faster: less is better', 'http-latency is 2.00 of it']],
  )
})
