// Things in the order of their last use. A doubly linked list through the things themselves: a Map kept in order by
// deleting and adding again would walk over what it deleted whenever its oldest is asked for.

export interface Used<T> {
  usedBefore: T | undefined
  usedAfter: T | undefined
}

export class UseOrder<T extends Used<T>> {
  oldest: T | undefined
  newest: T | undefined

  /** Makes it the newest; it may be new here. */
  use(thing: T): void {
    if (this.newest === thing) return
    this.remove(thing)
    thing.usedBefore = this.newest
    if (this.newest === undefined) this.oldest = thing
    else this.newest.usedAfter = thing
    this.newest = thing
  }

  /** Does nothing to a thing that is not here. */
  remove(thing: T): void {
    const { usedBefore, usedAfter } = thing
    if (usedBefore !== undefined) usedBefore.usedAfter = usedAfter
    else if (this.oldest === thing) this.oldest = usedAfter
    if (usedAfter !== undefined) usedAfter.usedBefore = usedBefore
    else if (this.newest === thing) this.newest = usedBefore
    thing.usedBefore = undefined
    thing.usedAfter = undefined
  }
}
