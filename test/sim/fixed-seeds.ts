// The seeds that every `npm test` runs, in two halves for two cores, and the turns that they must take: a turn that the
// fixed seeds never take is a test that we don't have.

import { readFileSync } from 'node:fs'
import test from 'ava'
import { simulate } from './simulation.ts'
import { addTurns, TURNS, type TurnCounts } from './turns.ts'

const SEEDS = 500
const SEEDS_A_TEST = 50

/**
 * So that either half takes every turn. When a change of the protocol leaves one out, `npm run sim -- --seeds 1-2000`
 * names others that take it.
 */
const CHOSEN: readonly number[] = [623, 640, 655, 682, 716, 722, 749, 780, 789, 846, 867, 1210, 1328, 1387]

export function testFixedSeeds(half: 0 | 1): void {
  const turns: TurnCounts = {}
  let excused = 0
  let runs = 0
  const run = (seed: number): string | undefined => {
    const result = simulate(seed)
    addTurns(turns, result.turns)
    runs++
    if (result.excused !== undefined) excused++
    const { failure } = result
    return failure && `${failure.id} at ${failure.at.toFixed(1)} ms: ${failure.text}\nnpm run sim -- --seed ${seed}`
  }

  for (let first = 1; first <= SEEDS; first += SEEDS_A_TEST)
    test.serial(`seeds ${first} to ${first + SEEDS_A_TEST - 1}, every other: all guarantees hold`, (t) => {
      for (let seed = first + half; seed < first + SEEDS_A_TEST; seed += 2) {
        const failure = run(seed)
        if (failure !== undefined) t.fail(failure)
      }
      t.pass()
    })

  test.serial('seeds chosen for the turns that they take: all guarantees hold', (t) => {
    for (const seed of CHOSEN.filter((one) => one % 2 === half)) t.is(run(seed), undefined)
  })

  test.serial('the fixed seeds take every rare turn, and few of them are excused', (t) => {
    for (const turn of TURNS) t.true((turns[turn] ?? 0) > 0, `never taken: ${turn}`)
    t.true(excused < runs / 10, `${excused} of ${runs} runs lost a quorum to the crashes`)
  })

  for (const { seed, why } of formerFailures())
    if (seed % 2 === half)
      test.serial(`seed ${seed}, which failed once (${why}): passes`, (t) => {
        t.is(run(seed), undefined)
      })
}

/** Each line of `seeds.txt` is a seed and a sentence on what it found. */
function formerFailures(): { seed: number; why: string }[] {
  return readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [seed = '', ...words] = line.split(' ')
      return { seed: Number(seed), why: words.join(' ') }
    })
}
