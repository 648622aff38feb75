// What is read out to people who do not see the page: changes of view, moves, answers to what they did. One after
// another with some time between, and only the latest of what came meanwhile: a region that chatters is turned off.

import { Store } from './store.ts'

const QUIET_MS = 1500

export class Announcer {
  readonly said: Store<string> = new Store('')
  private next: string | undefined
  private quiet = false

  say(text: string): void {
    if (this.quiet) {
      this.next = text
      return
    }
    this.quiet = true
    this.said.update(() => text)
    setTimeout(() => {
      this.quiet = false
      const { next } = this
      this.next = undefined
      if (next !== undefined) this.say(next)
    }, QUIET_MS)
  }
}
