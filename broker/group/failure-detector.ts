// Who lives, as far as can be told from here. Any datagram proves life; silence makes a suspicion, which is a local
// opinion and is withdrawn when the member is heard again. A hint (a refused connection, a namesake that joins) only
// starts a probe: pings to that very incarnation, which answers in any state; a failed probe is a suspicion at once. So
// a killed process is noticed in tens of milliseconds, and a pause only after `suspectAfterMs`.

import type { Instant } from './port.ts'
import type { GroupSettings } from './settings.ts'
import type { Incarnation } from './view.ts'

const PINGS = 3

interface Probe {
  readonly number: number
  readonly startedAt: Instant
  pings: number
}

export class FailureDetector {
  private readonly settings: GroupSettings
  private readonly heardAt = new Map<Incarnation, Instant>()
  private readonly probes = new Map<Incarnation, Probe>()
  private readonly failed = new Set<Incarnation>()
  private probeNumber = 0

  constructor(settings: GroupSettings) {
    this.settings = settings
  }

  heard(incarnation: Incarnation, time: Instant): void {
    this.heardAt.set(incarnation, time)
    this.failed.delete(incarnation)
  }

  /** Heard within the last `withinMs`. */
  fresh(incarnation: Incarnation, time: Instant, withinMs: number): boolean {
    const at = this.heardAt.get(incarnation)
    return at !== undefined && time - at <= withinMs
  }

  hears(incarnation: Incarnation, time: Instant): boolean {
    return !this.failed.has(incarnation) && this.fresh(incarnation, time, this.settings.suspectAfterMs)
  }

  probeFailed(incarnation: Incarnation): boolean {
    return this.failed.has(incarnation)
  }

  startProbe(incarnation: Incarnation, time: Instant): void {
    if (this.probes.has(incarnation) || this.failed.has(incarnation)) return
    this.probeNumber += 1
    this.probes.set(incarnation, { number: this.probeNumber, startedAt: time, pings: 0 })
  }

  /** Answers whether it was a probe's. */
  pong(incarnation: Incarnation, number: number): boolean {
    if (this.probes.get(incarnation)?.number !== number) return false
    this.probes.delete(incarnation)
    return true
  }

  /** Whom to ping now, and whose probe has just failed. */
  tick(time: Instant): { pings: { to: Incarnation; number: number }[]; failed: Incarnation[] } {
    const pings: { to: Incarnation; number: number }[] = []
    const failed: Incarnation[] = []
    for (const [incarnation, probe] of this.probes) {
      const since = time - probe.startedAt
      if (since >= this.settings.probeMs) {
        this.probes.delete(incarnation)
        // The pong may be lost; whatever else it said in the last half of the probe proves as much.
        if (this.fresh(incarnation, time, this.settings.probeMs / 2)) continue
        this.failed.add(incarnation)
        failed.push(incarnation)
      } else if (probe.pings < PINGS && since >= probe.pings * this.settings.probePingMs) {
        probe.pings += 1
        pings.push({ to: incarnation, number: probe.number })
      }
    }
    return { pings, failed }
  }

  /** Forgets everybody but these and the recently heard, so that it does not grow with every process ever met. */
  keepOnly(incarnations: ReadonlySet<Incarnation>, time: Instant): void {
    for (const known of this.heardAt.keys()) {
      if (incarnations.has(known) || this.fresh(known, time, 2 * this.settings.suspectAfterMs)) continue
      this.heardAt.delete(known)
      this.failed.delete(known)
    }
    for (const probed of this.probes.keys()) if (!incarnations.has(probed)) this.probes.delete(probed)
  }

  everyoneHeard(time: Instant): Incarnation[] {
    return [...this.heardAt.keys()].filter((incarnation) => this.hears(incarnation, time)).sort((a, b) => a - b)
  }
}
