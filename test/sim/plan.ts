// What a seed decides before a run begins: how many replicas, which settings, what weather, which faults and how often,
// what work. Most runs have few kinds of faults, so that each is also seen in clear air.

import { OVERHEAD_BYTES } from '../../broker/group/codec.ts'
import type { Message } from '../../broker/group/message.ts'
import { DEFAULT_SETTINGS, type GroupSettings } from '../../broker/group/settings.ts'
import { CALM, type Weather } from './fabric.ts'
import { Chance } from './random.ts'
import type { WorkloadOptions } from './workload.ts'

export const FAULTS = [
  'crash',
  'crash between acts',
  'crash of several',
  'majority lost',
  'pause',
  'long pause',
  'one-way cut',
  'pair cut',
  'partition',
  'isolation',
  'flapping',
  'deafness',
  'clog',
  'bad host',
  'outage',
  'unlinked host',
  'clock jump',
  'slow member',
  'slow application',
  'smaller datagrams',
  'leave',
  'leave of several',
  'turnover',
  'join',
  'join of all',
  'namesake',
  'other settings',
  'false hint',
  'storm',
  'past again',
  'lull',
  'donor lost',
  'ragged edge',
  'restart of everybody outside',
] as const

export type Fault = (typeof FAULTS)[number]

/** A fault at its time. What else there is to it follows from the seed and the number. */
export interface Strike {
  readonly number: number
  readonly atMs: number
  readonly fault: Fault
}

/** Waits for a message of a kind, and strikes: failures at the steps of a view change are too rare to be left to luck. */
export interface Ambush {
  readonly number: number
  readonly kind: Message['kind']
  /** How many of that kind are let pass. */
  readonly skip: number
  readonly victim: 'sender' | 'receiver' | 'another'
  /** `kill`: before it leaves; `kill soon` by one act: right after. `part`: sender and victim, from each other. */
  readonly act:
    | 'kill'
    | 'kill soon'
    | 'pause'
    | 'long pause'
    | 'isolate'
    | 'part'
    | 'split'
    | 'clog'
    | 'leave'
    | 'late'
    | 'lose'
  /** For `kill soon`: after so many more acts. For `lose` and `late`, longer with more. */
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
  readonly strikes: readonly Strike[]
  readonly ambushes: readonly Ambush[]
  readonly faultsFromMs: number
  readonly faultsUntilMs: number
  /** Processes of the roster start within this time. */
  readonly startSpreadMs: number
  /** The host that is struck more often than the others; undefined: all alike. */
  readonly victim: number | undefined
  /** Deaths are noticed by a broken connection, and hinted. */
  readonly hints: boolean
  /** Probability that a host is told by its fabric when it is gone. */
  readonly linkTold: number
  /** Kills whom it likes: most such runs lose a quorum and are judged for safety alone. */
  readonly reckless: boolean
  /** Mean time until a dead process starts again, in ms. */
  readonly restartAfterMs: number
}

const AMBUSHED: readonly (readonly [Message['kind'], number])[] = [
  ['propose', 7],
  ['accept', 6],
  ['install', 7],
  ['collect', 4],
  ['state', 4],
  ['cut', 6],
  ['ready', 4],
  ['log', 2],
  ['chunk', 4],
  ['slot', 2],
  ['join', 1],
  ['pull', 1],
  ['refuse', 1],
  ['beat', 1],
  ['header', 1],
  ['want', 1],
  ['repair', 1],
  ['missed', 1],
  ['out', 1],
  ['ping', 0.5],
  ['pong', 0.5],
]

/** What they aim at is rarely hit. */
const OFTEN: readonly Fault[] = ['ragged edge', 'donor lost', 'smaller datagrams', 'outage', 'turnover']

/** Without one of these there may be no change of view to lie in ambush for. */
const CHANGING: readonly Fault[] = ['crash', 'leave', 'join', 'isolation', 'long pause']

