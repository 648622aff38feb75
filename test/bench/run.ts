// The command `npm run bench`: the workloads in turn, several rounds of them, so that what else the machine does falls on
// all alike; then a table of medians. It judges nothing: whether a number is good is for whoever reads it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { versionOfServer } from './processes.ts'
import { median, readable } from './statistics.ts'
import { type Numbers, WORKLOADS, type Workload } from './workloads.ts'

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))

const HELP = `npm run bench -- [options]

  --runs N         rounds over all workloads (default 5, at most 50)
  --quick          one round
  --seconds S      length of one measurement (default 2, at most 30), after one second of warming up
  --only A,B       only the workloads whose names begin so: group, raw-packed, safe-latency ...
  --profile        write a CPU profile of the first process of each run into build/ (not of http-latency)
  --json           print the results as JSON instead of the table
  --help           this text

Workloads:
${WORKLOADS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}

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
    only: { type: 'string', default: '' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (args.help) console.log(HELP)
else process.exitCode = await bench()

async function bench(): Promise<number> {
  const rounds = args.quick ? 1 : within(args.runs, '--runs', 1, 50)
  const windowMs = 1000 * within(args.seconds, '--seconds', 0.5, 30)
  const wanted = args.only.split(',')
  const chosen = WORKLOADS.filter(({ name }) => wanted.some((beginning) => name.startsWith(beginning)))
  if (chosen.length === 0) throw new Error(`--only ${args.only}: no workload is called so; --help names them`)
  const results: Result[] = chosen.map((workload) => ({ workload, samples: [], failures: [] }))
  const machine = await describeMachine()

  mkdirSync(BUILD, { recursive: true })
  for (let round = 1; round <= rounds; round++) {
    for (const { workload, samples, failures } of results) {
      process.stderr.write(`${round}/${rounds} ${workload.name} ... `)
      try {
        const profile = args.profile ? `${BUILD}bench-${workload.name}-${round}.cpuprofile` : undefined
        const numbers = await workload.measure({ warmUpMs: 1000, windowMs, profile })
        samples.push(numbers)
        const [[unit, number] = ['', Number.NaN]] = Object.entries(numbers)
        process.stderr.write(`${readable(number)} ${unit}\n`)
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error))
        process.stderr.write(`failed: ${failures.at(-1)}\n`)
      }
    }
  }

  const told = {
    machine,
    conditions: { rounds, windowMs, warmUpMs: 1000 },
    results: results.map(({ workload: { name, about }, samples, failures }) => ({ name, about, samples, failures })),
  }
  writeFileSync(`${BUILD}bench.json`, `${JSON.stringify(told, undefined, 2)}\n`)
  if (args.json) console.log(JSON.stringify(told, undefined, 2))
  else printTable(machine, results)
  // A run that could not be made is no slow run, but no result either.
  return results.some(({ failures }) => failures.length > 0) ? 1 : 0
}

function printTable(machine: Record<string, unknown>, results: readonly Result[]): void {
  console.log(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  )
  const rows = [['workload', 'number', 'median', 'min', 'max', 'ratio']]
  for (const { workload, samples, failures } of results) {
    for (const [index, unit] of Object.keys(samples[0] ?? {}).entries()) {
      const numbers = samples.map((sample) => sample[unit]!)
      const middle = median(numbers)
      const peer = results.find((other) => other.workload.name === workload.against)
      const theirs = peer?.samples.map((sample) => sample[unit] ?? Number.NaN) ?? []
      const compared =
        theirs.length > 0 && (unit === 'events/s' || (unit.endsWith('ms') && theirs.every(Number.isFinite)))
      rows.push([
        index === 0 ? workload.name : '',
        unit,
        readable(middle),
        readable(Math.min(...numbers)),
        readable(Math.max(...numbers)),
        compared ? `${readable(middle / median(theirs))} of ${workload.against}` : '',
      ])
    }
    if (failures.length > 0) rows.push([workload.name, `failed ${failures.length} times`, '', '', '', ''])
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  console.log()
  for (const row of rows) {
    const cells = row.map((cell, i) => (i >= 2 && i <= 4 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
    console.log(cells.join('  ').trimEnd())
  }
}

async function describeMachine(): Promise<Record<string, unknown>> {
  const all = cpus()
  return {
    processor: all[0]?.model ?? 'unknown',
    cores: all.length,
    node: process.version,
    'nats-server': await versionOfServer(),
    'load average before': loadavg()
      .map((load) => load.toFixed(2))
      .join(' '),
  }
}

function within(text: string, flag: string, least: number, most: number): number {
  const number = Number(text)
  if (!(number >= least && number <= most))
    throw new Error(`${flag} takes a number from ${least} to ${most}, not ${text}`)
  return number
}
