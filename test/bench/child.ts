// The frame of every measured process: it gets ready, measures when it is told to, and ends when it is told to, when its
// parent is gone, or when it has lived too long.

import type { Measured, Order, Report, Task, Window } from './task.ts'

/** However a run goes wrong, nothing of it is left so long after its start, or after the window that it was told of. */
const LIFE_MS = 120_000

export interface Work {
  /** Begins to make load. */
  start(window: Window): void
  /** Events counted so far. */
  events(): number
  counts(): Record<string, number>
  readonly latencies: number[]
  close(): Promise<void>
}

/** `prepare` resolves when the work could begin; what it throws, then or later, fails the run. */
export function serve(prepare: (task: Task, fail: (error: unknown) => void) => Promise<Work>): void {
  const say = (report: Report): void => void process.send?.(report)
  const fail = (error: unknown): void => {
    const report: Report = { type: 'failed', why: error instanceof Error ? String(error.stack) : String(error) }
    if (process.send === undefined || !process.connected) process.exit(1)
    process.send(report, () => process.exit(1))
  }
  process.once('uncaughtException', fail)
  process.once('unhandledRejection', fail)
  process.once('disconnect', () => process.exit(1))
  const endAfter = (ms: number): NodeJS.Timeout => setTimeout(() => process.exit(1), ms).unref()
  let life = endAfter(LIFE_MS)

  const task = JSON.parse(process.argv[2]!) as Task
  const prepared = prepare(task, fail)
  prepared.then(() => say({ type: 'ready' }), fail)
  process.on('message', async (order: Order) => {
    const work = await prepared
    if (order.type === 'stop') {
      await work.close()
      process.exit(0)
    }
    clearTimeout(life)
    life = endAfter(Math.max(0, order.window.until - Date.now()) + LIFE_MS)
    work.start(order.window)
    say({ type: 'measured', measured: await measure(work, order.window) })
  })
}

async function measure(work: Work, window: Window): Promise<Measured> {
  await instant(window.from)
  // What ended before is not measured, and no latency of it either; nor what is open at the end.
  work.latencies.length = 0
  const events = work.events()
  const at = performance.now()
  const cpu = process.cpuUsage()
  await instant(window.until)
  const ms = performance.now() - at
  const { user, system } = process.cpuUsage(cpu)
  return {
    events: work.events() - events,
    seconds: ms / 1000,
    cpuShare: (user + system) / 1000 / ms,
    latencies: [...work.latencies],
    counts: work.counts(),
  }
}

function instant(at: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, at - Date.now())))
}
