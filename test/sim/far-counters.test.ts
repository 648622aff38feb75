// Counters that begin near a limit must change nothing.

import test from 'ava'
import { loadEdited } from './edited-protocol.ts'
import { FAR_COUNTERS } from './far-counters.ts'

const SEEDS = 12

for (const far of FAR_COUNTERS) {
  test.serial(`${far.what}: ${SEEDS} seeds pass`, async (t) => {
    const { simulate } = await loadEdited(far)
    for (let seed = 1; seed <= SEEDS; seed++) t.is(simulate(seed).failure, undefined, `seed ${seed}`)
  })
}
