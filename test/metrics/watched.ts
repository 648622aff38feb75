// Metrics over a group of fakes, whose every number the test has chosen.

import { readConfig } from '../../broker/config.ts'
import { newCounters } from '../../broker/fabric/counters.ts'
import type { MemberLag, MemberStatus } from '../../broker/group/port.ts'
import { Metrics } from '../../broker/metrics/metrics.ts'
import { FakeGroup, type FakeReplica } from '../broker/fake-group.ts'

export const STATUS: MemberStatus = {
  self: { name: 'a', incarnation: 1, url: '' },
  role: 'member',
  view: { history: 1, number: 4, members: [{ name: 'a', incarnation: 1, url: '' }] },
  rank: 0,
  wedged: false,
  primary: true,
  position: 5,
  head: 6,
  suspected: ['b'],
  stalled: [],
  leaving: false,
  waiting: false,
  snapshot: { received: 0, total: 0 },
  queueRequests: 7,
  queueBytes: 8,
  unstableSlots: 9,
  windowBytes: 10,
  logEntries: 11,
  logBytes: 12,
  counters: {
    sent: { slot: 13 },
    received: { header: 14 },
    sentBytes: 15,
    receivedBytes: 16,
    dropped: { foreign: 17 },
    repairsAsked: { lost: 18, 'view-change': 19, join: 20 },
    repairsGiven: { lost: 21, 'view-change': 22, join: 23 },
    suspicions: 24,
    suspicionsWithdrawn: 25,
    probesFailed: 26,
    probesAnswered: 27,
    viewChangesStarted: 28,
    divergences: 29,
  },
}

export interface WatchedGroup {
  readonly metrics: Metrics
  readonly group: FakeGroup
  readonly replica: FakeReplica
  /** What the member says; the group is of fakes, and says nothing. */
  status: MemberStatus
  lags: readonly MemberLag[]
}

export function watched(): WatchedGroup {
  let now = (): number => 0
  const metrics = new Metrics({ now: () => now(), version: '1.2.3', processMetrics: false })
  const { group, replicas } = FakeGroup.of(['a'], { autoTopics: true, observe: metrics })
  now = () => group.now
  const [replica] = replicas as [FakeReplica]
  const one: WatchedGroup = { metrics, group, replica, status: STATUS, lags: [] }
  metrics.watch({
    broker: replica.broker,
    fabric: {
      counters: { ...newCounters(), links: 3, problems: 4 },
      datagramBytesMax: 1,
      linked: true,
      send: () => {},
      listen: () => {},
      address: () => {},
      close: async () => {},
    },
    memberStatus: () => one.status,
    memberLags: () => one.lags,
    clients: () => ({ connections: 30, eventStreams: 31, webSockets: 32 }),
    config: readConfig({ name: 'a', roster: 'a,b,c' }, {}),
  })
  return one
}
