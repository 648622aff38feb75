// Numbers as pictures: lines over something that grows, and bars of a workload beside its peers. Each is one SVG without
// scripts, fonts or anything else from outside, in colours that follow whoever looks at it, light or dark.

import { readable } from './statistics.ts'

export interface Axis {
  /** With its unit. */
  readonly label: string
  /** What is not above zero has no place on it, and is left out. */
  readonly log?: boolean
  readonly tell?: (value: number) => string
}

export interface Line {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface LinePlot {
  readonly title: string
  readonly x: Axis
  /** Begins at zero, unless it is logarithmic. */
  readonly y: Axis
  readonly lines: readonly Line[]
}

export interface Bar {
  readonly name: string
  readonly median: number
  readonly min: number
  readonly max: number
  /** Beside the number, like the ratio to it. */
  readonly note?: string
}

export interface BarPlot {
  readonly title: string
  readonly about?: string
  /** The axis begins at zero. */
  readonly label: string
  /** The first is what it is about, the others are its peers. */
  readonly bars: readonly Bar[]
}

const STYLE = `
  .paper { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  .faint { fill: #57606a } .grid { stroke: #d0d7de } .whisker { stroke: #24292f; stroke-width: 1.5 } .peer { fill: #8c959f }
  .line { fill: none; stroke-width: 2 } .c0 { --c: #0969da } .c1 { --c: #bc4c00 } .c2 { --c: #1a7f37 } .c3 { --c: #8250df }
  .line { stroke: var(--c) } .point, .own, .key { fill: var(--c) }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #30363d } .whisker { stroke: #e6edf3 }
    .peer { fill: #6e7681 } .c0 { --c: #4493f8 } .c1 { --c: #f0883e } .c2 { --c: #3fb950 } .c3 { --c: #ab7df8 }
  }`
const COLOURS = 4

const PANEL = { width: 480, height: 300, left: 78, right: 28, top: 40, bottom: 50 } as const
/** About, of the font above: nothing here can measure text. */
const LETTER_WIDTH = 7
/** More values than these, and round ones are told instead. */
const OWN_TICKS_MAX = 10

/** One panel. */
export function linePlot(plot: LinePlot): string {
  return document(plot.title, PANEL.width, PANEL.height, panel(plot))
}

/** Several, two in a row, below a title of their own. */
export function linePlots(title: string, plots: readonly LinePlot[]): string {
  const head = 36
  const columns = Math.min(2, plots.length)
  const body = plots.map((plot, i) => {
    const [x, y] = [(i % 2) * PANEL.width, head + Math.floor(i / 2) * PANEL.height]
    return `<g transform="translate(${x} ${y})">\n${panel(plot)}\n</g>`
  })
  const height = head + Math.ceil(plots.length / 2) * PANEL.height
  return document(title, columns * PANEL.width, height, [text(16, 26, title, 'class="title"'), ...body].join('\n'))
}

export function barPlot({ title, about = '', label, bars }: BarPlot): string {
  const row = 34
  const top = about === '' ? 46 : 64
  const left = 24 + LETTER_WIDTH * Math.max(...bars.map(({ name }) => name.length), 0)
  const right = left + 420
  const bottom = top + row * bars.length
  const notes = bars.map((bar) => [readable(bar.median), bar.note].filter(Boolean).join(' · '))
  const noteWidth = LETTER_WIDTH * Math.max(...notes.map((note) => note.length), 0)
  const width = Math.max(right + 24 + noteWidth, 32 + LETTER_WIDTH * Math.max(about.length, title.length * 1.3))
  const most = Math.max(...bars.flatMap(({ median, max }) => [median, max]), Number.MIN_VALUE)
  const ticks = roundTicks(0, most)
  const at = scale([0, Math.max(most, ticks.at(-1) as number)], [left, right])
  const parts = [text(16, 26, title, 'class="title"')]
  if (about !== '') parts.push(text(16, 46, about, 'class="faint"'))
  for (const tick of ticks) {
    parts.push(grid(at(tick), top, at(tick), bottom))
    parts.push(text(at(tick), bottom + 18, readableTick(tick), 'class="faint" text-anchor="middle"'))
  }
  for (const [i, { name, median, min, max }] of bars.entries()) {
    const middle = top + row * (i + 0.5)
    const kind = i === 0 ? 'own c0' : 'peer'
    parts.push(text(left - 8, middle + 4, name, 'text-anchor="end"'))
    parts.push(`<rect class="${kind}" x="${left}" y="${middle - 9}" width="${round(at(median) - left)}" height="18"/>`)
    const whisker = `M${round(at(min))} ${middle}H${round(at(max))}M${round(at(min))} ${middle - 5}v10M${round(at(max))} ${middle - 5}v10`
    parts.push(`<path class="whisker" d="${whisker}"/>`)
    parts.push(text(right + 12, middle + 4, notes[i] as string))
  }
  parts.push(text((left + right) / 2, bottom + 38, label, 'text-anchor="middle"'))
  return document(title, Math.ceil(width), bottom + 52, parts.join('\n'))
}

/** From values to places, straight or by their logarithm. Where all values are one, that one is in the middle. */
export function scale(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
  log = false,
): (value: number) => number {
  const of = log ? Math.log : (value: number): number => value
  const width = of(to) - of(from)
  return (value) => (width === 0 ? (start + end) / 2 : start + ((of(value) - of(from)) / width) * (end - start))
}

/** Round numbers, the last one not below `to`. */
export function roundTicks(from: number, to: number): number[] {
  const rough = (to - from) / 5 || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find((times) => times * power >= rough * (1 - 1e-9)) as number)
  const ticks: number[] = []
  for (let i = Math.floor(from / step); ; i++) {
    ticks.push(Number((i * step).toPrecision(12)))
    if (i * step >= to * (1 - 1e-9)) return ticks
  }
}

