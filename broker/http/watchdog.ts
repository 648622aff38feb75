// Runs a function that may never come to an end, and stops it after a time. JavaScript cannot interrupt itself, but V8
// can interrupt a script, with all that it called, matching of regular expressions included; so the function is called
// by a script of one line. It costs about a fifth of a millisecond a call: for work that cannot be seen to be short
// beforehand.

import { createContext, Script } from 'node:vm'

const context = createContext({ run: undefined as (() => unknown) | undefined })
const script = new Script('run()', { filename: 'watchdog' })

/** What other threads do with the processor does not speed up this one. Node.js 22 cannot tell them apart. */
const ownUsage: typeof process.cpuUsage = process.threadCpuUsage ?? process.cpuUsage

/** However little of the processor this process gets, a second try takes no more than so many times as long. */
const LONGER_MAX = 4

/**
 * What `run` gives, or undefined when it was stopped after `ms`, twice. The time is that of the clock, so a pause of the
 * process, or others that keep the machine busy, look like a function that takes for ever: the second try gets as much
 * more time as the first had less of the processor. What `run` throws is thrown. What it was changing when it was stopped
 * stays half changed.
 */
export function within<T>(ms: number, run: () => T): { readonly value: T } | undefined {
  const before = ownUsage()
  const first = once(ms, run)
  if (first !== undefined) return first
  const { user, system } = ownUsage(before)
  const share = Math.min(1, (user + system) / 1000 / ms)
  return once(Math.ceil(ms * Math.min(LONGER_MAX, 1 / share)), run)
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
