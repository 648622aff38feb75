// One run: a world made from a seed, a time of faults in which nothing wrong may happen, then healing and a time in
// which everything good must happen.

import { Nemesis } from './nemesis.ts'
import { drawPlan, type Plan } from './plan.ts'
import { type Change, smaller } from './smaller.ts'
import type { TraceLevel } from './trace.ts'
import type { TurnCounts } from './turns.ts'
import { Workload } from './workload.ts'
import { type Failure, World } from './world.ts'

export interface RunOptions {
  /** Instead of what the seed has drawn. */
  readonly application?: 'log' | 'broker' | undefined
  /** Leaves out part of it. */
  readonly change?: Change | undefined
  readonly trace?: TraceLevel
  readonly print?: (line: string) => void
}

export interface RunResult {
  readonly seed: number
  readonly failure: Failure | undefined
  /** Why liveness was not judged. */
  readonly excused: string | undefined
  readonly turns: TurnCounts
  readonly virtualMs: number
  readonly events: number
  /** Virtual time from healing until all was well. */
  readonly healedMs: number
}

/** Bound on the time that a healed group takes until everybody is in and everything is delivered. */
const LIVENESS_MS = 30_000
/** A group that was given up for lost is still watched for so long: safety has no excuse. */
const EXCUSED_MS = 2500
const IDLE_MS = 500
/** Until what is suspected has no effect any more. */
const FORGOTTEN_MS = 500

export function simulate(seed: number, options: RunOptions = {}): RunResult {
  const drawn = smaller(drawPlan(seed), options.change ?? {})
  const plan = { ...drawn, application: options.application ?? drawn.application }
  options.print?.(planText(plan))
  const world = new World({
    seed,
    roster: plan.roster,
    settings: plan.settings,
    datagramBytesMax: plan.datagramBytesMax,
    application: plan.application,
    publishTimeoutMs: 3 * plan.workload.patienceMs,
    trace: options.trace ?? 'none',
    excusesUnheard: true,
    ...(options.print === undefined ? {} : { print: options.print }),
  })
  for (const name of [...plan.roster, ...plan.others]) world.addHost(name)
  const chance = world.chance.fork('hosts')
  if (plan.strikes.some(({ fault }) => fault === 'namesake')) world.addHost(chance.pick(plan.roster))
  for (const host of world.hosts.slice(0, plan.roster.length)) {
    const delay = chance.between(0, plan.startSpreadMs)
    world.agenda.after(delay, () => !host.process?.open && world.start(host))
  }
  const workload = new Workload(world, plan.workload)
  const nemesis = new Nemesis(world, plan, workload)

  world.run(Math.max(plan.faultsUntilMs, plan.startSpreadMs))
  const healedMs = (world.failure ?? world.over) ? 0 : judge(world, nemesis, workload)
  return {
    seed,
    failure: world.failure,
    excused: world.over ?? world.quorums.lost,
    turns: world.turns.counts,
    virtualMs: world.now,
    events: workload.publishers.reduce((sum, publisher) => sum + publisher.confirmed, 0),
    healedMs,
  }
}

function judge(world: World, nemesis: Nemesis, workload: Workload): number {
  nemesis.heal()
  const healed = world.now
  const told = {
    confirmed: new Map<string, number>(),
    subscribers: workload.subscribers.map((subscriber) => subscriber.name),
  }
  if (world.quorums.lost !== undefined) {
    world.run(EXCUSED_MS)
    if (world.failure === undefined) world.ended({ ...told, complaints: [], idle: undefined })
    return 0
  }
  world.run(300)
  workload.stop()
  const complaints: string[] = []
  const well = (): boolean =>
    world.quorums.lost !== undefined ||
    (world.settled() && workload.outstanding === 0 && world.undelivered().length === 0)
  const within = (ms: number, what: string): boolean => {
    if (world.runUntil(well, ms) || world.failure !== undefined || world.over !== undefined) return true
    complaints.push(
      `${ms / 1000} s after ${what}: ${workload.outstanding} events are not confirmed, ${world.undelivered().length} ` +
        `requests not delivered; ${world.summary().join('; ')}`,
    )
    return false
  }
  let idle: { ms: number; sent: Record<string, number> } | undefined
  if (within(LIVENESS_MS, 'healing')) {
    workload.last()
    if (within(5000, 'one more event of each publisher')) {
      // The last acknowledgements are out, and who was heard by a word from the past is forgotten.
      world.run(Math.max(400, healed + world.settings.suspectAfterMs + FORGOTTEN_MS - world.now))
      workload.readToTheEnd()
      world.sent = {}
      world.run(IDLE_MS)
      idle = { ms: IDLE_MS, sent: world.sent }
    }
  }
  const healedMs = world.now - healed
  if (world.failure === undefined) world.ended({ ...told, confirmed: workload.confirmed(), complaints, idle })
  return healedMs
}

export function planText(plan: Plan): string {
  const { weather, workload } = plan
  return [
    `seed ${plan.seed}: roster ${plan.roster.join(' ')}, others ${plan.others.join(' ') || 'none'}`,
    `settings ${JSON.stringify(plan.settings)}, datagrams of ${plan.datagramBytesMax} bytes`,
    `weather ${JSON.stringify(weather)}`,
    `application ${plan.application}, workload ${JSON.stringify(workload)}`,
    `strikes ${plan.strikes.map((one) => `${one.number} ${one.fault} at ${one.atMs.toFixed(0)}`).join(', ') || 'none'}`,
    `ambushes ${plan.ambushes.map((one) => `${one.number} ${one.act} ${one.victim} at ${one.kind} +${one.skip}`).join(', ') || 'none'}`,
    `faults until ${plan.faultsUntilMs.toFixed(0)}, hints ${plan.hints}, link told ${plan.linkTold}, reckless ${plan.reckless}`,
  ].join('\n')
}
