// What a seed decides before a run begins: how many replicas, which settings, what weather, which faults and how often,
// what work. Most runs have few kinds of faults, so that each is also seen in clear air.

import type { Message } from '../../broker/group/message.ts'
import type { GroupSettings } from '../../broker/group/settings.ts'
import { CALM, type Weather } from './fabric.ts'
import { Chance } from './random.ts'
import type { WorkloadOptions } from './workload.ts'

export const FAULTS = [
  'crash',
  'crash between acts',
  'pause',
  'long pause',
  'one-way cut',
  'pair cut',
  'partition',
  'isolation',
  'deafness',
  'outage',
  'unlinked host',
  'clock jump',
  'slow member',
  'leave',
  'join',
  'namesake',
  'false hint',
  'storm',
  'restart of everybody outside',
] as const

export type Fault = (typeof FAULTS)[number]

/** Waits for a message of a kind, and strikes: failures at the steps of a view change are too rare to be left to luck. */
export interface Ambush {
  readonly kind: Message['kind']
  /** How many of that kind are let pass. */
  readonly skip: number
  readonly victim: 'sender' | 'receiver' | 'another'
  readonly act: 'kill' | 'kill soon' | 'pause' | 'long pause' | 'isolate' | 'lose'
  /** For `kill soon`: after so many more acts. For `lose`: for so many milliseconds, only this kind. */
  readonly measure: number
}

export interface Plan {
  readonly seed: number
  readonly roster: readonly string[]
  /** Names that are not in the roster and may join. */
  readonly others: readonly string[]
  readonly settings: Partial<GroupSettings>
  readonly datagramBytesMax: number
  readonly weather: Weather
  readonly workload: WorkloadOptions
  readonly application: 'log' | 'broker'
  readonly faults: readonly (readonly [Fault, number])[]
  readonly ambushes: readonly Ambush[]
  /** Mean time between two faults, in ms. */
  readonly faultEveryMs: number
  readonly faultsFromMs: number
  readonly faultsUntilMs: number
  /** Processes of the roster start within this time. */
  readonly startSpreadMs: number
  /** Deaths are noticed by a broken connection, and hinted. */
  readonly hints: boolean
  /** The fabric says when it is gone. */
  readonly linkTold: boolean
  /** Kills whom it likes: most such runs lose a quorum and are judged for safety alone. */
  readonly reckless: boolean
  /** Mean time until a dead process starts again, in ms. */
  readonly restartAfterMs: number
}

const AMBUSHED: readonly (readonly [Message['kind'], number])[] = [
  ['propose', 5],
  ['collect', 3],
  ['state', 3],
  ['accept', 4],
  ['install', 5],
  ['cut', 3],
  ['ready', 2],
  ['log', 2],
  ['chunk', 2],
  ['join', 1],
  ['slot', 2],
  ['beat', 1],
  ['repair', 1],
  ['missed', 1],
  ['out', 1],
]

export function drawPlan(seed: number): Plan {
  const chance = new Chance(seed, 'plan')
  const size = chance.weighted([
    [1, 5],
    [2, 12],
    [3, 40],
    [4, 14],
    [5, 22],
    [6, 3],
    [7, 4],
  ])
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
  const others = names.slice(
    size,
    size +
      chance.weighted([
        [0, 6],
        [1, 3],
        [2, 1],
      ]),
  )
  const small = chance.chance(0.25)
  const datagramBytesMax = small ? 24 * 1024 : 1024 * 1024
  const faults = FAULTS.filter(() => chance.chance(0.35)).map((fault) => [fault, chance.between(0.3, 1.5)] as const)
  const ambushes: Ambush[] = []
  if (chance.chance(0.6))
    for (let i = chance.whole(1, 4); i > 0; i--)
      ambushes.push({
        kind: chance.weighted(AMBUSHED),
        skip: chance.chance(0.5) ? 0 : chance.whole(0, 6),
        victim: chance.weighted([
          ['sender', 5],
          ['receiver', 3],
          ['another', 2],
        ]),
        act: chance.weighted([
          ['kill', 4],
          ['kill soon', 4],
          ['pause', 1],
          ['long pause', 1],
          ['isolate', 2],
          ['lose', 3],
        ]),
        measure: chance.whole(1, 8),
      })
  const faultsFromMs = chance.chance(0.25) ? 0 : 1200
  return {
    seed,
    roster: names.slice(0, size),
    others,
    settings: drawSettings(chance, size, small),
    datagramBytesMax,
    weather: drawWeather(chance),
    workload: drawWorkload(chance, small),
    application: seed % 4 === 0 ? 'broker' : 'log',
    faults,
    ambushes,
    faultEveryMs: chance.between(250, 1500),
    faultsFromMs,
    faultsUntilMs: faultsFromMs + chance.between(2500, 7000),
    startSpreadMs: chance.weighted([
      [0, 3],
      [50, 3],
      [600, 2],
      [2500, 1],
    ]),
    hints: chance.chance(0.5),
    linkTold: chance.chance(0.5),
    reckless: chance.chance(0.04),
    restartAfterMs: chance.between(100, 2500),
  }
}

function drawSettings(chance: Chance, size: number, small: boolean): Partial<GroupSettings> {
  return {
    // Faster judgements make for more changes of view in the same time.
    ...(chance.chance(0.4) ? { suspectAfterMs: 400, stallAfterMs: 900, calmMs: 300, leaveWaitMs: 1500 } : {}),
    windowSlotsMax: chance.weighted([
      [64, 5],
      [8, 2],
      [1, 1],
    ]),
    batchBytesMax: small
      ? 8 * 1024
      : chance.weighted([
          [64 * 1024, 3],
          [1024, 1],
        ]),
    queueRequestsMax: chance.weighted([
      [100_000, 4],
      [20, 1],
    ]),
    logEntriesMax: chance.weighted([
      [100_000, 2],
      [60, 1],
      [12, 1],
    ]),
    minReplicas: size >= 3 && chance.chance(0.1) ? 2 : 1,
  }
}

function drawWeather(chance: Chance): Weather {
  return {
    loss: chance.weighted([
      [0, 4],
      [0.001, 2],
      [0.02, 3],
      [0.1, 2],
      [0.3, 0.5],
    ]),
    duplication: chance.weighted([
      [0, 4],
      [0.02, 3],
      [0.3, 1],
    ]),
    delayMin: CALM.delayMin,
    delaySpread: chance.weighted([
      [0.2, 4],
      [3, 3],
      [15, 2],
      [60, 0.5],
    ]),
    reordering: chance.chance(0.4),
    replaysPerSecond: chance.weighted([
      [0, 3],
      [5, 1],
      [40, 1],
    ]),
  }
}

function drawWorkload(chance: Chance, small: boolean): WorkloadOptions {
  return {
    publishers: chance.whole(1, 4),
    subscribers: 2,
    everyMs: chance.weighted([
      [15, 1],
      [50, 3],
      [200, 2],
      [1000, 1],
    ]),
    bursts: chance.weighted([
      [0, 3],
      [0.02, 2],
      [0.2, 1],
    ]),
    burstEvents: 60,
    bytesMax: chance.weighted([
      [20, 3],
      [300, 2],
    ]),
    largeBytesMax: chance.weighted([
      [100, 3],
      [small ? 6 * 1024 : 100 * 1024, 1],
    ]),
    reactions: chance.weighted([
      [0, 2],
      [0.1, 1],
      [0.5, 1],
    ]),
    patienceMs: chance.between(150, 2000),
    meddlingMs: chance.between(100, 2000),
    eventsMax: 400,
  }
}
