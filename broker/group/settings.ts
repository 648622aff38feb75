// The times and limits of the group protocol. They must be equal at all members: a joiner says its own, and is kept out
// with a sentence that names the difference. Times are in milliseconds of the member's own clock, sizes in bytes.

export interface GroupSettings {
  /** How often `tick` is stepped. Too large: every deadline is late. Too small: idle work. */
  readonly tickMs: number
  /** A tick that comes later than this is a pause of one's own: all deadlines are pushed out by it. */
  readonly lateTickMs: number
  /** Longest silence of an idle member. Too large: slow detection. Too small: idle traffic. */
  readonly heartbeatMs: number
  /** Silence after which a member is suspected. Too small: pauses exclude members. Too large: slow failover. */
  readonly suspectAfterMs: number
  /** A probe's pings leave at 0, 1 and 2 times this. */
  readonly probePingMs: number
  /** A probe that has no answer by then makes a suspicion. Keep it above 4 one-way delays. */
  readonly probeMs: number
  /** A member that does not advance for so long, while others wait for it, is put out. Keep it above suspectAfterMs. */
  readonly stallAfterMs: number
  /** While something is not safe and nothing was broadcast for so long, members are asked for their headers. */
  readonly askMs: number
  /** Answers to askers: at most one every so often, for all of them together. */
  readonly answerAskMs: number
  /** A lost slot is asked for again after so long. */
  readonly repairMs: number
  /** An observer's pull is repeated after so long. */
  readonly pullMs: number
  /** Collect, Cut and Propose are repeated so often until answered. */
  readonly changeRepeatMs: number
  /** After a member had no quorum, no change is started for so long: links come back spread out. */
  readonly calmMs: number
  /** How long a coordinator waits for the answers of members that it hears. Above an ordinary pause. */
  readonly collectWaitMs: number
  /** How long the group stands still for a joiner. */
  readonly cutWaitMs: number
  /** Patience with a change that somebody else leads. Twice this must exceed collectWaitMs + cutWaitMs. */
  readonly changeRetryMs: number
  /** How long a joiner that was not ready is left out; doubled each time up to joinerBanMaxMs. */
  readonly joinerBanMs: number
  readonly joinerBanMaxMs: number
  /** Put out twice within this time, a replica flaps: it waits for joinerBanMs, and then doubly each time. */
  readonly flapMemoryMs: number
  readonly flapBanMaxMs: number
  /** How long a process listens before it leads a first start. */
  readonly firstWaitMs: number
  /** A leave that takes longer becomes a crash. */
  readonly leaveWaitMs: number
  /** Least time between two answers Install, Out or Missed to one sender. */
  readonly redirectMs: number
  /** Payload slots of one member that are not yet stable, at most. */
  readonly windowSlotsMax: number
  /** Bytes of them, at most (one larger slot may always be alone). */
  readonly windowBytesMax: number
  /**
   * Requests are gathered into one slot up to so many bytes; a larger one goes alone. A NATS server reads 64 KiB at once,
   * and what comes in two reads it puts together in fresh memory: larger ones were measured to be slower. Smaller ones
   * cost the members more.
   */
  readonly batchBytesMax: number
  /** Requests waiting for the window; more are refused as overloaded. */
  readonly queueRequestsMax: number
  readonly queueBytesMax: number
  /** The newest part of the order that is kept for those who catch up; who is further behind gets a snapshot. */
  readonly logBytesMax: number
  readonly logEntriesMax: number
  /** Processes outside the view that are remembered, at most. */
  readonly observersMax: number
  /** A smaller primary view exists but takes no publishes. */
  readonly minReplicas: number
}

/** For a LAN with NATS: one-way delay about 0.15 ms, event-loop pauses of a few hundred ms. */
export const DEFAULT_SETTINGS: GroupSettings = Object.freeze({
  tickMs: 10,
  lateTickMs: 20,
  heartbeatMs: 50,
  suspectAfterMs: 1000,
  probePingMs: 15,
  probeMs: 50,
  stallAfterMs: 2000,
  askMs: 20,
  answerAskMs: 10,
  repairMs: 15,
  pullMs: 20,
  changeRepeatMs: 20,
  calmMs: 500,
  collectWaitMs: 450,
  cutWaitMs: 100,
  changeRetryMs: 300,
  joinerBanMs: 300,
  joinerBanMaxMs: 2400,
  flapMemoryMs: 60_000,
  flapBanMaxMs: 10_000,
  firstWaitMs: 300,
  leaveWaitMs: 3000,
  redirectMs: 20,
  windowSlotsMax: 256,
  windowBytesMax: 8 * 1024 * 1024,
  batchBytesMax: 32 * 1024,
  queueRequestsMax: 100_000,
  queueBytesMax: 32 * 1024 * 1024,
  logBytesMax: 64 * 1024 * 1024,
  logEntriesMax: 100_000,
  observersMax: 64,
  minReplicas: 1,
})

/** All settings as text, in one order: equal texts mean equal settings. */
export function settingsText(settings: GroupSettings): string {
  return Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

/** The settings in which two texts differ, for a person: "suspectAfterMs is 1000 here and 2000 there". */
export function settingsDifference(mine: string, theirs: string): string {
  const there = new Map(theirs.split(' ').map((pair) => pair.split('=') as [string, string]))
  const here = new Map(mine.split(' ').map((pair) => pair.split('=') as [string, string]))
  const names = [...new Set([...here.keys(), ...there.keys()])].sort()
  return names
    .filter((name) => here.get(name) !== there.get(name))
    .map((name) => `${name} is ${here.get(name) ?? 'absent'} here and ${there.get(name) ?? 'absent'} there`)
    .join('; ')
}
