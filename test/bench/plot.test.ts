// Pictures are checked as texts: that they are XML, and that what is drawn is where its numbers say.

import test from 'ava'
import { barPlot, type LinePlot, linePlot, linePlots, logTicks, roundTicks, scale } from './plot.ts'

const NASTY = `a < b & "c" > 'd'\u0007`

const LINES: LinePlot = {
  title: 'Events',
  x: { label: 'topics', log: true },
  y: { label: 'events a second' },
  lines: [
    {
      name: 'one',
      points: [
        { x: 1, y: 0 },
        { x: 10, y: 50 },
        { x: 100, y: 100 },
      ],
    },
  ],
}

const BARS = {
  title: 'group-100',
  label: 'events a second',
  bars: [
    { name: 'own', median: 50, min: 25, max: 75 },
    { name: 'peer', median: 100, min: 100, max: 100, note: 'own is 0.500 of it' },
  ],
}

test('a scale goes straight, or by the logarithm, from end to end', (t) => {
  const straight = scale([0, 10], [100, 200])
  t.deepEqual([0, 5, 10].map(straight), [100, 150, 200])
  const byPowers = scale([1, 100], [300, 100], true)
  t.deepEqual([1, 10, 100].map(byPowers), [300, 200, 100])
  t.is(scale([7, 7], [0, 10])(7), 5, 'where there is one value, it is in the middle')
})

test('ticks are round and reach around all values', (t) => {
  t.deepEqual(roundTicks(0, 100), [0, 20, 40, 60, 80, 100])
  t.deepEqual(roundTicks(0, 0.31), [0, 0.1, 0.2, 0.3, 0.4])
  t.deepEqual(roundTicks(-3, 4), [-4, -2, 0, 2, 4])
  t.deepEqual(roundTicks(0, 0), [0])
  t.deepEqual(logTicks(3, 4000), [1, 10, 100, 1000, 10_000])
  t.deepEqual(logTicks(10, 10), [10, 100])
})

test('points are where their numbers say, on a logarithmic axis too', (t) => {
  const points = placesOf(linePlot(LINES))
  t.is(points.length, 3)
  const [first, middle, last] = points as [Place, Place, Place]
  t.is(middle.x - first.x, last.x - middle.x, 'a power of ten is as wide as the next one')
  t.is(first.y - middle.y, middle.y - last.y)
  t.true(last.y < first.y, 'more is higher')
})

test('what has no place on an axis is left out, and a picture of nothing says so', (t) => {
  const [one] = LINES.lines
  const holed = [...one!.points, { x: 0, y: 5 }, { x: 20, y: Number.NaN }]
  t.is(placesOf(linePlot({ ...LINES, lines: [{ name: 'one', points: holed }] })).length, 3)
  const nothing = linePlot({ ...LINES, lines: [{ name: 'one', points: [] }] })
  t.is(complaint(nothing), undefined)
  t.regex(nothing, /nothing was measured/)
  t.notRegex(nothing, /NaN|Infinity/)
})

test('a bar is as long as its median, and its whisker reaches from the least to the greatest', (t) => {
  const svg = barPlot(BARS)
  const bars = [...svg.matchAll(/<rect class="(?:own c0|peer)" x="(\S+)" y="\S+" width="(\S+)"/g)]
  t.is(bars.length, 2)
  const [own, peer] = bars.map(([, x, width]) => ({ x: Number(x), width: Number(width) })) as [Bar, Bar]
  t.is(own.width * 2, peer.width)
  const [, least, most] = /<path class="whisker" d="M(\S+) \S+H([\d.]+)M/.exec(svg) as RegExpExecArray
  t.is(Number(least), own.x + own.width / 2)
  t.is(Number(most), own.x + own.width * 1.5)
  t.regex(svg, />100 · own is 0.500 of it</)
})

test('all pictures are XML, whatever stands in their texts, and have no script', (t) => {
  const lines = [{ name: NASTY, points: LINES.lines[0]!.points }, LINES.lines[0]!]
  const plot: LinePlot = { title: NASTY, x: { label: NASTY, log: true, tell: () => NASTY }, y: { label: NASTY }, lines }
  const bars = { title: NASTY, about: NASTY, label: NASTY, bars: [{ ...BARS.bars[0]!, name: NASTY, note: NASTY }] }
  for (const svg of [linePlot(plot), linePlots(NASTY, [plot, plot, plot]), barPlot(bars)]) {
    t.is(complaint(svg), undefined)
    t.true(svg.includes('a &lt; b &amp; &quot;c&quot; &gt; &apos;d&apos;<'), 'texts are escaped')
    t.notRegex(svg, /<script|\bon\w+=|href=/)
  }
})

test('the check of XML complains of what is none', (t) => {
  t.is(complaint('<a b="1"><c/>x &amp; y</a>'), undefined)
  for (const wrong of ['<a>', '<a></b>', '<a>&</a>', '<a b=1></a>', '<a b="<"></a>', '<a></a><b></b>', '<a>\u0007</a>'])
    t.is(typeof complaint(wrong), 'string', wrong)
})

interface Place {
  readonly x: number
  readonly y: number
}

interface Bar {
  readonly x: number
  readonly width: number
}

function placesOf(svg: string): Place[] {
  return [...svg.matchAll(/<circle class="point" cx="(\S+)" cy="(\S+)"/g)].map(([, x, y]) => ({
    x: Number(x),
    y: Number(y),
  }))
}

/** Of what is not well-formed, in the XML that these pictures use: elements, quoted attributes, texts. */
function complaint(xml: string): string | undefined {
  if (/[^\P{Cc}\t\n\r]/u.test(xml)) return 'a control character'
  const open: string[] = []
  let roots = 0
  let rest = xml.trim()
  while (rest !== '') {
    const tag = /^<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/i.exec(rest)
    const words = /^[^<]+/.exec(rest)?.[0]
    if (tag) {
      const [, end, name, , alone] = tag
      if (end) {
        if (open.pop() !== name) return `</${name}> ends something else`
      } else {
        if (open.length === 0) roots++
        if (!alone) open.push(name as string)
      }
    } else if (words === undefined) return `not a tag: ${rest.slice(0, 40)}`
    if (/&(?!(?:amp|lt|gt|quot|apos);)/.test(tag?.[0] ?? (words as string))) return 'a bare &'
    rest = rest.slice((tag?.[0] ?? (words as string)).length)
  }
  if (open.length > 0) return `<${open.at(-1)}> has no end`
  return roots === 1 ? undefined : `${roots} roots`
}
