// Looks for the smallest plan with which a seed still breaks the same guarantee: one thing after another is left out, and
// stays out if the run still fails so. Every try is a whole run, so a small plan is found in some minutes at most, and the
// same one every time.

import { drawPlan } from './plan.ts'
import type { RunResult } from './simulation.ts'
import { type Change, SPARABLE, smaller } from './smaller.ts'

export interface Shrunk {
  readonly change: Change
  readonly result: RunResult
  readonly runs: number
}

/** After so many runs the smallest so far is good enough. */
const RUNS_MAX = 400

/** `first`: the failed run of the whole plan. */
export function shrink(first: RunResult, run: (change: Change) => RunResult, say: (text: string) => void): Shrunk {
  const { seed } = first
  const guarantee = first.failure?.id
  let best: Shrunk = { change: {}, result: first, runs: 0 }
  let runs = 0
  const plan = drawPlan(seed)
  const attempt = (change: Change): boolean => {
    const same = JSON.stringify(smaller(plan, change)) === JSON.stringify(smaller(plan, best.change))
    if (same || runs >= RUNS_MAX) return false
    runs++
    const result = run(change)
    if (result.failure?.id !== guarantee) return false
    best = { change, result, runs }
    return true
  }
  for (let before: Change | undefined; before !== best.change && runs < RUNS_MAX; ) {
    before = best.change
    shorten(plan.faultsUntilMs, best, attempt)
    const { strikes, ambushes } = smaller(plan, best.change)
    const numbers = (list: readonly { readonly number: number }[]): number[] => list.map(({ number }) => number)
    leaveOut(numbers(strikes), (rest) => attempt({ ...best.change, strikes: rest }))
    leaveOut(numbers(ambushes), (rest) => attempt({ ...best.change, ambushes: rest }))
    for (const name of SPARABLE) {
      const { without = [] } = best.change
      if (!without.includes(name)) attempt({ ...best.change, without: [...without, name] })
    }
    for (let publishers = 1; publishers < smaller(plan, best.change).workload.publishers; publishers++)
      if (attempt({ ...best.change, publishers })) break
    for (let members = 1; members < smaller(plan, best.change).roster.length; members++)
      if (attempt({ ...best.change, members })) break
    const left = smaller(plan, best.change)
    say(
      `after ${runs} runs: ${left.strikes.length} strikes, ${left.ambushes.length} ambushes, ` +
        `${left.workload.publishers} publishers, ${left.roster.length} members, until ${left.faultsUntilMs.toFixed(0)} ms`,
    )
  }
  return { ...best, runs }
}

function shorten(untilMs: number, best: Shrunk, attempt: (change: Change) => boolean): void {
  const failedAt = Math.ceil(best.result.failure?.at ?? untilMs)
  let most = Math.min(best.change.untilMs ?? Math.ceil(untilMs), failedAt)
  if (most < (best.change.untilMs ?? untilMs)) attempt({ ...best.change, untilMs: most })
  for (let part = 0.5; part < 0.95; part += 0.2) {
    const less = Math.ceil(most * part)
    if (attempt({ ...best.change, untilMs: less })) most = less
  }
}

/** In halves, then quarters, down to one by one (delta debugging, Zeller 1999, without its complements). */
function leaveOut(list: readonly number[], attempt: (rest: number[]) => boolean): void {
  let rest = [...list]
  for (let size = rest.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < rest.length; ) {
      const without = [...rest.slice(0, from), ...rest.slice(from + size)]
      if (attempt(without)) rest = without
      else from += size
    }
  }
}
