import { testVariants } from './broken-variants.ts'

testVariants(0)
