// One half of the broken variants; `broken-variants.ts` says of what.

import { testVariants } from './broken-variants.ts'

testVariants(0)
