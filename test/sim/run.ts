// The command `npm run sim`: many seeds on all cores with a table of the rare turns that they took, or one seed with its
// readable trace, or made as small as it still fails, or one directed scenario.

import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadEdited, type Simulator } from './edited-protocol.ts'
import { FAR_COUNTERS } from './far-counters.ts'
import { hunt } from './hunt.ts'
import { drawPlan } from './plan.ts'
import { Progress } from './progress.ts'
import { SCENARIOS } from './scenarios.ts'
import { shrink } from './shrink.ts'
import { planText, type RunResult, simulate as simulateRight } from './simulation.ts'
import { type Change, changeFlags, smaller } from './smaller.ts'
import { Summary } from './summary.ts'
import type { TraceLevel } from './trace.ts'
import { addTurns, TURNS, type Turn, type TurnCounts } from './turns.ts'
import { VARIANTS } from './variants.ts'
import type { Failure } from './world.ts'

const HELP = `npm run sim -- [options]

  --seeds 1-2000     run these seeds and print what they met (default 1-500)
  --resume           with --seeds: leave out those that were run before with the same sources, and write what all of
                     them come to into build/sim/, so that a long run can be stopped and go on
  --seed N           run one seed and print its trace
  --shrink           with --seed: look for the smallest plan that still fails so, and print the flags that bring it back,
                     which make the plans of any other run smaller too:
    --without LIST     kinds of faults and other things to leave out, such as pause,partition,loss
    --strikes LIST     only these strikes of its plan, by number, or none
    --ambushes LIST    only these ambushes, or none
    --until MS         everything heals at this time
    --publishers N     fewer publishers
    --members N        a shorter roster
  --trace LEVEL      none, some (default with --seed) or all: every header, delivery and arrival too
  --scenario NAME    run one directed scenario with its trace; --scenario list names them
  --application A    log or broker, instead of what the seeds draw (every fourth runs the broker)
  --variants         break the protocol in every way of test/sim/variants.ts and print who catches it
  --variant NAME     with --seed, --seeds or --scenario: one of these; a run that passes is then bad news. Or one of
                     test/sim/far-counters.ts, where counters begin near a limit and all must pass
  --keep-going       with --seeds: go on after a failure (default), --no-keep-going: stop at the first
  --jobs N           processes to use (default: one a core)
  --help             this text

Everything in a run follows from its seed. A run is excused from the judgement of liveness when the crashes in it took
the quorum of a view that was or may have been chosen; what is promised to be safe is judged in every run.`

/** So many of the seeds that took a turn are named. */
const TAKERS_MAX = 8

/** What is told of a run across processes. */
type Report = Omit<RunResult, 'failure'> & { readonly failure: Failure | undefined }

const { values: args } = parseArgs({
  allowNegative: true,
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'string' },
    scenario: { type: 'string' },
    application: { type: 'string' },
    variant: { type: 'string' },
    variants: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: true },
    jobs: { type: 'string' },
    resume: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    without: { type: 'string' },
    strikes: { type: 'string' },
    ambushes: { type: 'string' },
    until: { type: 'string' },
    publishers: { type: 'string' },
    members: { type: 'string' },
    help: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
})

const { simulate, scenarios } = await simulator(args.variant)

if (args.help) console.log(HELP)
else if (args.variants) process.exitCode = await huntAll()
else if (args.worker) work()
else if (args.scenario !== undefined) process.exitCode = runScenario(args.scenario)
else if (args.shrink) process.exitCode = shrinkSeed(whole(args.seed ?? '', '--seed'))
else if (args.seed !== undefined) process.exitCode = runSeed(whole(args.seed, '--seed'))
else process.exitCode = await runSeeds(args.seeds ?? '1-500')

async function simulator(variantName: string | undefined): Promise<Simulator> {
  if (variantName === undefined) return { simulate: simulateRight, scenarios: SCENARIOS }
  const all = [...VARIANTS, ...FAR_COUNTERS]
  const variant = all.find(({ name }) => name === variantName)
  if (variant === undefined)
    throw new Error(`--variant ${variantName}: there are ${all.map(({ name }) => name).join(', ')}`)
  return loadEdited(variant)
}

