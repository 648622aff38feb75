// How a process with replicas in it comes to its end: the first SIGTERM or SIGINT asks them to leave, the second does
// not wait for it; and whatever nobody caught is a bug, after which it is safest to stop.

import type { Log } from '../log.ts'
import type { Replica } from '../replica.ts'

/** Resolves with the exit code, when all have ended or one has failed. */
export async function untilEnded(replicas: readonly Replica[], log: Log): Promise<number> {
  let asked = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log.warn({ signal }, 'told to stop for the second time: not waiting any longer')
      process.exit(1)
    }
    asked = true
    for (const replica of replicas) replica.stop()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  const endings = replicas.map((replica) => replica.ended)
  const failed = Promise.race(
    endings.map(async (ending) => ((await ending).failed ? 1 : await new Promise<number>(() => {}))),
  )
  return await Promise.race([failed, Promise.all(endings).then(() => 0)])
}

/** To be called before anything else is started. */
export function stopOnBugs(log: Log): void {
  const onBug = (error: unknown): void => {
    log.fatal({ err: error }, 'a bug: nobody caught this, so the process stops')
    process.exit(1)
  }
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)
}
