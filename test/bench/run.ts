// The command `npm run bench`: the workloads in turn, several rounds of them, so that what else the machine does falls on
// all alike; then a table of medians. It judges nothing: whether a number is good is for whoever reads it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { meant, wholeWithin, within } from './arguments.ts'
import { describeMachine } from './machine.ts'
import { median, readable } from './statistics.ts'
import { type Numbers, WORKLOADS, type Workload } from './workloads.ts'

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))

const HELP = `npm run bench -- [options]

  --runs N         rounds over all workloads (default 5, at most 50)
  --quick          one round
  --seconds S      length of one measurement (default 2, at most 30), after warming up
  --warm-up S      how long before it is not counted (default 3, at most 120): code is compiled, the log fills
  --only A,B       only the workloads whose names begin so, or of these letters, and what they are compared with
  --profile        write a CPU profile of the first process of each run into build/, where it is a member, a peer or a client
  --json           print a line of JSON for each number instead of the table
  --help           this text

Workloads:
${WORKLOADS.map(({ letter = ' ', name, about }) => `  ${letter}  ${name.padEnd(16)} ${about}`).join('\n')}

All numbers are also written to build/bench.json.`

interface Result {
  readonly workload: Workload
  readonly samples: Numbers[]
  readonly failures: string[]
}

const { values: args } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '2' },
    'warm-up': { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (args.help) console.log(HELP)
else
  process.exitCode = await bench().catch((error) => {
    if (!(error instanceof RangeError)) throw error
    console.error(error.message)
    return 1
  })

async function bench(): Promise<number> {
  const rounds = args.quick ? 1 : wholeWithin(args.runs, '--runs', 1, 50)
  const windowMs = 1000 * within(args.seconds, '--seconds', 0.5, 30)
  const warmUpMs = 1000 * within(args['warm-up'], '--warm-up', 1, 120)
  const chosen = choose(args.only)
  const results: Result[] = chosen.map((workload) => ({ workload, samples: [], failures: [] }))
  const load = loadavg().map((load) => load.toFixed(2))
  const machine = {
    ...(await describeMachine()),
    'load average before': load.join(' '),
  }

  mkdirSync(BUILD, { recursive: true })
  for (let round = 1; round <= rounds; round++) {
    for (const { workload, samples, failures } of results) {
      process.stderr.write(`${round}/${rounds} ${workload.name} ... `)
      try {
        const profile = args.profile ? `${BUILD}bench-${workload.name}-${round}.cpuprofile` : undefined
        const numbers = await workload.measure({ warmUpMs, windowMs, profile })
        samples.push(numbers)
        const [[unit, number] = ['', Number.NaN]] = Object.entries(numbers)
        process.stderr.write(`${readable(number)} ${unit}\n`)
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error))
        process.stderr.write(`failed: ${failures.at(-1)}\n`)
      }
    }
    // After each round: what ends this one early takes no others with it.
    const told = {
      machine,
      conditions: { rounds, windowMs, warmUpMs },
      results: results.map(({ workload: { name, about }, samples, failures }) => ({ name, about, samples, failures })),
    }
    writeFileSync(`${BUILD}bench.json`, `${JSON.stringify(told, undefined, 2)}\n`)
  }
  if (args.json) for (const row of rowsOf(results)) console.log(JSON.stringify(row))
  else printTable(machine, results)
  // A run that could not be made is no slow run, but no result either.
  return results.some(({ failures }) => failures.length > 0) ? 1 : 0
}

function choose(only: string): Workload[] {
  const asked = meant(only, WORKLOADS)
  const peers = new Set(asked.flatMap(({ against = [] }) => against))
  return WORKLOADS.filter((workload) => asked.includes(workload) || peers.has(workload.name))
}

/** One number of one workload, over all rounds. */
interface Row {
  readonly workload: string
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
  /** What the ratio of the medians is against. */
  readonly peer?: string
  readonly peerMedian?: number
  readonly ratio?: number
}

/** A number has as many rows as its workload has peers, and one if it has none. */
function rowsOf(results: readonly Result[]): Row[] {
  return results.flatMap(({ workload: { name, against = [] }, samples }) =>
    Object.keys(samples[0] ?? {}).flatMap((unit) => {
      const numbers = samples.map((sample) => sample[unit]!)
      const middle = median(numbers)
      const row = { workload: name, unit, median: middle, min: Math.min(...numbers), max: Math.max(...numbers) }
      const compared = unit === 'events/s' || unit.endsWith('ms') ? against : []
      const rows = compared.flatMap((peer): Row[] => {
        const theirs =
          results.find((other) => other.workload.name === peer)?.samples.map((sample) => sample[unit]) ?? []
        const finite = theirs.filter((number): number is number => number !== undefined && Number.isFinite(number))
        if (finite.length === 0) return []
        return [{ ...row, peer, peerMedian: median(finite), ratio: middle / median(finite) }]
      })
      return rows.length > 0 ? rows : [row]
    }),
  )
}

function printTable(machine: Record<string, unknown>, results: readonly Result[]): void {
  console.log(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  )
  const table = [['workload', 'number', 'median', 'min', 'max', 'ratio']]
  let above: Row | undefined
  for (const row of rowsOf(results)) {
    const { workload, unit, median, min, max, peer, ratio } = row
    const same = above?.workload === workload
    table.push([
      same ? '' : workload,
      ...(same && above?.unit === unit ? ['', '', '', ''] : [unit, ...[median, min, max].map(readable)]),
      peer === undefined ? '' : `${readable(ratio as number)} of ${peer}`,
    ])
    above = row
  }
  for (const { workload, failures } of results)
    if (failures.length > 0) table.push([workload.name, `failed ${failures.length} times`, '', '', '', ''])
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  console.log()
  for (const row of table) {
    const cells = row.map((cell, i) => (i >= 2 && i <= 4 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
    console.log(cells.join('  ').trimEnd())
  }
}
