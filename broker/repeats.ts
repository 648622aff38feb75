// Keeps a log readable when something happens again and again: of each kind of line some are written at once, and of those
// that follow only the last, once a while, with how many there were besides. So the latest is always told, late at most.

export interface RepeatsLimits {
  /** Lines of one kind that are written at once. Too small: what belongs together is torn apart. Too large: chatter. */
  readonly burst: number
  /** How long is counted. Too small: chatter. Too large: the last of many is told late. */
  readonly whileMs: number
}

/** Writes a line; `more`: so many of its kind came since the last one that was written, and were not. */
export type Line = (more: number) => void

interface Kind {
  until: number
  written: number
  held: number
  last: Line | undefined
}

const DEFAULTS: RepeatsLimits = { burst: 5, whileMs: 60_000 }
/** Kinds that are told apart: one for each member, say. Further ones are counted together. */
const KINDS_MAX = 200

export class Repeats {
  private readonly now: () => number
  private readonly limits: RepeatsLimits
  private readonly kinds = new Map<string, Kind>()

  constructor(now: () => number, limits: RepeatsLimits = DEFAULTS) {
    this.now = now
    this.limits = limits
  }

  say(name: string, line: Line): void {
    const now = this.now()
    const key = this.kinds.has(name) || this.kinds.size < KINDS_MAX ? name : ''
    let kind = this.kinds.get(key)
    if (kind !== undefined && now >= kind.until) {
      this.over(key, kind, now)
      kind = this.kinds.get(key)
    }
    if (kind === undefined) {
      kind = { until: now + this.limits.whileMs, written: 0, held: 0, last: undefined }
      this.kinds.set(key, kind)
    }
    if (kind.written < this.limits.burst) {
      kind.written++
      line(0)
    } else {
      kind.held++
      kind.last = line
    }
  }

  /** To be called now and then: writes what was held back for a while. */
  tick(): void {
    const now = this.now()
    for (const [key, kind] of this.kinds) if (now >= kind.until) this.over(key, kind, now)
  }

  /** Nothing comes any more: writes what is held back. */
  flush(): void {
    for (const kind of this.kinds.values()) kind.last?.(kind.held - 1)
    this.kinds.clear()
  }

  /** What goes on without a rest stays at one line a while. */
  private over(key: string, kind: Kind, now: number): void {
    if (kind.last === undefined) {
      this.kinds.delete(key)
      return
    }
    const { last, held } = kind
    kind.until = now + this.limits.whileMs
    kind.written = this.limits.burst
    kind.held = 0
    kind.last = undefined
    last(held - 1)
  }
}