export function drawPlan(seed: number): Plan {
  const chance = new Chance(seed, 'plan')
  const size = chance.weighted([
    [1, 4],
    [2, 10],
    [3, 37],
    [4, 15],
    [5, 23],
    [6, 5],
    [7, 6],
  ])
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']
  const joiners = chance.weighted([
    [0, 5],
    [1, 3],
    [2, 1],
    [4, 1],
  ])
  const datagramBytesMax = chance.weighted([
    [1024 * 1024, 14],
    [24 * 1024, 3],
    [10 * 1024, 3],
  ])
  const reckless = chance.chance(0.04)
  const faultsFromMs = chance.chance(0.25) ? 0 : 1200
  const faultsUntilMs = faultsFromMs + chance.between(2500, 7000)
  const ambushes = chance.chance(0.7) ? drawAmbushes(chance.fork('ambushes')) : []
  return {
    seed,
    roster: names.slice(0, size),
    others: names.slice(size, size + joiners),
    settings: drawSettings(chance.fork('settings'), size),
    datagramBytesMax,
    weather: drawWeather(chance.fork('weather')),
    workload: drawWorkload(chance.fork('workload'), datagramBytesMax - OVERHEAD_BYTES),
    application: seed % 4 === 0 ? 'broker' : 'log',
    strikes: drawStrikes(chance.fork('strikes'), faultsFromMs, faultsUntilMs, reckless, ambushes.length > 0),
    ambushes,
    faultsFromMs,
    faultsUntilMs,
    startSpreadMs: chance.weighted([
      [0, 3],
      [50, 3],
      [600, 2],
      [2500, 1],
    ]),
    victim: chance.chance(0.3) ? chance.whole(0, size - 1) : undefined,
    hints: chance.chance(0.5),
    linkTold: chance.weighted([
      [0, 4],
      [0.5, 2],
      [1, 4],
    ]),
    reckless,
    restartAfterMs: chance.between(100, 2500),
  }
}

function drawStrikes(chance: Chance, fromMs: number, untilMs: number, reckless: boolean, ambushed: boolean): Strike[] {
  const kinds = FAULTS.filter((fault) => fault !== 'majority lost' || reckless)
    .filter((fault) => chance.chance(OFTEN.includes(fault) ? 0.4 : 0.2))
    .map((fault) => [fault, chance.between(0.3, 1.5)] as const)
  if (ambushed && !kinds.some(([fault]) => CHANGING.includes(fault))) kinds.push([chance.pick(CHANGING), 1])
  if (reckless) kinds.push(['majority lost', 0.4])
  const everyMs = chance.between(250, 1500)
  const strikes: Strike[] = []
  if (kinds.length === 0) return strikes
  for (let atMs = fromMs + chance.wait(everyMs); atMs < untilMs; atMs += chance.wait(everyMs))
    strikes.push({ number: strikes.length + 1, atMs, fault: chance.weighted(kinds) })
  return strikes
}

function drawAmbushes(chance: Chance): Ambush[] {
  return Array.from({ length: chance.whole(1, 4) }, (_, i) => ({
    number: i + 1,
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
      ['part', 2],
      ['split', 1],
      ['clog', 1],
      ['leave', 1],
      ['late', 3],
      ['lose', 3],
    ]),
    measure: chance.whole(1, 8),
  }))
}

function drawSettings(chance: Chance, size: number): Partial<GroupSettings> {
  return {
    // Faster judgements make for more changes of view in the same time.
    ...(chance.chance(0.4) ? { suspectAfterMs: 400, stallAfterMs: 900, calmMs: 300, leaveWaitMs: 1500 } : {}),
    windowSlotsMax: chance.weighted([
      [DEFAULT_SETTINGS.windowSlotsMax, 5],
      [8, 2],
      [1, 1],
    ]),
    windowBytesMax: chance.weighted([
      [DEFAULT_SETTINGS.windowBytesMax, 5],
      [4096, 1],
    ]),
    batchBytesMax: chance.weighted([
      // Larger than a small datagram too: the fabric's limit is what counts then.
      [64 * 1024, 3],
      [8 * 1024, 1],
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
    minReplicas:
      size < 3
        ? 1
        : chance.weighted([
            [1, 7],
            [2, 1],
            [size, 1],
          ]),
    // What is let go of early is written over early.
    logBytesMax: chance.weighted([
      [DEFAULT_SETTINGS.logBytesMax, 2],
      [32 * 1024, 1],
      [4096, 1],
    ]),
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
    noisePerSecond: chance.weighted([
      [0, 3],
      [5, 1],
      [50, 1],
    ]),
  }
}

function drawWorkload(chance: Chance, carriedBytes: number): WorkloadOptions {
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
      // Up to what a datagram carries, and a little beyond.
      [Math.min(carriedBytes + 500, 100 * 1024), 1],
    ]),
    largeShare: carriedBytes < 100 * 1024 && chance.chance(0.5) ? 0.3 : 0.03,
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
