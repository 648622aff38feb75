// Below `safe`: what a subscription was shown and has not been told the fate of. At a new replica that is in doubt: what is
// shown or given again there goes on as if nothing had happened, and the rest is taken back. It is compared, since a number
// that was refused may have been given to another event meanwhile.

export class Early {
  private readonly inOrder: boolean
  /** Their data as JSON, in the order in which they were shown. */
  private shown = new Map<string, string>()
  private doubtful = new Map<string, string>()

  /** `inOrder`: as `agreed`, where nothing may be given before what was shown before it. */
  constructor(inOrder: boolean) {
    this.inOrder = inOrder
  }

  /** At another replica from now on. */
  moved(): void {
    this.doubtful = new Map([...this.shown, ...this.doubtful])
    this.shown = new Map()
  }

  /**
   * An event is shown, or given with its place: what is to be taken back first, and whether the program has it
   * already.
   */
  met(ref: string, data: unknown, placed: boolean): { retracted: string[]; known: boolean } {
    const text = JSON.stringify(data)
    const known = this.doubtful.get(ref) === text
    const retracted = this.inOrder ? this.takeDoubtful(ref) : []
    if (this.doubtful.delete(ref) && !known) retracted.push(ref)
    if (!placed) this.shown.set(ref, text)
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
    for (const ref of this.doubtful.keys()) {
      if (ref === before) break
      taken.push(ref)
    }
    for (const ref of taken) this.doubtful.delete(ref)
    return taken
  }
}
