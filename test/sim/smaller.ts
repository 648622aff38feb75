// Makes a plan smaller: fewer faults, a shorter time, fewer publishers and members, calmer weather. What a failing seed
// needs is found by trying (shrink.ts), and told in flags of `npm run sim` that bring the smaller run back.

import { CALM } from './fabric.ts'
import { FAULTS, type Fault, type Plan } from './plan.ts'

export interface Change {
  /** Kinds of faults, and whatever else a run can do without. */
  readonly without?: readonly string[]
  /** Only these strikes, by number. */
  readonly strikes?: readonly number[]
  /** Only these ambushes, by number. */
  readonly ambushes?: readonly number[]
  /** Everything heals at this time, or as planned if that is earlier. */
  readonly untilMs?: number
  readonly publishers?: number
  /** Size of the roster. */
  readonly members?: number
}

/** What a run can do without, besides kinds of faults. */
const SPARED: Readonly<Record<string, (plan: Plan) => Partial<Plan>>> = {
  joiners: () => ({ others: [] }),
  settings: () => ({ settings: {} }),
  'small datagrams': () => ({ datagramBytesMax: 1024 * 1024 }),
  hints: () => ({ hints: false }),
  'late starts': () => ({ startSpreadMs: 0 }),
  loss: ({ weather }) => ({ weather: { ...weather, loss: 0 } }),
  duplication: ({ weather }) => ({ weather: { ...weather, duplication: 0 } }),
  delay: ({ weather }) => ({ weather: { ...weather, delaySpread: CALM.delaySpread } }),
  reordering: ({ weather }) => ({ weather: { ...weather, reordering: false } }),
  replays: ({ weather }) => ({ weather: { ...weather, replaysPerSecond: 0 } }),
  noise: ({ weather }) => ({ weather: { ...weather, noisePerSecond: 0 } }),
  bursts: ({ workload }) => ({ workload: { ...workload, bursts: 0 } }),
  reactions: ({ workload }) => ({ workload: { ...workload, reactions: 0 } }),
  meddling: ({ workload }) => ({ workload: { ...workload, meddlingMs: 0 } }),
  'large events': ({ workload }) => ({ workload: { ...workload, largeBytesMax: workload.bytesMax } }),
}

export const SPARABLE: readonly string[] = Object.keys(SPARED)

export function smaller(plan: Plan, change: Change): Plan {
  const { without = [], strikes, ambushes, untilMs, publishers, members } = change
  const unknown = without.find((name) => !(name in SPARED) && !FAULTS.includes(name as Fault))
  if (unknown !== undefined)
    throw new Error(`--without ${unknown}: one of ${[...SPARABLE, ...FAULTS].join(', ')}, several with commas`)
  const faultsUntilMs = Math.min(plan.faultsUntilMs, untilMs ?? plan.faultsUntilMs)
  const roster = plan.roster.slice(0, members ?? plan.roster.length)
  let made: Plan = {
    ...plan,
    roster,
    settings: { ...plan.settings, minReplicas: Math.min(plan.settings.minReplicas ?? 1, roster.length) },
    faultsUntilMs,
    startSpreadMs: Math.min(plan.startSpreadMs, faultsUntilMs),
    strikes: plan.strikes.filter(
      ({ number, fault, atMs }) =>
        atMs < faultsUntilMs && !without.includes(fault) && (strikes === undefined || strikes.includes(number)),
    ),
    ambushes: plan.ambushes.filter(({ number }) => ambushes === undefined || ambushes.includes(number)),
    workload: { ...plan.workload, publishers: Math.min(publishers ?? Infinity, plan.workload.publishers) },
  }
  for (const name of without) made = { ...made, ...SPARED[name]?.(made) }
  return made
}

/** The flags that make this change. */
export function changeFlags(change: Change): string[] {
  const { without, strikes, ambushes, untilMs, publishers, members } = change
  const numbers = (list: readonly number[]): string => (list.length === 0 ? 'none' : list.join(','))
  return [
    ...(without === undefined ? [] : ['--without', without.join(',')]),
    ...(strikes === undefined ? [] : ['--strikes', numbers(strikes)]),
    ...(ambushes === undefined ? [] : ['--ambushes', numbers(ambushes)]),
    ...(untilMs === undefined ? [] : ['--until', `${untilMs}`]),
    ...(publishers === undefined ? [] : ['--publishers', `${publishers}`]),
    ...(members === undefined ? [] : ['--members', `${members}`]),
  ]
}
