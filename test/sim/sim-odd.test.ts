// One half of the fixed seeds; `fixed-seeds.ts` says of what.

import { testFixedSeeds } from './fixed-seeds.ts'

testFixedSeeds(0)
