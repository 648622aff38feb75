// The sentences with which a replica refuses or gives up a request, and what each says of its events: a publisher must
// know whether they may still be delivered.

import { BrokerError } from './errors.ts'
import type { Applied } from './events/state.ts'
import type { MemberStatus, SubmitRefusal } from './group/port.ts'

const NOT_PUBLISHED = { outcome: 'not-published' } as const
const LATER = { outcome: 'not-published', retryAfterMs: 1000 } as const

export function noSuchTopic(topic: string): BrokerError {
  return new BrokerError('NOT_FOUND', `There is no topic ${topic}; PUT /v1/topics/${topic} creates it.`, NOT_PUBLISHED)
}

export function overloaded(message: string): BrokerError {
  return new BrokerError('OVERLOADED', message, LATER)
}

/** Why the group did not take a request, for whoever sent it. */
export function refusedByGroup(why: SubmitRefusal): BrokerError {
  switch (why) {
    case 'overloaded':
      return overloaded('More is published here than the group can order now; publish more slowly.')
    case 'too-large':
      return new BrokerError('TOO_LARGE', 'The request does not fit one datagram of the fabric.', NOT_PUBLISHED)
    case 'leaving':
      return new BrokerError('NOT_PRIMARY', 'This replica is leaving the group: use another one.', LATER)
    case 'too-few-replicas':
      return new BrokerError(
        'NOT_PRIMARY',
        'The view has fewer members than minReplicas, so nothing is taken: start the missing replicas, or try later.',
        LATER,
      )
    case 'not-member':
      return new BrokerError('NOT_PRIMARY', 'This replica is not in the group now: try again, or another one.', LATER)
    default:
      return why satisfies never
  }
}

/** Why the replicated state did not take a request when its turn came. */
export function refusedByState(applied: Applied): BrokerError {
  const { topic, expectedSequence, code = 'stale-topic' } = applied
  switch (code) {
    case 'no-such-topic':
      return noSuchTopic(topic)
    case 'sequence': {
      const next = `which is ${expectedSequence}`
      return new BrokerError(
        'CONFLICT',
        `Sequence ${applied.sequence} is not the next one of publisher ${applied.publisher}, ${next}.`,
        { ...NOT_PUBLISHED, ...(expectedSequence !== undefined && { expectedSequence }) },
      )
    }
    case 'too-many-topics':
      return new BrokerError('LIMIT', 'The group has as many topics as topicsMax allows: delete some.', NOT_PUBLISHED)
    case 'stale-schema':
    case 'stale-topic':
      return new BrokerError(
        'CONFLICT',
        `Topic ${topic} was changed again and again while this was on its way: try again.`,
        NOT_PUBLISHED,
      )
    case 'bad-topic-name':
    case 'reserved-topic':
      return new BrokerError('MALFORMED', `${shown(topic)} is no name for a topic of yours.`, NOT_PUBLISHED)
    default:
      return code satisfies never
  }
}

/** For a request that is given up: what was handed to the group may still be delivered, anything else cannot. */
export function givenUp(maybeOrdered: boolean, why: string): BrokerError {
  const fate = maybeOrdered ? 'It may still take effect.' : 'It has no effect.'
  return new BrokerError('NOT_PRIMARY', `The request was given up: ${why}. ${fate}`, {
    outcome: maybeOrdered ? 'unknown' : 'not-published',
    retryAfterMs: 1000,
  })
}

export function notPrimary(status: MemberStatus): BrokerError {
  const why = whyNotPrimary(status) ?? 'it was not primary until just now'
  return new BrokerError('NOT_PRIMARY', `This replica takes no requests: ${why}. Try again, or another replica.`, LATER)
}

/** In words for an operator; undefined: it is primary. */
export function whyNotPrimary(status: MemberStatus): string | undefined {
  if (status.primary) return undefined
  switch (status.role) {
    case 'founding':
      return 'the group does not exist yet, it waits until all of its roster can be heard'
    case 'observer':
      return status.position < status.head
        ? `it is catching up with the group, ${status.head - status.position} entries behind`
        : 'it is outside the group and asks to be let in'
    case 'exited':
      return 'it has left the group'
    case 'member':
      return status.wedged
        ? 'the group is changing its view'
        : 'it cannot reach a majority of the group; look at the fabric and at the other replicas'
    default:
      return status.role satisfies never
  }
}

/** Text of a client's, for a sentence. */
export function shown(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`)
}
