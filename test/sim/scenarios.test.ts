// Runs every directed scenario. One that fails is read best with its trace: the message has the command.

import test from 'ava'
import { SCENARIOS } from './scenarios.ts'

for (const scenario of SCENARIOS)
  test(scenario.title, (t) => {
    const failure = scenario.run({})
    if (failure === undefined) t.pass()
    else
      t.fail(
        `${failure.id} at ${failure.at.toFixed(1)} ms: ${failure.text}\nnpm run sim -- --scenario ${scenario.name}`,
      )
  })
