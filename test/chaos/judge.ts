// Judges a run from its trace, while it goes on. The judges are the simulator's checkers: here an event's place is its
// seq, the processes that deliver are subscribers, and whoever publishes is a sender of its own. G2 and G4 compare what
// members hold inside of a view, which nobody outside can see; all others are judged.

import { ViewAgreement } from '../sim/checkers/g1-view-agreement.ts'
import { TotalOrder } from '../sim/checkers/g3-total-order.ts'
import { Integrity } from '../sim/checkers/g5-integrity.ts'
import { NoLostAcknowledgement } from '../sim/checkers/g6-no-lost-acknowledgement.ts'
import { ExactlyOnce } from '../sim/checkers/g7-exactly-once.ts'
import { EqualState } from '../sim/checkers/g8-equal-state.ts'
import { OnePrimary } from '../sim/checkers/g9-one-primary.ts'
import { Liveness } from '../sim/checkers/g10-liveness.ts'
import type { Checker, Observation } from '../sim/observation.ts'
import type { ClusterSeen, Ended, Entry } from './trace.ts'

/** Where all clients know of each other: what one was told, any other may have acted upon. */
const CLIENTS = 'clients'
/** All entries of the order are judged as of one view, with their seq as slot: views are entries like any other. */
const PLACE = { view: 0, rank: 0 } as const
const HEARTBEAT_MS = 50

interface Published {
  readonly token: number
  readonly checksum: number
  acknowledged: boolean
}

export class Judge {
  private readonly g1 = new ViewAgreement()
  private readonly g3 = new TotalOrder()
  private readonly g5 = new Integrity()
  private readonly g6 = new NoLostAcknowledgement()
  private readonly g7 = new ExactlyOnce()
  private readonly g8 = new EqualState()
  private readonly g9 = new OnePrimary()
  private readonly g10 = new Liveness()
  /** By publisher and sequence. */
  private readonly published = new Map<string, Published>()
  private readonly numbers = new Map<string, number>()
  private readonly confirmed = new Map<string, number>()
  /** By place, the token that was first delivered there. */
  private readonly order = new Map<number, number>()
  private readonly offsets = new Map<string, number>()
  private history = ''
  private preparedSeq = 0
  /** The last place that any client was told of. */
  private knownSeq = 0

  /** What is wrong, each beginning with the id of the guarantee that is broken. */
  see(entry: Entry): string[] {
    switch (entry.type) {
      case 'prepared':
        this.preparedSeq = entry.seq
        this.history = entry.history
        return []
      case 'published':
        return this.onPublished(entry)
      case 'acknowledged':
        return this.onAcknowledged(entry)
      case 'delivered':
        return this.onDelivered(entry)
      case 'view':
        return this.onView(entry)
      case 'gap':
        return ask({ type: 'gap', subscriber: entry.subscriber, told: entry.told }, this.g7)
      case 'died':
        return ask({ type: 'died', process: entry.replica }, this.g9)
      case 'cluster':
        return this.onCluster(entry)
      case 'ended':
        return this.onEnded(entry)
      case 'refused':
      case 'subscribed':
      case 'started':
      case 'fault':
        return []
      default:
        entry satisfies never
        return []
    }
  }

  private onPublished({ publisher, sequence, checksum }: Entry & { type: 'published' }): string[] {
    const token = this.published.size + 1
    this.published.set(`${publisher}/${sequence}`, { token, checksum, acknowledged: false })
    const history = this.number(this.history)
    // Whatever any client knew by now is a cause of this event, and comes before it.
    const known: Observation = {
      type: 'received',
      by: 'slot',
      process: CLIENTS,
      history,
      ...PLACE,
      slot: this.knownSeq,
      previousPayload: 0,
    }
    const submitted: Observation = { type: 'submitted', process: CLIENTS, incarnation: this.number(publisher), token }
    return [...ask(known, this.g3), ...ask(submitted, this.g3, this.g5)]
  }

  private onAcknowledged({ publisher, sequence, seq }: Entry & { type: 'acknowledged' }): string[] {
    const published = this.published.get(`${publisher}/${sequence}`)
    if (published === undefined) return [`G5 ${publisher}'s event ${sequence} is acknowledged, and was not published`]
    published.acknowledged = true
    this.confirmed.set(publisher, Math.max(sequence, this.confirmed.get(publisher) ?? 0))
    this.knownSeq = Math.max(this.knownSeq, seq)
    const { token } = published
    const there = this.order.get(seq)
    // The checker compares what is delivered later; subscribers are often faster than acknowledgements.
    if (there !== undefined && there !== token)
      return [`G6 ${publisher}'s event ${sequence} is acknowledged at ${seq}, where another event was delivered`]
    const history = this.number(this.history)
    return ask({ type: 'acknowledged', process: CLIENTS, history, position: seq, token }, this.g6)
  }

