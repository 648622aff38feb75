// How a command that goes on for long is ended from outside: the first signal asks it to come to its end, the second one
// does not wait for it.

import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Raised by Ctrl-C and the like, with the exit code as its reason: 130 for Ctrl-C, as shells have it. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const name of SIGNALS) process.once(name, () => interrupted.abort(128 + constants.signals[name]))
  return interrupted.signal
}

/** 0: it was not interrupted. */
export function exitCode(interrupted: AbortSignal): number {
  return interrupted.aborted ? (interrupted.reason as number) : 0
}

export const INTERRUPTED: readonly [code: number, meaning: string] = [
  130,
  'it was ended by Ctrl-C; 143: by SIGTERM; 129: by SIGHUP',
]
