// What may be done to a group in play, and what it is like afterwards. One replica always runs, since it is the replicas
// that take orders: with the last one stopped nobody could start them again.

import { BrokerError } from '../../errors.ts'
import type { Act, Condition, PlayedReplica, PlayState } from '../../http/play.ts'

/** Throws `BrokerError`: it cannot be done now. */
export function afterAct(state: PlayState, act: Act): PlayState {
  switch (act.act) {
    case 'pause':
      find(state, act.replica, ['running'])
      needsAnother(state, act.replica)
      return become(state, act.replica, 'paused')
    case 'resume':
      find(state, act.replica, ['paused'])
      return become(state, act.replica, 'running')
    case 'kill':
      if (find(state, act.replica, ['running', 'paused']).condition === 'running') needsAnother(state, act.replica)
      return become(state, act.replica, 'killed')
    case 'restart':
      find(state, act.replica, ['killed'])
      return become(state, act.replica, 'running')
    case 'cut': {
      for (const name of act.side) find(state, name)
      if (act.side.length < state.replicas.length) return { ...state, cut: act.side }
      const message = 'must leave a replica to the other side'
      throw new BrokerError('MALFORMED', `A side of a cut ${message}.`, { errors: [{ path: '/side', message }] })
    }
    case 'heal':
      return { ...state, cut: [] }
    case 'loss':
      return { ...state, loss: act.share }
    case 'anew':
      return {
        replicas: state.replicas.map((replica) => ({ ...replica, condition: 'running' })),
        cut: [],
        loss: 0,
      }
    default:
      throw new Error(`no such act: ${JSON.stringify(act satisfies never)}`)
  }
}

/** Whether the datagrams of one reach the other. */
export function areCut({ cut }: PlayState, one: string, other: string): boolean {
  return cut.length > 0 && cut.includes(one) !== cut.includes(other)
}

function find({ replicas }: PlayState, name: string, conditions?: readonly Condition[]): PlayedReplica {
  const found = replicas.find((replica) => replica.name === name)
  if (found === undefined) {
    const names = replicas.map((replica) => replica.name).join(', ')
    throw new BrokerError('NOT_FOUND', `There is no replica ${JSON.stringify(name)} in this group; there are ${names}.`)
  }
  if (conditions !== undefined && !conditions.includes(found.condition)) {
    throw new BrokerError('CONFLICT', `The replica ${name} is ${found.condition}, not ${conditions.join(' or ')}.`)
  }
  return found
}

function needsAnother({ replicas }: PlayState, name: string): void {
  if (replicas.some((other) => other.name !== name && other.condition === 'running')) return
  const detail = `${name} is the last replica that runs: without it nobody could take the next order.`
  throw new BrokerError('CONFLICT', detail)
}

function become(state: PlayState, name: string, condition: Condition): PlayState {
  const replicas = state.replicas.map((replica) => (replica.name === name ? { ...replica, condition } : replica))
  return { ...state, replicas }
}
