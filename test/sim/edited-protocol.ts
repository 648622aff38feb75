// Loads the simulator once more, with the broker edited in a few places. An edit names a file, the text that is there and
// the text to put in its place; a hook of the module loader does so while the file is read. Nothing on disk changes, and
// the right protocol can run in the same process beside it: modules are told apart by `?edited=` in their address.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Scenario } from './script.ts'
import type { simulate } from './simulation.ts'

export interface Edited {
  readonly name: string
  /** The rule that is another one, in words. */
  readonly what: string
  readonly edits: readonly Edit[]
}

export interface Edit {
  /** Below `broker/`. */
  readonly file: string
  /** Must be in the file exactly once: a rule that is written otherwise since is complained about. */
  readonly right: string
  readonly put: string
}

export interface Simulator {
  readonly simulate: typeof simulate
  readonly scenarios: readonly Scenario[]
}

const BROKER = new URL('../../broker/', import.meta.url).href
const loaded = new Map<string, Edited>()

/** The simulator around the edited protocol. */
export async function loadEdited(edited: Edited): Promise<Simulator> {
  if (loaded.size === 0) hookLoader()
  loaded.set(edited.name, edited)
  for (const { file, right } of edited.edits) {
    const occurrences = readFileSync(new URL(file, BROKER), 'utf8').split(right).length - 1
    if (occurrences !== 1) {
      throw new Error(`${edited.name}: this text is ${occurrences} times in broker/${file}, not once:\n${right}`)
    }
  }
  const load = (file: string) => import(new URL(`${file}?edited=${edited.name}`, import.meta.url).href)
  const [{ simulate }, { SCENARIOS }] = await Promise.all([load('simulation.ts'), load('scenarios.ts')])
  return { simulate, scenarios: SCENARIOS }
}

function hookLoader(): void {
  registerHooks({
    // Whatever an edited module imports belongs to the edited protocol too.
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      const name = context.parentURL && nameOf(context.parentURL)
      const ours = resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/')
      return name && ours ? { ...resolved, url: `${resolved.url}?edited=${name}` } : resolved
    },
    load(url, context, next) {
      const edits = loaded.get(nameOf(url) ?? '')?.edits ?? []
      const here = edits.filter(({ file }) => url.startsWith(`${new URL(file, BROKER).href}?`))
      if (here.length === 0) return next(url, context)
      let source = readFileSync(fileURLToPath(url.slice(0, url.indexOf('?'))), 'utf8')
      for (const { right, put } of here) source = source.replace(right, () => put)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

function nameOf(url: string): string | undefined {
  return url.startsWith('file:') ? (new URL(url).searchParams.get('edited') ?? undefined) : undefined
}
