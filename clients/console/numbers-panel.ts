// How much is ordered and delivered, and how long publishers wait.

import { type ComponentChild, h } from 'preact'
import { useMemo } from 'preact/hooks'
import { useConsole } from './context.ts'
import type { Point } from './numbers.ts'
import { duration, short } from './numbers-as-text.ts'
import { Panel } from './panel.ts'
import { type Line, Plot } from './plot.ts'
import { useStore } from './store.ts'

const RATES: readonly Line[] = [
  { name: 'ordered', colour: '--series-1' },
  { name: 'delivered', colour: '--series-2' },
]
const LATENCIES: readonly Line[] = [
  { name: 'median', colour: '--series-1' },
  { name: '99th percentile', colour: '--series-3' },
]

export function NumbersPanel(): ComponentChild {
  const { numbers } = useConsole()
  const points = useStore(numbers.points, (all) => all)
  const last = points.at(-1)
  const column = (read: (point: Point) => number | undefined): (number | null)[] => points.map((p) => read(p) ?? null)
  const at = points.map((point) => point.at)
  const rates = useMemo(() => [at, column((p) => p.ordered), column((p) => p.delivered)] as never, [points])
  const latencies = useMemo(() => [at, column((p) => p.p50), column((p) => p.p99)] as never, [points])
  const perSecond = (n: number | undefined): string =>
    n === undefined ? '–' : short(n < 10 ? Number(n.toFixed(1)) : Math.round(n))
  return h(Panel, { id: 'numbers', title: 'Numbers', hint: 'Of all members together, every two seconds.' }, [
    h('div', { class: 'plots' }, [
      h('figure', null, [
        h('figcaption', null, [
          h('h3', null, 'Events a second'),
          h(Tile, { line: RATES[0]!, text: perSecond(last?.ordered) }),
          h(Tile, { line: RATES[1]!, text: perSecond(last?.delivered) }),
        ]),
        h(Plot, {
          label: 'Events a second, ordered and delivered, over the last minutes',
          lines: RATES,
          data: rates,
          value: short,
        }),
      ]),
      h('figure', null, [
        h('figcaption', null, [
          h('h3', null, 'Publish to acknowledgement'),
          h(Tile, { line: LATENCIES[0]!, text: duration(last?.p50) }),
          h(Tile, { line: LATENCIES[1]!, text: duration(last?.p99) }),
        ]),
        h(Plot, {
          label: 'Time from a publish to its acknowledgement, median and 99th percentile, over the last minutes',
          lines: LATENCIES,
          data: latencies,
          value: (ms) => (ms >= 1000 ? `${short(ms / 1000)} s` : `${short(ms)} ms`),
        }),
      ]),
    ]),
  ])
}

function Tile({ line, text }: { line: Line; text: string }): ComponentChild {
  return h('span', { class: `tile tile${line.colour.slice(1)}` }, [
    h('span', null, line.name),
    ' ',
    h('strong', null, text),
  ])
}
