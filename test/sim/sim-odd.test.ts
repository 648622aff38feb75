import { testFixedSeeds } from './fixed-seeds.ts'

testFixedSeeds(0)
