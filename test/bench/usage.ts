// What a process has used, as Linux tells it of any process by its id.

import { readdirSync, readFileSync } from 'node:fs'

/** In hundredths of a second, after the name, which may hold anything but ends with the last bracket. */
export function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

/** Of the threads that it has now, for what hundredths of a second are too coarse. (https://docs.kernel.org/scheduler/sched-stats.html) */
export function threadMicrosecondsOf(pid: number): number {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), 10)
    } catch {} // It has ended meanwhile.
  }
  return ns / 1000
}

/** Not a number where the system does not tell. */
export function residentBytesOf(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return Number.NaN
  }
}
