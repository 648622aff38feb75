// Every broken variant must be caught, and by the one that keeps its guarantee. One that is not is a hole.

import test from 'ava'
import { hunt } from './hunt.ts'
import { VARIANTS } from './variants.ts'

for (const variant of VARIANTS) {
  test.serial(`broken so that ${variant.what}: caught by ${variant.caughtBy.join(', ')}`, async (t) => {
    const caught = await hunt(variant)
    t.truthy(caught, `${variant.name} is not caught`)
    t.true(caught && variant.caughtBy.includes(caught.id), `caught by ${caught?.id}: ${caught?.text}`)
  })
}

test('variants: each has a name of its own', (t) => {
  t.is(new Set(VARIANTS.map(({ name }) => name)).size, VARIANTS.length)
})
