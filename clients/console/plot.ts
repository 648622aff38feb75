// A plot over time that follows its panel's width and the colours of the page.

import { type ComponentChild, h } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

/** What is shown at least: of a shorter past a part is empty, so that the lines come in from the right. */
const SECONDS_LEAST = 60
/** Next to nothing is shown as such, and not as the highest that there is. */
const TOP_LEAST = 5

export interface Line {
  readonly name: string
  /** The custom property that has its colour. */
  readonly colour: string
}

interface Size {
  readonly width: number
  readonly height: number
}

export interface PlotParts {
  /** What it says, for those who do not see it. */
  readonly label: string
  readonly lines: readonly Line[]
  /** Seconds since 1970, then a list for each line. */
  readonly data: uPlot.AlignedData
  readonly value: (n: number) => string
}

export function Plot({ label, lines, data, value }: PlotParts): ComponentChild {
  const element = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    const host = element.current as HTMLDivElement
    const draw = (): void => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(lines, value, sizeOf(host)), latest.current, host)
    }
    const observer = new ResizeObserver(() => plot.current?.setSize(sizeOf(host)))
    const dark = matchMedia('(prefers-color-scheme: dark)')
    draw()
    observer.observe(host)
    dark.addEventListener('change', draw)
    document.addEventListener('themechange', draw)
    return () => {
      observer.disconnect()
      dark.removeEventListener('change', draw)
      document.removeEventListener('themechange', draw)
      plot.current?.destroy()
    }
  }, [])
  useEffect(() => plot.current?.setData(data), [data])
  return h('div', { ref: element, class: 'plot', role: 'img', 'aria-label': label })
}

const sizeOf = ({ clientWidth, clientHeight }: HTMLElement): Size => ({ width: clientWidth, height: clientHeight })

function optionsOf(lines: readonly Line[], value: (n: number) => string, size: Size): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--ink-soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 28, 0, 0],
    scales: {
      x: { range: ({ data: [times] }) => timesShown(times) },
      y: { range: (_plot, _min, max) => [0, Math.max((max ?? 0) * 1.1, TOP_LEAST)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, values: '{HH}:{mm}:{ss}' },
      { ...axis, size: 58, values: (_plot, splits) => splits.map(value) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour: property }): uPlot.Series => {
        return { label: name, stroke: colour(property), width: 2, points: { show: false }, spanGaps: false }
      }),
    ],
  }
}

/** Asked of the data: of a single point uPlot would make a day, and of none nothing. */
function timesShown(times: ArrayLike<number>): [number, number] {
  const last = times[times.length - 1] ?? Date.now() / 1000
  return [Math.min(times[0] ?? last, last - SECONDS_LEAST), last]
}
