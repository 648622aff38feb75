// The client of this page: attached to one replica, and to another one when that is gone. It begins at the replica that
// served the page, and learns of the others from it.

import { type Client, connect } from '../src/index.ts'
import { withNewest } from './bounded.ts'
import { EMPTY_GROUP, type Group, onCluster } from './group.ts'
import { Store } from './store.ts'

export interface Move {
  readonly from: string
  /** Undefined: no replica has answered yet. */
  readonly to: string | undefined
  readonly at: Date
  /** The group has begun anew meanwhile, without its events. */
  readonly anew: boolean
}

export interface Attachment {
  /** Name of the replica; undefined: none has answered yet. */
  readonly replica: string | undefined
  readonly connected: boolean
  readonly primary: boolean
  /** Why it is not primary. */
  readonly reason: string | undefined
  /** Of the group, as that replica told it; '': none has answered yet. */
  readonly history: string
  readonly moves: readonly Move[]
}

const MOVES_MAX = 20

export class Session {
  readonly client: Client
  readonly group: Store<Group> = new Store(EMPTY_GROUP)
  readonly attachment: Store<Attachment> = new Store<Attachment>({
    replica: undefined,
    connected: false,
    primary: false,
    reason: undefined,
    history: '',
    moves: [],
  })

  constructor(origin: string) {
    this.client = connect({
      replicas: origin,
      onCluster: (cluster) => {
        this.group.update((group) => onCluster(group, cluster))
        this.attachment.update((before) => ({
          replica: cluster.replica,
          connected: true,
          primary: cluster.primary,
          reason: cluster.reason,
          history: cluster.history,
          moves: movesAfter(before, cluster.replica, cluster.history),
        }))
      },
      onBroken: () => this.attachment.update((before) => ({ ...before, connected: false })),
    })
  }

  /** Addresses at which this page may ask, the best first. */
  addresses(): string[] {
    const { members } = this.group.get().view
    const { replica } = this.attachment.get()
    const own = members.filter(({ name }) => name === replica)
    const urls = [...own, ...members].map(({ url }) => url).filter((url) => url !== '')
    return [...new Set([...urls, location.origin])]
  }
}

function movesAfter({ replica, history: before, moves }: Attachment, to: string, history: string): readonly Move[] {
  if (replica === undefined || replica === to) return moves
  return withNewest(moves, { from: replica, to, at: new Date(), anew: history !== before }, MOVES_MAX)
}
