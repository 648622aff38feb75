// How the garbage collector is set for a replica, whose memory is mostly bytes outside V8's heap: batches, datagrams, what
// sockets read. V8 collects its whole heap each time 64 MiB of such bytes were allocated, however small the heap is, which
// at full load is twenty times a second and takes half of a replica's processor time. Counted like the heap itself, they
// let the limit grow with what is kept. Measured in `test/bench`: group-100 1.4 times, product-1k 1.2 times as fast.

import { setFlagsFromString } from 'node:v8'

/** The first Node.js whose V8 knows the flag; an older one would complain. */
const NODE_MAJOR = 24

/** To be called as early as possible in a process that runs a replica. */
export function setCollector(): void {
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR) return
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
