// What is said at most so often to or of each: an answer to every datagram of a chatty stranger would make two.

import type { Instant } from './port.ts'

/** Beyond it all is forgotten: saying something once too often does no harm. */
const KEYS_MAX = 256

export class Seldom<Key> {
  private readonly saidAt = new Map<Key, Instant>()

  /** Whether it may be said now; then it counts as said. */
  may(key: Key, everyMs: number, time: Instant): boolean {
    const last = this.saidAt.get(key)
    if (last !== undefined && time - last < everyMs) return false
    if (this.saidAt.size >= KEYS_MAX) this.saidAt.clear()
    this.saidAt.set(key, time)
    return true
  }
}
