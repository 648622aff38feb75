// One half of the broken variants; `broken-variants.ts` says of what.

import test from 'ava'
import { testVariants } from './broken-variants.ts'
import { VARIANTS } from './variants.ts'

testVariants(1)

test('variants: each has a name and a sentence of its own', (t) => {
  for (const key of ['name', 'what'] as const) t.is(new Set(VARIANTS.map((one) => one[key])).size, VARIANTS.length, key)
})
