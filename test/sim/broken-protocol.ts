// Loads the simulator once more, with the protocol broken in one place. A variant names a file, the text that is right
// and the text to put in its place; a hook of the module loader does so while the file is read. Nothing on disk changes,
// and the right protocol can run in the same process beside it: modules are told apart by `?variant=` in their address.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Scenario } from './script.ts'
import type { simulate } from './simulation.ts'
import { VARIANTS, type Variant } from './variants.ts'

export interface Simulator {
  readonly simulate: typeof simulate
  readonly scenarios: readonly Scenario[]
}

const BROKER = new URL('../../broker/', import.meta.url).href
let hooked = false

/** The simulator around the protocol with one rule broken. */
export async function loadBroken(variant: Variant): Promise<Simulator> {
  if (!hooked) hookLoader()
  hooked = true
  for (const { file, right } of variant.edits) {
    const occurrences = readFileSync(new URL(file, BROKER), 'utf8').split(right).length - 1
    if (occurrences !== 1) {
      throw new Error(
        `variant ${variant.name}: this text is ${occurrences} times in broker/${file}, not once:\n${right}`,
      )
    }
  }
  const load = (file: string) => import(new URL(`${file}?variant=${variant.name}`, import.meta.url).href)
  const [{ simulate }, { SCENARIOS }] = await Promise.all([load('simulation.ts'), load('scenarios.ts')])
  return { simulate, scenarios: SCENARIOS }
}

function hookLoader(): void {
  registerHooks({
    // Whatever a module of a variant imports belongs to the variant too.
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const name = context.parentURL && variantOf(context.parentURL)
      const ours = resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/')
      return name && ours ? { ...resolved, url: `${resolved.url}?variant=${name}` } : resolved
    },
    load(url, context, next) {
      const name = variantOf(url)
      const edits = VARIANTS.find((one) => one.name === name)?.edits ?? []
      const here = edits.filter(({ file }) => url.startsWith(`${new URL(file, BROKER).href}?`))
      if (here.length === 0) return next(url, context)
      let source = readFileSync(fileURLToPath(url.slice(0, url.indexOf('?'))), 'utf8')
      for (const { right, broken } of here) source = source.replace(right, () => broken)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

function variantOf(url: string): string | undefined {
  return url.startsWith('file:') ? (new URL(url).searchParams.get('variant') ?? undefined) : undefined
}