/** The powers of ten around both. */
export function logTicks(from: number, to: number): number[] {
  const first = Math.floor(Math.log10(from) + 1e-9)
  const last = Math.max(first + 1, Math.ceil(Math.log10(to) - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function panel({ title, x, y, lines }: LinePlot): string {
  const { width, height, left, top } = PANEL
  const [right, bottom] = [width - PANEL.right, height - PANEL.bottom]
  const shown = lines.map(({ name, points }) => ({ name, points: points.filter((point) => hasPlace(point, x, y)) }))
  const xs = [...new Set(shown.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b)
  const ys = shown.flatMap(({ points }) => points.map((point) => point.y))
  const parts = [text(16, 24, title, 'class="title"')]
  if (xs.length === 0)
    return [...parts, text(left, (top + bottom) / 2, 'nothing was measured', 'class="faint"')].join('\n')

  const [least, most] = [Math.min(...ys), Math.max(...ys)]
  const yTicks = y.log ? logTicks(least, most) : roundTicks(Math.min(0, least), most)
  const yAt = scale([yTicks[0] as number, yTicks.at(-1) as number], [bottom, top], y.log)
  const xAt = scale([xs[0] as number, xs.at(-1) as number], [left + 8, right], x.log)
  for (const tick of yTicks) {
    parts.push(grid(left, yAt(tick), right, yAt(tick)))
    parts.push(text(left - 8, yAt(tick) + 4, (y.tell ?? readableTick)(tick), 'class="faint" text-anchor="end"'))
  }
  const between = (tick: number): boolean => tick >= (xs[0] as number) && tick <= (xs.at(-1) as number)
  const round = (): number[] => (x.log ? logTicks : roundTicks)(xs[0] as number, xs.at(-1) as number).filter(between)
  for (const tick of xs.length <= OWN_TICKS_MAX ? xs : round())
    parts.push(text(xAt(tick), bottom + 18, (x.tell ?? readableTick)(tick), 'class="faint" text-anchor="middle"'))
  parts.push(text((left + right) / 2, bottom + 38, x.label, 'text-anchor="middle"'))
  const middle = (top + bottom) / 2
  parts.push(text(16, middle, y.label, `text-anchor="middle" transform="rotate(-90 16 ${middle})"`))
  for (const [i, { name, points }] of shown.entries()) parts.push(line(i, points, xAt, yAt), key(i, name, shown.length))
  return parts.filter(Boolean).join('\n')
}

function hasPlace(point: { x: number; y: number }, x: Axis, y: Axis): boolean {
  const on = (value: number, { log = false }: Axis): boolean => Number.isFinite(value) && (!log || value > 0)
  return on(point.x, x) && on(point.y, y)
}

type Place = (value: number) => number

function line(i: number, points: Line['points'], xAt: Place, yAt: Place): string {
  const places = points.map(({ x, y }) => [round(xAt(x)), round(yAt(y))] as const)
  const dots = places.map(([x, y]) => `<circle class="point" cx="${x}" cy="${y}" r="3.5"/>`).join('')
  const path = places.map((place) => place.join(',')).join(' ')
  return `<g class="c${i % COLOURS}"><polyline class="line" points="${path}"/>${dots}</g>`
}

/** Which line is which; of one alone the title says it. */
function key(i: number, name: string, lines: number): string {
  if (lines < 2) return ''
  const [x, y] = [PANEL.left + 14, PANEL.top + 12 + 18 * i]
  return `<g class="c${i % COLOURS}"><rect class="key" x="${x}" y="${y - 9}" width="10" height="10"/>${text(x + 16, y, name)}</g>`
}

function document(title: string, width: number, height: number, body: string): string {
  const box = `xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img"`
  const paper = `<rect class="paper" width="${width}" height="${height}"/>`
  return `<svg ${box}>\n<title>${escaped(title)}</title>\n<style>${STYLE}\n</style>\n${paper}\n${body}\n</svg>\n`
}

function text(x: number, y: number, words: string, more = ''): string {
  return `<text x="${round(x)}" y="${round(y)}"${more === '' ? '' : ` ${more}`}>${escaped(words)}</text>`
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

function round(place: number): number {
  return Number(place.toFixed(2))
}

/** Short, since many stand in a row. */
function readableTick(value: number): string {
  return Math.abs(value) >= 1e6
    ? `${Number((value / 1e6).toPrecision(3))} M`
    : Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** No control character may stand in XML, in whatever form. */
function escaped(words: string): string {
  const marks: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&apos;',
  }
  return words
    .toWellFormed()
    .replaceAll(/[^\P{Cc}\t\n\r]/gu, '')
    .replaceAll(/[&<>"']/g, (mark) => marks[mark]!)
}
