// Runs a function that may never come to an end, and stops it after a time. JavaScript cannot interrupt itself, but V8
// can interrupt a script, with all that it called, matching of regular expressions included; so the function is called
// by a script of one line. It costs about a fifth of a millisecond a call: for work that cannot be seen to be short
// beforehand.

import { createContext, Script } from 'node:vm'

const context = createContext({ run: undefined as (() => unknown) | undefined })
const script = new Script('run()', { filename: 'watchdog' })

/**
 * What `run` gives, or undefined when it was stopped after `ms`, twice: a pause of the process looks like a function
 * that takes for ever, but does not happen twice in a row. What it throws is thrown. What it was changing when it was
 * stopped stays half changed.
 */
export function within<T>(ms: number, run: () => T): { readonly value: T } | undefined {
  return once(ms, run) ?? once(ms, run)
}

function once<T>(ms: number, run: () => T): { readonly value: T } | undefined {
  const outer = context['run'] as (() => unknown) | undefined
  context['run'] = run
  try {
    return { value: script.runInContext(context, { timeout: ms }) as T }
  } catch (error) {
    if ((error as { code?: unknown } | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined
    throw error
  } finally {
    context['run'] = outer
  }
}
