// First starts: all replicas of a new group at once, a few milliseconds apart, some killed and started again meanwhile.
// Each time exactly one group must come of it, of all of them. Several groups start at a time, over one server.

import { setTimeout as pause } from 'node:timers/promises'
import { Chance } from '../sim/random.ts'
import { Judge } from './judge.ts'
import { NatsServers } from './nats.ts'
import { Replica } from './replicas.ts'
import { NAMES, whyNotWhole } from './stage.ts'
import { Trace } from './trace.ts'

/** Of a round; a few hundred milliseconds on a machine with time. */
const ROUND_MS = 60_000
/** In every third round a replica is killed. */
const KILL_EVERY = 3

export interface StartsOptions {
  readonly seed: number
  readonly replicas: 3 | 5
  readonly servers: 1 | 3
  readonly rounds: number
  readonly jobs: number
  readonly folder: string
}

export interface StartsResult {
  readonly seed: number
  readonly rounds: number
  /** Rounds in which a replica was killed while it started. */
  readonly withKills: number
  readonly medianMs: number
  readonly longestMs: number
  readonly complaints: readonly string[]
}

interface Round {
  readonly ms: number
  readonly killed: boolean
}

export async function starts(options: StartsOptions): Promise<StartsResult> {
  const { seed, rounds, jobs, replicas } = options
  const names = NAMES.slice(0, replicas)
  console.log(`seed ${seed}: ${rounds} first starts of ${replicas} replicas, ${jobs} groups at a time`)
  const servers = await NatsServers.start(options.servers, names)
  const complaints: string[] = []
  const done: Round[] = []
  let begun = 0
  const work = async (): Promise<void> => {
    while (begun < rounds && complaints.length === 0) {
      const number = ++begun
      try {
        done.push(await round(options, number, names, servers, (text) => complaints.push(`round ${number}: ${text}`)))
      } catch (error) {
        complaints.push(`round ${number}: ${(error as Error).message}`)
      }
      if (done.length % 10 === 0) console.log(`${done.length} of ${rounds}, ${middle(done)} ms each`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  await servers.remove()

  const withKills = done.filter(({ killed }) => killed).length
  const longestMs = Math.max(0, ...done.map(({ ms }) => ms))
  if (complaints.length === 0)
    console.log(
      `${done.length} rounds, ${withKills} of them with kills: one group of ${replicas} each time. ` +
        `It took ${middle(done)} ms in the middle, ${longestMs} ms at most, starts of processes included.`,
    )
  else console.log(`Seed ${seed}: WRONG\n${complaints.join('\n')}`)
  return { seed, rounds: done.length, withKills, medianMs: middle(done), longestMs, complaints }
}

const middle = (rounds: readonly Round[]): number =>
  rounds.map(({ ms }) => ms).toSorted((one, other) => one - other)[Math.floor(rounds.length / 2)] ?? 0

async function round(
  { seed, folder }: StartsOptions,
  number: number,
  names: readonly string[],
  servers: NatsServers,
  complain: (text: string) => void,
): Promise<Round> {
  const chance = new Chance(seed, `round ${number}`)
  const judge = new Judge()
  let wrong = false
  const blame = (text: string): void => {
    wrong = true
    complain(text)
  }
  const trace = new Trace(`${folder}round-${number}.jsonl`, (entry) => judge.see(entry).forEach(blame))
  const group = `start-${number}`
  const onDeath = (error: Error): void => blame(error.message)
  const create = (name: string): Promise<Replica> =>
    Replica.create({ name, group, roster: names, servers: servers.all, trace, onDeath })
  const replicas = await Promise.all(names.map(create))
  // One of them only: a minority of three.
  const victim = number % KILL_EVERY === 0 ? chance.pick(replicas) : undefined
  const kills = victim === undefined ? 0 : chance.whole(1, 2)
  const beganAt = performance.now()
  await Promise.all(
    replicas.map(async (replica) => {
      await pause(chance.chance(0.8) ? chance.whole(0, 20) : chance.whole(0, 400))
      replica.launch()
      for (let i = 0; replica === victim && i < kills; i++) {
        // A process takes some 200 ms until it says its first word, and the group some 400 ms more.
        await pause(chance.whole(0, 900))
        await replica.kill()
        await pause(chance.whole(0, 100))
        replica.launch()
      }
      await replica.ready(ROUND_MS)
    }),
  )
  const ms = Math.round(performance.now() - beganAt)
  let why: string | undefined = 'not asked'
  for (const until = performance.now() + ROUND_MS; why !== undefined && performance.now() < until; ) {
    await Promise.all(replicas.map((replica) => replica.ask()))
    why = whyNotWhole(replicas)
  }
  if (why !== undefined) blame(why)
  const histories = new Set(replicas.map(({ seen }) => seen?.history))
  if (histories.size !== 1) blame(`G9 there are ${histories.size} histories: ${[...histories].join(', ')}`)
  await Promise.all(replicas.map((replica) => replica.remove(wrong ? folder : undefined)))
  await trace.close(wrong)
  return { ms, killed: kills > 0 }
}
