// How a process with replicas in it comes to its end: the first SIGTERM or SIGINT asks them to leave, the second does
// not wait for it; and whatever nobody caught is a bug, after which it is safest to stop.

import type { Log } from '../log.ts'
import type { Ending } from '../replica.ts'

/** A replica, or a whole group. */
interface Endable {
  readonly ended: Promise<Ending>
  stop(): void
}

/** Resolves at the first of these signals. To be called before anything is started: until then, either ends the process. */
export function toldToStop(log: Log): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let asked = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      log.warn({ signal }, 'told to stop for the second time: not waiting any longer')
      process.exit(1)
    }
    asked = true
    resolve()
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return promise
}

/** Resolves with the exit code, when it has ended: because it was told to stop, or because it failed. */
export async function untilEnded(replica: Endable, told: Promise<void>): Promise<number> {
  void told.then(() => replica.stop())
  return (await replica.ended).failed ? 1 : 0
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
