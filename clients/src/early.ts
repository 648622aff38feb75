// Below `safe`: what a subscription was shown and has not been told the fate of. At a new replica that is in doubt: what is
// shown or given again there goes on as if nothing had happened, and the rest is taken back.

export class Early {
  private readonly inOrder: boolean
  /** In the order in which they were shown. */
  private shown = new Set<string>()
  private doubtful = new Set<string>()

  /** `inOrder`: as `agreed`, where nothing may be given before what was shown before it. */
  constructor(inOrder: boolean) {
    this.inOrder = inOrder
  }

  /** At another replica from now on. */
  moved(): void {
    this.doubtful = new Set([...this.shown, ...this.doubtful])
    this.shown = new Set()
  }

  /**
   * An event is shown, or given with its place: what is to be taken back first, and whether the program has it
   * already.
   */
  met(ref: string, placed: boolean): { retracted: string[]; known: boolean } {
    const known = this.doubtful.has(ref)
    const retracted = this.inOrder ? this.takeDoubtful(ref) : []
    this.doubtful.delete(ref)
    if (!placed) this.shown.add(ref)
    return { retracted, known }
  }

  /** Its fate is told. False: the program has not been shown it. */
  settled(ref: string): boolean {
    return this.shown.delete(ref)
  }

  /** All that was open at the new replica has been shown: what is to be taken back. */
  current(): string[] {
    return this.takeDoubtful(undefined)
  }

  /** Nothing of it can be told any more. */
  over(): string[] {
    this.moved()
    return this.current()
  }

  private takeDoubtful(before: string | undefined): string[] {
    const taken: string[] = []
    for (const ref of this.doubtful) {
      if (ref === before) break
      taken.push(ref)
    }
    for (const ref of taken) this.doubtful.delete(ref)
    return taken
  }
}
