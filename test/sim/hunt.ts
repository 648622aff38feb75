// Looks for what a broken variant of the protocol breaks: first in the scenario that is made for it, or over seeds.

import { loadEdited } from './edited-protocol.ts'
import type { Variant } from './variants.ts'
import type { Failure } from './world.ts'

export interface Catch {
  /** The guarantee whose checker noticed, `BUG` or `SCRIPT`. */
  readonly id: string
  readonly text: string
  /** Where: the scenario, or the seed and how many were run. */
  readonly shown: string
}

export async function hunt(variant: Variant): Promise<Catch | undefined> {
  const { simulate, scenarios } = await loadEdited(variant)
  const caught = ({ id, text }: Failure, shown: string): Catch => ({ id: id.split(' ')[0]!, text, shown })
  if ('scenario' in variant.shownBy) {
    const { scenario: name } = variant.shownBy
    const scenario = scenarios.find((one) => one.name === name)
    if (scenario === undefined) throw new Error(`variant ${variant.name}: there is no scenario ${name}`)
    const failure = scenario.run({})
    return failure && caught(failure, `scenario ${name}`)
  }
  const { from, within } = variant.shownBy
  for (let seed = from; seed < from + within; seed++) {
    const { failure } = simulate(seed)
    if (failure === undefined) continue
    const seeds = seed - from + 1
    return caught(failure, `seed ${seed}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`)
  }
  return undefined
}
