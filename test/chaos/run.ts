// The command `npm run chaos`: a group of real processes over real NATS servers, publishers and subscribers, and faults
// drawn from a seed; or many first starts. Exit code 0 only when every judge is content.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'
import { FAULTS } from './faults.ts'
import { makeNamespaces, type Namespaces, whyNoLoss } from './namespaces.ts'
import { NAMES } from './stage.ts'
import { starts } from './starts.ts'

const BUILD = fileURLToPath(new URL('../../build/chaos/', import.meta.url))

const HELP = `npm run chaos -- [options]

  --replicas N     3 (default) or 5
  --servers N      NATS servers: 1 (default) or a cluster of 3
  --seconds N      how long faults go on (default 60)
  --seed N         of the faults and of the clients; processes are as they are, so it is not the same run again
  --faults A,B     only these (default: all)
  --once           each of the faults once, instead of --seconds
  --shortest N     seconds that a fault lasts at least, --longest N: at most (default 0 and 20)
  --rounds N       instead of all that: N times, all replicas of a new group start at once, and some are killed meanwhile
  --jobs N         with --rounds: groups at a time (default 2)
  --netns          each replica in a network namespace of its own, for two more faults; skipped where that cannot be done
  --keep           keep trace and logs of a run that is right, too
  --json FILE      write the result there, too
  --help           this text

Faults:
${FAULTS.map(({ kind, about }) => `  ${kind.padEnd(11)} ${about}`).join('\n')}

Traces and logs of what went wrong are in build/chaos/.`

/** Called wrongly; 1 is for what goes wrong later. */
const MISUSED = 2

const TEXT = { type: 'string' } as const
const SWITCH = { type: 'boolean', default: false } as const

type Run = ReturnType<typeof readOptions> & object

/** Undefined: help was asked for. Throws a sentence when it was called wrongly. */
function readOptions() {
  const { values } = parseArgs({
    options: {
      ...{ replicas: TEXT, servers: TEXT, seconds: TEXT, seed: TEXT, faults: TEXT, shortest: TEXT, longest: TEXT },
      ...{ rounds: TEXT, jobs: TEXT, json: TEXT, once: SWITCH, keep: SWITCH, netns: SWITCH, help: SWITCH },
    },
  })
  if (values.help) return undefined
  const whole = (name: keyof typeof values, byDefault: number, least: number, most: number): number => {
    const given = values[name] ?? String(byDefault)
    const number = Number(given)
    if (Number.isInteger(number) && number >= least && number <= most) return number
    throw new Error(`--${name} takes a whole number from ${least} to ${most}, and was given "${given}"`)
  }
  const kinds = values.faults?.split(',') ?? FAULTS.map(({ kind }) => kind)
  const faults = kinds.map((kind) => {
    const fault = FAULTS.find((one) => one.kind === kind)
    if (fault === undefined) throw new Error(`--faults: there is none called "${kind}"`)
    return fault
  })
  const replicas = whole('replicas', 3, 3, 5)
  const servers = whole('servers', 1, 1, 3)
  if (replicas === 4 || servers === 2) throw new Error('--replicas takes 3 or 5, --servers 1 or 3')
  return {
    replicas: replicas as 3 | 5,
    servers: servers as 1 | 3,
    seconds: whole('seconds', 60, 1, 86_400),
    seed: whole('seed', Date.now() % 1_000_000, 0, Number.MAX_SAFE_INTEGER),
    faults,
    once: values.once,
    shortestMs: 1000 * whole('shortest', 0, 0, 600),
    longestMs: 1000 * whole('longest', 20, 1, 600),
    rounds: values.rounds === undefined ? undefined : whole('rounds', 100, 1, 1_000_000),
    jobs: whole('jobs', 2, 1, 32),
    json: values.json,
    keep: values.keep,
    netns: values.netns,
  }
}

async function main(): Promise<number> {
  let options: Run | undefined
  try {
    options = readOptions()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`)
    return MISUSED
  }
  if (options === undefined) {
    console.log(HELP)
    return 0
  }
  let namespaces: Namespaces | undefined
  if (options.netns) {
    try {
      namespaces = makeNamespaces(NAMES.slice(0, options.replicas))
    } catch (error) {
      console.log(`Skipped: network namespaces cannot be made here: ${(error as Error).message}`)
      return 0
    }
    const why = whyNoLoss(namespaces)
    if (why !== undefined) {
      console.log(`Cables are pulled, but packets not lost one by one: ${why}`)
      options.faults = options.faults.filter(({ kind }) => kind !== 'loss')
    }
  }
  try {
    return await run(options, namespaces)
  } finally {
    namespaces?.remove()
  }
}

async function run(options: Run, namespaces: Namespaces | undefined): Promise<number> {
  const { json, keep, rounds, seed } = options
  const folder = `${BUILD}${rounds === undefined ? 'seed' : 'starts'}-${seed}-${process.pid}/`
  mkdirSync(folder, { recursive: true })
  const result =
    rounds === undefined
      ? await chaos({ ...options, folder, homes: namespaces?.of })
      : await starts({ ...options, rounds, folder })
  const content = result.complaints.length === 0
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, undefined, 2)}\n`)
  if (content && !keep) rmSync(folder, { recursive: true })
  else console.log(`Trace and logs: ${folder}`)
  return content ? 0 : 1
}

// Half of what a start costs is reading sources; this process and its replicas read the same ones again and again.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../../node_modules/.cache/chaos', import.meta.url))
// Without these a signal would end this process and leave the others running.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
process.exitCode = await main()