async function huntAll(): Promise<number> {
  let escaped = 0
  const row = (name: string, breaks: string, by: string, shown: string, what: string): void =>
    console.log(`${name.padEnd(28)} ${breaks.padEnd(14)} ${by.padEnd(10)} ${shown.padEnd(24)} ${what}`)
  row('variant', 'breaks', 'caught by', 'in', 'what is broken')
  for (const variant of VARIANTS) {
    const caught = await hunt(variant)
    const right = caught !== undefined && variant.caughtBy.includes(caught.id)
    if (!right) escaped++
    const by = caught === undefined ? 'NOBODY' : `${caught.id}${right ? '' : ' WRONG'}`
    row(variant.name, variant.caughtBy.join(' '), by, caught?.shown ?? '', variant.what)
  }
  console.log(`\nTo see one: npm run sim -- --variant NAME and --seed N, or --scenario NAME`)
  console.log(`${VARIANTS.length - escaped} variants caught, ${escaped} not`)
  return escaped === 0 ? 0 : 1
}

function runSeed(seed: number): number {
  const result = simulate(seed, {
    application: application(),
    change: change(),
    trace: traceLevel('some'),
    print: (line) => console.log(line),
  })
  const { events, virtualMs, healedMs, excused } = result
  console.log(
    `${events} events confirmed in ${(virtualMs / 1000).toFixed(1)} s, well ${healedMs.toFixed(0)} ms after healing`,
  )
  if (excused !== undefined) console.log(`excused from liveness: ${excused}`)
  if (result.failure === undefined) {
    console.log(`seed ${seed} passed`)
    return 0
  }
  printFailure(seed, result.failure, traceLevel('some') === 'none')
  return 1
}

function shrinkSeed(seed: number): number {
  const run = (change: Change): RunResult => simulate(seed, { application: application(), change })
  const first = run({})
  if (first.failure === undefined) {
    console.error(`seed ${seed} passes: there is nothing to shrink`)
    return 2
  }
  const { change, result, runs } = shrink(first, run, (text) => console.log(text))
  console.log(planText(smaller(drawPlan(seed), change)))
  console.log(`\nThe smallest plan found in ${runs} runs; it fails at ${result.failure?.at.toFixed(2)} ms:`)
  console.log(`${result.failure?.id} ${result.failure?.text}`)
  console.log(commandFor(seed, [...variation(), ...changeFlags(change)]))
  return 1
}

function runScenario(name: string): number {
  if (name === 'list') {
    for (const scenario of scenarios) console.log(`${scenario.name}: ${scenario.title}`)
    return 0
  }
  const scenario = scenarios.find((one) => one.name === name)
  if (scenario === undefined) {
    console.error(`no scenario is called ${name}; --scenario list names them`)
    return 2
  }
  console.log(`# ${scenario.title}`)
  const failure = scenario.run({ trace: traceLevel('some'), print: (line) => console.log(line) })
  console.log(
    failure === undefined ? 'passed' : `failed, ${failure.id} at ${failure.at.toFixed(1)} ms: ${failure.text}`,
  )
  return failure === undefined ? 0 : 1
}

async function runSeeds(text: string): Promise<number> {
  const [first, last] = range(text)
  const summary = args.resume ? new Summary(flags().join(' ')) : undefined
  const total = last - first + 1 - (summary?.done.countIn(first, last) ?? 0)
  const jobs = Math.min(total, args.jobs === undefined ? availableParallelism() : whole(args.jobs, '--jobs'))
  const turns: TurnCounts = summary?.turns ?? {}
  const failed: number[] = (summary?.failed ?? [])
    .map(({ seed }) => seed)
    .filter((seed) => first <= seed && seed <= last)
  /** Some seeds that took a turn, for whoever looks for one. */
  const takers = new Map<Turn, number[]>(TURNS.map((turn) => [turn, []]))
  const slowest = { seed: 0, healedMs: 0 }
  let excused = 0
  let done = 0
  let next = first
  let events = 0
  if (summary !== undefined) {
    console.log(`${summary.file}: ${last - first + 1 - total} of these seeds were run before`)
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        summary.save()
        process.exit(130)
      })
  }
  const progress = new Progress(total)
  const heard = (report: Report): void => {
    done++
    events += report.events
    if (summary === undefined) addTurns(turns, report.turns)
    else summary.add(report)
    for (const turn of TURNS) {
      const seeds = takers.get(turn) as number[]
      if (report.turns[turn] !== undefined && seeds.length < TAKERS_MAX) seeds.push(report.seed)
    }
    if (report.excused !== undefined) excused++
    if (report.healedMs > slowest.healedMs) Object.assign(slowest, { seed: report.seed, healedMs: report.healedMs })
    if (report.failure !== undefined) {
      failed.push(report.seed)
      printFailure(report.seed, report.failure, failed.length <= 3)
    }
    if (progress.tell(done, failed.length)) summary?.save()
  }
  const stop = (): boolean => failed.length > 0 && args['keep-going'] === false
  const nextSeed = (): number | undefined => {
    while (next <= last && summary?.done.has(next)) next++
    return next > last || stop() ? undefined : next++
  }
  await Promise.all(
    Array.from(
      { length: jobs },
      () =>
        new Promise<void>((resolve, reject) => {
          const argv = ['--worker', ...flags()]
          const worker = fork(fileURLToPath(import.meta.url), argv, { serialization: 'advanced' })
          const more = (): void => {
            const seed = nextSeed()
            if (seed === undefined) worker.disconnect()
            else worker.send(seed)
          }
          worker.on('message', (report: Report) => {
            heard(report)
            more()
          })
          worker.on('error', reject)
          worker.on('exit', (code) => {
            if (code === 0) resolve()
            else reject(new Error(`a worker ended with ${code}`))
          })
          more()
        }),
    ),
  )
  summary?.save()
  console.log(
    `\nrare turns taken${summary === undefined ? '' : ` by seeds ${summary.done}`}, and the first seeds of this run that took them:`,
  )
  for (const turn of TURNS) {
    const seeds = takers.get(turn) as number[]
    const by =
      seeds.length === 0 ? '' : `: ${seeds.sort((a, b) => a - b).join(' ')}${seeds.length < TAKERS_MAX ? '' : ' …'}`
    console.log(`${String(turns[turn] ?? 0).padStart(9)}  ${turn}${by}`)
  }
  console.log(`\n${events} events confirmed; ${progress.rate(done)}`)
  console.log(`slowest healing: ${slowest.healedMs.toFixed(0)} ms, seed ${slowest.seed}`)
  console.log(`${excused} runs excused from liveness (${((100 * excused) / Math.max(1, done)).toFixed(1)} %)`)
  if (failed.length > 0) {
    failed.sort((a, b) => a - b)
    for (const seed of failed.slice(0, 20)) console.log(commandFor(seed, flags()))
  }
  const all = done + (last - first + 1 - total)
  console.log(`${all - failed.length} seeds passed, ${failed.length} failed`)
  return failed.length === 0 && done === total ? 0 : 1
}

