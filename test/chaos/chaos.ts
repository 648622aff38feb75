// One run: the stage is set, faults come and go, one or two at a time, and each is mended before the next; then everything
// is brought to an end and judged. It stops at the first complaint, with everything as it is then.

import { setTimeout as pause } from 'node:timers/promises'
import { Chance } from '../sim/random.ts'
import type { Fault } from './faults.ts'
import { Judge } from './judge.ts'
import { Stage, type StageOptions } from './stage.ts'
import { Tally, type TallyNumbers } from './tally.ts'
import { type Timed, Trace } from './trace.ts'

const WARM_UP_MS = 1500
const REST_MS = 1000
const TWO_AT_A_TIME = 0.25

export interface ChaosOptions {
  readonly seed: number
  readonly replicas: 3 | 5
  readonly servers: 1 | 3
  readonly seconds: number
  readonly faults: readonly Fault[]
  /** Each fault once, however long it takes. */
  readonly once: boolean
  readonly shortestMs: number
  readonly longestMs: number
  /** For the trace and the logs. */
  readonly folder: string
  readonly homes?: StageOptions['homes']
}

export interface ChaosResult {
  readonly seed: number
  readonly replicas: number
  readonly servers: number
  readonly complaints: readonly string[]
  readonly tally: TallyNumbers
}

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, replicas, servers, folder, once } = options
  const beganAt = performance.now()
  const say = (text: string): void =>
    console.log(`${((performance.now() - beganAt) / 1000).toFixed(1).padStart(6)} s  ${text}`)
  const judge = new Judge()
  const tally = new Tally()
  const complaints: string[] = []
  const failed = Promise.withResolvers<void>()
  const complain = (text: string): void => {
    if (complaints.length < 20) complaints.push(text)
    if (complaints.length === 1) say(`WRONG: ${text}`)
    failed.resolve()
  }
  const onEntry = (entry: Timed): void => {
    tally.see(entry)
    for (const text of judge.see(entry)) complain(text)
  }
  const trace = new Trace(`${folder}trace.jsonl`, onEntry)
  const onProblem = (error: Error): void => complain(error.message)

  say(`seed ${seed}: ${replicas} replicas, ${servers} NATS servers; starting`)
  let stage: Stage | undefined
  try {
    stage = await Stage.set({ ...options, trace, onProblem })
    stage.startClients()
    say('the group is formed; clients begin')
    const over = weather(stage, options, trace, say)
    // It may be cut short, and then ends by an error.
    over.catch(() => {})
    await Promise.race([failed.promise, over])
    for (const text of stage.complaints) complain(`G10 ${text}`)
    if (complaints.length === 0) {
      say('faults are over; everybody finishes')
      await Promise.race([failed.promise, stage.finish()])
    }
  } catch (error) {
    complain((error as Error).message)
  }
  await stage?.remove(folder)
  await trace.close()
  const numbers = tally.numbers()
  console.log(`\n${tally.render()}\n`)
  if (complaints.length === 0)
    console.log(`Seed ${seed}${once ? '' : `, ${options.seconds} s`}: every judge is content.`)
  else console.log(`Seed ${seed}: WRONG\n${complaints.map((text) => `  ${text}`).join('\n')}`)
  return { seed, replicas, servers, complaints, tally: numbers }
}

async function weather(stage: Stage, options: ChaosOptions, trace: Trace, say: (text: string) => void): Promise<void> {
  const chance = new Chance(options.seed, 'faults')
  const possible = options.faults.filter((fault) => fault.possible?.(stage) ?? true)
  if (possible.length === 0) throw new Error('none of these faults is possible here')
  let bag: Fault[] = []
  const draw = (): Fault => {
    if (bag.length === 0) bag = chance.shuffle(possible)
    return bag.shift()!
  }
  const run = async (fault: Fault, number: number): Promise<void> => {
    const { kind } = fault
    await fault.run(stage, chance.fork(`${kind} ${number}`), (what) => {
      say(`${kind}: ${what}`)
      trace.add({ type: 'fault', kind, phase: 'begins', what })
    })
  }
  await pause(WARM_UP_MS)
  const until = performance.now() + options.seconds * 1000
  for (let drawn = 0; options.once ? drawn < possible.length : performance.now() < until; ) {
    const faults = [draw()]
    const next = bag[0]
    if (!options.once && next !== undefined && chance.chance(TWO_AT_A_TIME) && survivable(stage, faults[0]!, next))
      faults.push(draw())
    await Promise.all(faults.map((fault, i) => run(fault, drawn + i)))
    drawn += faults.length
    const names = faults.map(({ kind }) => kind).join(' and ')
    await stage.untilWhole(`after ${names}`)
    for (const { kind } of faults) trace.add({ type: 'fault', kind, phase: 'healed', what: '' })
    if (stage.complaints.length > 0) return
    await pause(REST_MS * chance.next())
  }
}

/**
 * Any minority of a view may lose its memory. Of three, when one is put out by one fault and the first of the two that are
 * left dies by another, what is left is no quorum, and nothing promises that it goes on.
 */
function survivable({ replicas }: Stage, one: Fault, other: Fault): boolean {
  if (replicas.length >= 5) return true
  return !(one.takesMemory && (other.takesMemory || other.parts)) && !(one.parts && other.takesMemory)
}
