// G8: equal positions mean equal states: the digest of the application's state, and the bytes of its snapshot.

import type { Checker, Observation } from '../observation.ts'

export class EqualState implements Checker {
  readonly id = 'G8'
  readonly guarantee = 'equal state at equal positions'
  private readonly first = new Map<string, { text: string; by: string }>()

  see(observation: Observation): string | undefined {
    if (observation.type === 'state') return this.agree(observation, 'digest', `has the digest ${observation.digest}`)
    if (observation.type === 'snapshot')
      return this.agree(
        observation,
        'snapshot',
        `takes a snapshot of ${observation.bytes} bytes with checksum ${observation.checksum}`,
      )
    return undefined
  }

  private agree(
    at: { process: string; history: number; position: number },
    what: string,
    text: string,
  ): string | undefined {
    const key = `${what}/${at.history}/${at.position}`
    const first = this.first.get(key)
    if (first === undefined) this.first.set(key, { text, by: at.process })
    else if (first.text !== text)
      return `at position ${at.position} ${at.process} ${text}, and ${first.by} ${first.text}`
    return undefined
  }
}
