// How the garbage collector is set for a replica, whose memory is mostly bytes outside V8's heap: batches, datagrams, what
// sockets read. What was measured for each is in `test/bench/README.md`.

import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { PerformanceObserver } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'

/** The first Node.js whose V8 knows the flags; an older one would complain. */
const NODE_MAJOR = 24

/**
 * The young generation grows while it is collected more often than this. Larger: what waits for the group lives through
 * more collections, each of which copies it. Smaller: pauses over 10 ms, and more memory.
 */
const COLLECTIONS_A_SECOND = 10

/**
 * By how much memory may grow before all of it is collected. Larger: V8 lets it come to several times of what is in use,
 * later and later, and none of it is given back. Smaller: more collections, of some 20 ms of processor each.
 */
const GROWING_PERCENT = 120

/**
 * How much nicer V8's helpers are than the thread that orders events. At 0 one that wakes on a busy machine may take its
 * core, for some milliseconds. Much larger: where all cores are always busy, marking falls behind what is allocated, and
 * the collector has to finish it while all waits.
 */
const HELPERS_NICER = 5

/** To be called as early as possible in a process that runs a replica. */
export function setCollector(): void {
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR) return
  // Else the whole heap is collected each time 64 MiB of such bytes were allocated, however small the heap is: twenty
  // times a second at full load, half of a replica's processor time. Counted like the heap, they let its limit grow.
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  // Little lives through a collection of the young generation: on a busy machine helpers take longer to wake than to help.
  setFlagsFromString('--no-parallel-scavenge')
  growYoung()
  if (process.platform === 'linux') letHelpersStepBack()
}

/** The limit itself can be set by an argument of Node.js only; whether it grows can be said at any time. */
function growYoung(): void {
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  observer.observe({ type: 'gc' })
  const look = (): void => {
    setFlagsFromString(`--semi-space-growth-factor=${collections > COLLECTIONS_A_SECOND ? 2 : 1}`)
    collections = 0
  }
  look()
  setInterval(look, 1000).unref()
}

/**
 * The threads of V8 that compile, mark and sweep. Linux has a nice value for each thread, and takes the id of one where
 * POSIX has that of a process (setpriority(2), "BUGS"). Node.js names these since 24.
 */
function letHelpersStepBack(): void {
  const threads = '/proc/self/task'
  try {
    const nice = Math.min(getPriority() + HELPERS_NICER, constants.priority.PRIORITY_LOW)
    for (const id of readdirSync(threads)) {
      if (readFileSync(`${threads}/${id}/comm`, 'utf8') === 'V8Worker\n') setPriority(Number(id), nice)
    }
  } catch {} // No /proc, or a thread that has just ended: all works as well, only less evenly.
}
