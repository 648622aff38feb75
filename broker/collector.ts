// How the garbage collector is set for a replica, whose memory is mostly bytes outside V8's heap: batches, datagrams, what
// sockets read. What was measured for each is in `test/bench/README.md`.

import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** The first Node.js whose V8 knows the flags; an older one would complain. */
const NODE_MAJOR = 24

/** Of the young generation, both halves. Larger: pauses over 10 ms, and more memory. Smaller: half the throughput. */
const YOUNG_BYTES = 8 * 1024 * 1024
const GROWN_EVERY_MS = 100

/**
 * By how much memory may grow before all of it is collected. Larger: V8 lets it come to several times of what is in use,
 * later and later, and none of it is given back. Smaller: more collections, of some 20 ms of processor each.
 */
const GROWING_PERCENT = 120

/** To be called as early as possible in a process that runs a replica. */
export function setCollector(): void {
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR) return
  // Else the whole heap is collected each time 64 MiB of such bytes were allocated, however small the heap is: twenty
  // times a second at full load, half of a replica's processor time. Counted like the heap, they let its limit grow.
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  keepYoungSmall()
}

/** The limit itself can be set by an argument of Node.js only; that it grows no further can be said at any time. */
function keepYoungSmall(): void {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  if (young === undefined || young.space_size >= YOUNG_BYTES) setFlagsFromString('--semi-space-growth-factor=1')
  else setTimeout(keepYoungSmall, GROWN_EVERY_MS).unref()
}
