// Looks for what a broken variant of the protocol breaks: first in the scenario that is made for it, or over seeds.

import { loadBroken } from './broken-protocol.ts'
import type { Variant } from './variants.ts'
import type { Failure } from './world.ts'

export interface Catch {
  /** The guarantee whose checker noticed, `BUG` or `SCRIPT`. */
  readonly id: string
  readonly text: string
  /** The line that shows it. */
  readonly command: string
  /** How many seeds were run; 0 for a scenario. */
  readonly seeds: number
}

export async function hunt(variant: Variant): Promise<Catch | undefined> {
  const { simulate, scenarios } = await loadBroken(variant)
  const caught = (failure: Failure, flag: string, seeds: number): Catch => ({
    id: failure.id.split(' ')[0]!,
    text: failure.text,
    command: `npm run sim -- ${flag} --variant ${variant.name}`,
    seeds,
  })
  if ('scenario' in variant.shownBy) {
    const { scenario: name } = variant.shownBy
    const scenario = scenarios.find((one) => one.name === name)
    if (scenario === undefined) throw new Error(`variant ${variant.name}: there is no scenario ${name}`)
    const failure = scenario.run({})
    return failure && caught(failure, `--scenario ${name}`, 0)
  }
  const { from, within } = variant.shownBy
  for (let seed = from; seed < from + within; seed++) {
    const { failure } = simulate(seed)
    if (failure !== undefined) return caught(failure, `--seed ${seed}`, seed - from + 1)
  }
  return undefined
}
