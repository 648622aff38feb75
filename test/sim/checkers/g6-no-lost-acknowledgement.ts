// G6: what a publisher was told is in, is in, for ever: whoever delivers that position later delivers the same request
// there, and whoever goes on to a later view has passed it.

import type { Checker, Observation, Token } from '../observation.ts'

interface Promised {
  readonly position: number
  readonly token: Token
}

export class NoLostAcknowledgement implements Checker {
  readonly id = 'G6'
  readonly guarantee = 'no lost acknowledgement'
  private readonly byPosition = new Map<string, Token[]>()
  /** By history and view, the last acknowledged place. */
  private readonly last = new Map<number, Map<number, Promised>>()
  private readonly views = new Map<string, { history: number; view: number }>()

  see(observation: Observation): string | undefined {
    switch (observation.type) {
      case 'acknowledged': {
        const { process, history, position, token } = observation
        const key = `${history}/${position}`
        const tokens = this.byPosition.get(key)
        if (tokens === undefined) this.byPosition.set(key, [token])
        else tokens.push(token)
        const view = this.views.get(process)?.view ?? 0
        const views = this.last.get(history) ?? new Map<number, Promised>()
        this.last.set(history, views)
        if (position > (views.get(view)?.position ?? 0)) views.set(view, { position, token })
        return undefined
      }
      case 'delivered': {
        this.views.set(observation.process, { history: observation.history, view: observation.view })
        for (const token of this.byPosition.get(`${observation.history}/${observation.position}`) ?? [])
          if (!observation.tokens.includes(token))
            return `request ${token} was acknowledged at position ${observation.position}, where ${observation.process} delivers others`
        return undefined
      }
      case 'view': {
        const { process, history, number, position } = observation
        this.views.set(process, { history, view: number })
        for (const [view, promised] of this.last.get(history) ?? [])
          if (view < number && promised.position >= position)
            return `request ${promised.token} was acknowledged at position ${promised.position} of view ${view}; ${process} enters view ${number} at ${position}`
        return undefined
      }
      case 'ended': {
        if (observation.excused) return undefined
        for (const [history, views] of this.last)
          for (const promised of views.values())
            for (const process of observation.processes) {
              if (process.role !== 'member') continue
              if (process.history !== history || process.position < promised.position)
                return `request ${promised.token} was acknowledged at position ${promised.position} of history ${history}; at the end ${process.process} is at ${process.position} of ${process.history}`
            }
        return undefined
      }
      default:
        return undefined
    }
  }
}
