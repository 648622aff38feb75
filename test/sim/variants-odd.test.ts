import test from 'ava'
import { testVariants } from './broken-variants.ts'
import { VARIANTS } from './variants.ts'

testVariants(1)

test('variants: each has a name of its own', (t) => {
  t.is(new Set(VARIANTS.map(({ name }) => name)).size, VARIANTS.length)
})