  private onDelivered(entry: Entry & { type: 'delivered' }): string[] {
    const { subscriber, history, seq, offset, topic, publisher, sequence, checksum } = entry
    const published = this.published.get(`${publisher}/${sequence}`)
    if (published === undefined)
      return [`G5 ${subscriber} is given event ${sequence} of ${publisher}, which was never published`]
    if (published.checksum !== checksum)
      return [`G5 ${subscriber} is given event ${sequence} of ${publisher} at ${seq}, and it is not what was published`]
    const { token } = published
    this.knownSeq = Math.max(this.knownSeq, seq)
    if (!this.order.has(seq)) this.order.set(seq, token)

    const before = this.offsets.get(`${subscriber}/${topic}`) ?? 0
    this.offsets.set(`${subscriber}/${topic}`, offset)
    const wrong = [
      ...(history === this.history ? [] : [`G9 ${subscriber} is given an event of another history, ${history}`]),
      ...(offset === before + 1 ? [] : [`G7 ${subscriber} is given offset ${offset} of ${topic} after ${before}`]),
    ]
    const delivered: Observation = {
      type: 'delivered',
      process: subscriber,
      history: this.number(history),
      position: seq,
      ...PLACE,
      slot: seq,
      sender: this.number(publisher),
      checksum: offset,
      tokens: [token],
    }
    return [
      ...wrong,
      ...ask({ type: 'notified', subscriber, publisher, sequence, place: seq }, this.g7),
      ...ask(delivered, this.g3, this.g5, this.g6),
    ]
  }

  private onView(entry: Entry & { type: 'view' }): string[] {
    const { subscriber, history, seq, number, members, joined, left, failed } = entry
    this.knownSeq = Math.max(this.knownSeq, seq)
    const names = (of: readonly string[]): number[] => of.map((name) => this.number(name))
    const view: Observation = {
      type: 'view',
      process: subscriber,
      incarnation: 0,
      member: false,
      history: this.number(history),
      number,
      position: seq,
      members: incarnations(members),
      joined: names(joined),
      left: names(left),
      failed: names(failed),
    }
    // Places before are those of the topics, which a subscriber is not given.
    return ask(view, this.g1, ...(seq > this.preparedSeq ? [this.g3] : []))
  }

  private onCluster(seen: ClusterSeen): string[] {
    if (seen.history === '') return []
    const { replica, primary, view, seq, digest } = seen
    const history = this.number(seen.history)
    const members = incarnations(seen.members)
    const own = ownIncarnation(seen)
    return [
      ...ask({ type: 'state', process: replica, history, position: seq, digest }, this.g8),
      // For these two it is as if the replica had begun anew from what it says: it must not have gone back.
      ...ask({ type: 'restored', process: replica, history, position: seq, view, members }, this.g1, this.g3),
      ...(primary && !members.includes(own)
        ? [`G1 ${replica} is primary in view ${view}, and not a member of it`]
        : []),
      ...ask(
        {
          type: 'view',
          process: replica,
          incarnation: own,
          member: primary,
          history,
          number: view,
          position: seq,
          members,
          joined: [],
          left: [],
          failed: [],
        },
        this.g9,
      ),
    ]
  }

  private onEnded({ replicas, subscribers, complaints, idle }: Ended): string[] {
    const undelivered = [...this.published.values()].filter(({ acknowledged }) => !acknowledged)
    const ended: Observation = {
      type: 'ended',
      excused: false,
      processes: replicas.map((seen) => ({
        process: seen.replica,
        incarnation: ownIncarnation(seen),
        role: seen.primary ? 'member' : seen.state,
        history: this.number(seen.history),
        view: seen.view,
        members: incarnations(seen.members),
        position: seen.seq,
      })),
      confirmed: this.confirmed,
      subscribers,
      undelivered: undelivered.map(({ token }) => token),
      complaints,
      idle,
      heartbeatMs: HEARTBEAT_MS,
    }
    return ask(ended, this.g6, this.g7, this.g10)
  }

  /** Checkers compare numbers where clients are told names. */
  private number(name: string): number {
    const number = this.numbers.get(name) ?? this.numbers.size + 1
    this.numbers.set(name, number)
    return number
  }
}

function ask(observation: Observation, ...checkers: Checker[]): string[] {
  return checkers.flatMap((checker) => {
    const wrong = checker.see(observation)
    return wrong === undefined ? [] : [`${checker.id} ${wrong}`]
  })
}

const incarnations = (members: ClusterSeen['members']): number[] =>
  members.map(({ incarnation }) => Number.parseInt(incarnation, 36))

function ownIncarnation({ name, members }: ClusterSeen): number {
  return incarnations(members.filter((member) => member.name === name))[0] ?? 0
}
