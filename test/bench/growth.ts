// How the cost of an event changes as things grow: replicas, topics, subscribers, events, what is retained. One point after
// the other, each with replicas of its own; one that fails is told, and the others go on.

import { mkdirSync, writeFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { meant, within } from './arguments.ts'
import { bytesReadable, LeftOut, type Measures, SERIES, type Series } from './growth-series.ts'
import { describeMachine } from './machine.ts'
import { type LinePlot, linePlots } from './plot.ts'
import { readable } from './statistics.ts'

const HELP = `node test/bench/growth.ts [options]

  --only A,B       only the series whose names begin so
  --seconds S      length of one measurement (default 5, at most 30), after three seconds of warming up
  --quick          two points of each series, a second each after one of warming up
  --out FOLDER     also growth.json and one picture for each series, written again after each point
  --json           print a line of JSON for each point instead of the table
  --help           this text

It takes about a quarter of an hour, exits with 1 when a point fails, and is worth nothing beside other work.

${SERIES.map(({ name, title, x, values }) => `  ${name.padEnd(18)}${title}: ${values.map((value) => tell(x, value)).join(', ')}`).join('\n')}`

/** One row of the table, and one line of JSON. */
type Point = { readonly series: string; readonly x: number } & Measures

interface Done {
  readonly series: Series
  readonly points: Point[]
  readonly leftOut: { readonly x: number; readonly why: string }[]
  readonly failures: { readonly x: number; readonly why: string }[]
}

const { values: args } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function grow(): Promise<number> {
  const seconds = within(args.seconds ?? (args.quick ? '1' : '5'), '--seconds', 0.5, 30)
  const conditions = { warmUpMs: args.quick ? 1000 : 3000, windowMs: 1000 * seconds }
  const all: Done[] = meant(args.only, SERIES).map((series) => ({ series, points: [], leftOut: [], failures: [] }))
  const machine = { ...(await describeMachine()), 'free memory': bytesReadable(freemem()) }
  if (args.out !== undefined) mkdirSync(args.out, { recursive: true })
  for (const done of all) {
    const { series, points, leftOut, failures } = done
    for (const x of args.quick ? series.quick : series.values) {
      const name = `${series.name} ${tell(series.x, x)}`
      const say = (progress: string): void => void process.stderr.write(`${name}: ${progress}\n`)
      try {
        const point: Point = { series: series.name, x, ...(await series.measure(x, { ...conditions, tell: say })) }
        points.push(point)
        if (args.json) console.log(JSON.stringify(point))
        say(`${cellsOf(point).join(', ')}`)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        if (error instanceof LeftOut) leftOut.push({ x, why })
        else failures.push({ x, why })
        say(`${error instanceof LeftOut ? 'left out' : 'failed'}: ${why}`)
      }
      if (args.out !== undefined) write(args.out, done, { machine, conditions, series: all.map(recordOf) })
    }
  }
  if (!args.json) printTable(machine, all)
  return all.some(({ failures }) => failures.length > 0) ? 1 : 0
}

function write(folder: string, done: Done, all: object): void {
  writeFileSync(join(folder, 'growth.json'), `${JSON.stringify(all, undefined, 2)}\n`)
  if (done.points.length > 0) writeFileSync(join(folder, `growth-${done.series.name}.svg`), pictureOf(done))
}

function recordOf({ series: { name, title, x }, points, leftOut, failures }: Done): object {
  return { name, title, x: x.label, points, leftOut, failures }
}

/** Beyond it the lesser ones could not be told apart above a zero. */
const RANGE_MAX = 50

function pictureOf({ series: { name, title, x }, points }: Done): string {
  const plot = (about: string, label: string, of: (point: Point) => number | null | undefined): LinePlot => {
    const places = points.map((point) => ({ x: point.x, y: of(point) ?? Number.NaN }))
    const ys = places.map(({ y }) => y).filter(Number.isFinite)
    const log = Math.min(...ys) > 0 && Math.max(...ys) > RANGE_MAX * Math.min(...ys)
    const y = { label: log ? `${label} (logarithmic)` : label, log }
    return { title: about, x, y, lines: [{ name, points: places }] }
  }
  const MIB = 2 ** 20
  const plots = [
    plot('Events read', 'events a second', ({ eventsPerSecond }) => eventsPerSecond),
    plot('Processor, of each replica', 'µs an event', ({ cpuMicrosPerEvent }) => cpuMicrosPerEvent),
    plot('Memory, of each replica', 'MiB resident', ({ residentBytes }) => residentBytes && residentBytes / MIB),
    plot('Publish to acknowledgement', 'ms, half are faster', ({ publishP50Ms }) => publishP50Ms),
  ]
  if (points.some(({ bytesSentPerSecond }) => bytesSentPerSecond !== undefined))
    plots.push(plot('Sent to all', 'MiB a second', ({ bytesSentPerSecond = Number.NaN }) => bytesSentPerSecond / MIB))
  return linePlots(title, plots)
}

function cellsOf(point: Point): string[] {
  const { eventsPerSecond, cpuMicrosPerEvent, residentBytes, publishP50Ms, machineBusy, bytesSentPerSecond } = point
  return [
    `${readable(eventsPerSecond)} events/s`,
    `${readable(cpuMicrosPerEvent ?? Number.NaN)} µs`,
    residentBytes === null ? '-' : bytesReadable(residentBytes),
    `${readable(publishP50Ms)} ms`,
    `${Math.round(100 * machineBusy)} %`,
    ...(bytesSentPerSecond === undefined ? [] : [`${bytesReadable(bytesSentPerSecond)}/s`]),
  ]
}

function printTable(machine: object, all: readonly Done[]): void {
  for (const [name, value] of Object.entries(machine)) console.log(`${name}: ${value}`)
  for (const { series, points, leftOut, failures } of all) {
    const table = [[series.x.label, 'read', 'cpu an event', 'resident', 'publish p50', 'machine busy', 'sent']]
    for (const point of points) table.push([tell(series.x, point.x), ...cellsOf(point)])
    const widths = (table[0] as string[]).map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)))
    console.log(`\n${series.title} (${series.name})`)
    const shown = points.some(({ bytesSentPerSecond }) => bytesSentPerSecond !== undefined) ? 7 : 6
    for (const row of table)
      console.log(
        row
          .slice(0, shown)
          .map((cell, i) => cell.padStart(widths[i] as number))
          .join('  '),
      )
    for (const { x, why } of leftOut) console.log(`left out: ${tell(series.x, x)}: ${why}`)
    for (const { x, why } of failures) console.log(`failed: ${tell(series.x, x)}: ${why.split('\n')[0]}`)
  }
}

function tell({ tell = (value) => value.toLocaleString('en-US') }: Series['x'], value: number): string {
  return tell(value)
}

if (args.help) console.log(HELP)
else process.exitCode = await grow()
