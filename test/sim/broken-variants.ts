// Every broken variant must be caught, and by the one that keeps its guarantee. One that is not is a hole. In two halves for
// two cores.

import test from 'ava'
import { hunt } from './hunt.ts'
import { VARIANTS } from './variants.ts'

export function testVariants(half: 0 | 1): void {
  for (const variant of VARIANTS.filter((_, i) => i % 2 === half)) {
    test.serial(`broken so that ${variant.what}: caught by ${variant.caughtBy.join(', ')}`, async (t) => {
      const caught = await hunt(variant)
      t.truthy(caught, `${variant.name} is not caught`)
      t.true(caught && variant.caughtBy.includes(caught.id), `caught by ${caught?.id}: ${caught?.text}`)
    })
  }
}
