// One replica's end of a fabric, as a test sees it: what came, what was told, and promises for what is to come.

import type { CountingFabric } from '../../broker/fabric/counters.ts'

/** Of each datagram, when what was waited for never came. */
const SHOWN = 100

export class ReplicaEnd {
  readonly fabric: CountingFabric
  /** As text, in the order of arrival. */
  readonly received: string[] = []
  readonly links: boolean[] = []
  private readonly waiting = new Set<() => void>()

  constructor(fabric: CountingFabric, incarnation: number) {
    this.fabric = fabric
    fabric.address(incarnation)
    fabric.listen(
      (datagram) => {
        this.received.push(Buffer.from(datagram).toString())
        this.look()
      },
      (linked) => {
        this.links.push(linked)
        this.look()
      },
    )
  }

  send(to: number | 'everyone', text: string): void {
    this.fabric.send(to, Buffer.from(text))
  }

  /** Resolves when it holds; it is looked at whenever something comes in. Names itself when it never does. */
  async until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const check = (): void => {
      if (holds()) resolve()
    }
    const given = (): void => {
      const received = this.received.map((text) => JSON.stringify(text.slice(0, SHOWN))).join(', ')
      reject(new Error(`never came: ${what}; received ${received}`))
    }
    const timer = setTimeout(given, 10_000)
    this.waiting.add(check)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.waiting.delete(check)
    }
  }

  untilReceived(text: string): Promise<void> {
    return this.until(text, () => this.received.includes(text))
  }

  untilLinked(linked: boolean): Promise<void> {
    return this.until(
      linked ? 'link' : 'end of link',
      () => this.fabric.linked === linked && this.links.at(-1) === linked,
    )
  }

  private look(): void {
    for (const check of this.waiting) check()
  }
}