function work(): void {
  process.on('message', (seed: number) => {
    const result = simulate(seed, { application: application(), change: change() })
    // A parent that was ended meanwhile reads nothing more.
    process.send?.(result satisfies Report, undefined, undefined, () => {})
  })
}

function printFailure(seed: number, failure: Failure, withTrace: boolean): void {
  if (withTrace) for (const line of failure.lately) console.log(line)
  console.log(`\nseed ${seed} failed at ${failure.at.toFixed(2)} ms: ${failure.id} ${failure.text}`)
  console.log(`${commandFor(seed, flags())}\n`)
}

/** What belongs to a run besides its seed. */
function flags(): string[] {
  return [...variation(), ...changeFlags(change())]
}

function variation(): string[] {
  return [
    ...(args.variant === undefined ? [] : ['--variant', args.variant]),
    ...(args.application === undefined ? [] : ['--application', args.application]),
  ]
}

/** The line that brings a run back. */
function commandFor(seed: number, flags: readonly string[]): string {
  const quoted = flags.map((flag) => (flag.includes(' ') ? `'${flag}'` : flag))
  return ['npm run sim -- --seed', seed, ...quoted].join(' ')
}

/** What the flags leave out of a plan. */
function change(): Change {
  const numbers = (text: string, flag: string): number[] =>
    text === 'none' ? [] : text.split(',').map((part) => whole(part, flag))
  const { without, strikes, ambushes, until, publishers, members } = args
  return {
    ...(without === undefined ? {} : { without: without.split(',') }),
    ...(strikes === undefined ? {} : { strikes: numbers(strikes, '--strikes') }),
    ...(ambushes === undefined ? {} : { ambushes: numbers(ambushes, '--ambushes') }),
    ...(until === undefined ? {} : { untilMs: whole(until, '--until') }),
    ...(publishers === undefined ? {} : { publishers: whole(publishers, '--publishers') }),
    ...(members === undefined ? {} : { members: whole(members, '--members') }),
  }
}

function application(): 'log' | 'broker' | undefined {
  const { application } = args
  if (application === undefined || application === 'log' || application === 'broker') return application
  throw new Error(`--application ${application}: log or broker`)
}

function traceLevel(preset: TraceLevel): TraceLevel {
  const level = args.trace ?? preset
  if (level === 'none' || level === 'some' || level === 'all') return level
  throw new Error(`--trace ${level}: none, some or all`)
}

function whole(text: string, flag: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${flag} ${text}: a whole number from 1`)
  return value
}

function range(text: string): [number, number] {
  const [first, last = first] = text.split('-').map((part) => whole(part, '--seeds'))
  if (first === undefined || last === undefined || last < first) throw new Error(`--seeds ${text}: like 1-2000`)
  return [first, last]
}
