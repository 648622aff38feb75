// G1: members that install view n install the same view n; a member is in each view it installs; view numbers only
// grow. A view is an entry of the order, so an observer that reads of it must read the same.

import type { Checker, Observation, ViewObserved } from '../observation.ts'

export class ViewAgreement implements Checker {
  readonly id = 'G1'
  readonly guarantee = 'view agreement'
  private readonly views = new Map<string, { text: string; by: string }>()
  private readonly newest = new Map<string, { history: number; number: number }>()

  see(observation: Observation): string | undefined {
    if (observation.type === 'restored') {
      this.newest.set(observation.process, { history: observation.history, number: observation.view })
      return this.members(observation.process, observation.history, observation.view, observation.members)
    }
    if (observation.type !== 'view') return undefined
    const { process, incarnation, history, number, members } = observation
    if (observation.member && !members.includes(incarnation))
      return `${process} installs view ${number} as a member and is not in it`
    if (!observation.member && members.includes(incarnation))
      return `${process} is in view ${number} and installs it as an observer`
    const before = this.newest.get(process)
    if (before?.history === history && before.number >= number)
      return `${process} installs view ${number} after view ${before.number}`
    this.newest.set(process, { history, number })
    return this.same(observation) ?? this.members(process, history, number, members)
  }

  private same(view: ViewObserved): string | undefined {
    return this.agree(
      `${view.history}/${view.number}`,
      view.process,
      `view ${view.number} at position ${view.position}, joined [${view.joined}] left [${view.left}] failed [${view.failed}]`,
    )
  }

  private members(process: string, history: number, number: number, members: readonly number[]): string | undefined {
    return this.agree(`${history}/${number}/members`, process, `view ${number} of [${members}]`)
  }

  private agree(key: string, process: string, text: string): string | undefined {
    const first = this.views.get(key)
    if (first === undefined) this.views.set(key, { text, by: process })
    else if (first.text !== text) return `${process}: ${text}; ${first.by}: ${first.text}`
    return undefined
  }
}
