// The faults, each with its beginning, its strength drawn by chance, and its end: whoever runs one gets everything back as
// it was, but for what replicas have to mend by themselves.

import type { Chance } from '../sim/random.ts'
import type { NatsServer } from './nats.ts'
import type { Replica } from './replicas.ts'
import type { Stage } from './stage.ts'

export interface Fault {
  readonly kind: string
  readonly about: string
  /** It takes a replica's memory. */
  readonly takesMemory?: true
  /** Replicas that live may be put out of the view by it. */
  readonly parts?: true
  readonly possible?: (stage: Stage) => boolean
  /** Resolves when it is over. `tell` first, what will be done. */
  run(stage: Stage, chance: Chance, tell: (what: string) => void): Promise<void>
}

/** Within what the run allows. */
function duration({ shortestMs, longestMs }: Stage, chance: Chance, leastMs: number, mostMs: number): number {
  const least = Math.max(leastMs, shortestMs)
  return anyMagnitude(chance, least, Math.max(least, Math.min(mostMs, longestMs)))
}

/** Small ones are as frequent as large ones. */
function anyMagnitude(chance: Chance, least: number, most: number): number {
  return Math.round(least * (most / least) ** chance.next())
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function withReplica(stage: Stage, chance: Chance, act: (replica: Replica) => Promise<void>): Promise<void> {
  const replica = chance.pick(stage.replicas.filter(({ name }) => !stage.taken.has(name)))
  await withTaken(stage, replica, act)
}

async function withServer(stage: Stage, chance: Chance, act: (server: NatsServer) => Promise<void>): Promise<void> {
  const free = stage.servers.all.filter(({ name }) => !stage.taken.has(name))
  // Where there is but one server, it may be stopped and killed at a time.
  const server = chance.pick(free.length > 0 ? free : stage.servers.all)
  await withTaken(stage, server, act)
}

/** Two faults at a time are of two things. */
async function withTaken<T extends { readonly name: string }>(
  stage: Stage,
  one: T,
  act: (one: T) => Promise<void>,
): Promise<void> {
  stage.taken.add(one.name)
  try {
    await act(one)
  } finally {
    stage.taken.delete(one.name)
  }
}

export const FAULTS: readonly Fault[] = [
  {
    kind: 'kill',
    about: 'SIGKILL a replica, start it again at once or later, and sometimes kill it again while it starts',
    takesMemory: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const waitMs = chance.chance(0.4) ? 0 : duration(stage, chance, 200, 6000)
        const againMs = chance.chance(0.3) ? chance.whole(50, 1500) : undefined
        tell(
          `SIGKILL ${replica.life}, again after ${seconds(waitMs)}${againMs === undefined ? '' : `, and killed once more ${againMs} ms later`}`,
        )
        await replica.kill()
        await stage.pass(waitMs)
        replica.launch()
        if (againMs !== undefined) {
          await stage.pass(againMs)
          await replica.kill()
          replica.launch()
        }
        await replica.ready()
      }),
  },
  {
    kind: 'leave',
    about: 'SIGTERM a replica, which leaves in order, and start it again',
    takesMemory: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const waitMs = duration(stage, chance, 100, 3000)
        tell(`SIGTERM ${replica.life}, again after ${seconds(waitMs)}`)
        if (!(await replica.stop())) stage.complain(`${replica.life} did not end well when it was told to stop`)
        await stage.pass(waitMs)
        replica.launch()
        await replica.ready()
      }),
  },
  {
    kind: 'stop',
    about: 'SIGSTOP a replica for 0.2 to 20 s',
    parts: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const ms = duration(stage, chance, 200, 20_000)
        tell(`SIGSTOP ${replica.life} for ${seconds(ms)}`)
        replica.signal('SIGSTOP')
        await stage.pass(ms)
        replica.signal('SIGCONT')
      }),
  },
  {
    kind: 'sleep',
    about: 'SIGSTOP all replicas and servers, as when the machine sleeps, and wake them in any order',
    // A replica that wakes a second before the others may be alone with one of them.
    parts: true,
    run: async (stage, chance, tell) => {
      const ms = duration(stage, chance, 200, 8000)
      const spreadMs = chance.whole(0, 500)
      tell(`SIGSTOP everything for ${seconds(ms)}, continued within ${spreadMs} ms`)
      const all = chance.shuffle([...stage.replicas, ...stage.servers.all])
      for (const one of all) one.signal('SIGSTOP')
      await stage.pass(ms)
      for (const one of all) {
        one.signal('SIGCONT')
        await stage.pass(spreadMs / all.length)
      }
    },
  },
  {
    kind: 'nats-kill',
    about: 'SIGKILL a NATS server, or all of them, and start it again at the same port',
    run: async (stage, chance, tell) => {
      const waitMs = duration(stage, chance, 100, 6000)
      const all = chance.chance(0.3) && stage.taken.size === 0
      const restart = async (servers: readonly NatsServer[]): Promise<void> => {
        tell(`SIGKILL ${servers.map(({ name }) => name).join(', ')}, again after ${seconds(waitMs)}`)
        await Promise.all(servers.map((server) => server.kill()))
        await stage.pass(waitMs)
        await Promise.all(servers.map((server) => server.start()))
      }
      if (all) await restart(stage.servers.all)
      else await withServer(stage, chance, (server) => restart([server]))
    },
  },
  {
    kind: 'nats-stop',
    about: 'SIGSTOP a NATS server: its connections stay open, and nothing moves',
    parts: true,
    run: (stage, chance, tell) =>
      withServer(stage, chance, async (server) => {
        const ms = duration(stage, chance, 200, 15_000)
        tell(`SIGSTOP ${server.name} for ${seconds(ms)}`)
        server.signal('SIGSTOP')
        await stage.pass(ms)
        server.signal('SIGCONT')
      }),
  },
  {
    kind: 'routes',
    about: 'cut the routes between one NATS server and the others, openly or so that nobody is told',
    parts: true,
    possible: (stage) => stage.servers.all.length > 1,
    run: async (stage, chance, tell) => {
      const server = chance.pick(stage.servers.all)
      const ms = duration(stage, chance, 300, 12_000)
      const silent = chance.chance(0.4)
      tell(`routes of ${server.name} ${silent ? 'held' : 'cut'} for ${seconds(ms)}`)
      const routes = stage.servers.routesOf(server)
      for (const route of routes) route.behave(silent ? { type: 'hold', direction: 'both' } : { type: 'refuse' })
      await stage.pass(ms)
      for (const route of routes) route.behave({ type: 'pass' })
    },
  },
  {
    kind: 'slow-link',
    about: 'a slow TCP proxy between one replica and NATS',
    parts: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const ms = duration(stage, chance, 1000, 10_000)
        const delayMs = anyMagnitude(chance, 1, 400)
        const jitterMs = chance.whole(0, delayMs)
        tell(`the link of ${replica.name} is slow by ${delayMs} to ${delayMs + jitterMs} ms for ${seconds(ms)}`)
        for (const link of replica.links) link.behave({ type: 'slow', delayMs, jitterMs })
        await stage.pass(ms)
        for (const link of replica.links) link.behave({ type: 'pass' })
      }),
  },
  {
    kind: 'cut-link',
    about: 'a TCP proxy between one replica and NATS that cuts again and again, or holds what goes one way or both',
    parts: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const ms = duration(stage, chance, 300, 12_000)
        const { links } = replica
        const how = chance.pick(['again and again', 'refused', 'both', 'there', 'back'] as const)
        tell(`the link of ${replica.name} is ${describeCut(how)} for ${seconds(ms)}`)
        if (how === 'again and again') {
          for (const until = performance.now() + ms; performance.now() < until; ) {
            for (const link of links) link.cut()
            await stage.pass(Math.min(chance.wait(500), Math.max(1, until - performance.now())))
          }
        } else {
          for (const link of links)
            link.behave(how === 'refused' ? { type: 'refuse' } : { type: 'hold', direction: how })
          await stage.pass(ms)
          for (const link of links) link.behave({ type: 'pass' })
        }
      }),
  },
  {
    kind: 'partition',
    about: 'with --netns: the cable of one replica is pulled; nobody is told, its clients are cut off, too',
    parts: true,
    possible: inNamespaces,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async ({ name, home }) => {
        const ms = duration(stage, chance, 300, 12_000)
        tell(`the cable of ${name} is pulled for ${seconds(ms)}`)
        home!.pull()
        await stage.pass(ms).finally(() => home!.plug())
      }),
  },
  {
    kind: 'loss',
    about: 'with --netns: packets from and to one replica are lost (nftables)',
    parts: true,
    possible: inNamespaces,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async ({ name, home }) => {
        const ms = duration(stage, chance, 1000, 10_000)
        const percent = anyMagnitude(chance, 1, 40)
        tell(`${percent} % of the packets from and to ${name} are lost, for ${seconds(ms)}`)
        home!.lose(percent)
        await stage.pass(ms).finally(() => home!.lose(0))
      }),
  },
  {
    kind: 'payload',
    about: 'max_payload of all NATS servers lowered by a new configuration, and raised again',
    // What was taken before and is too large now cannot be repaired, and those who lack it may be put out.
    parts: true,
    run: async (stage, chance, tell) => {
      const ms = duration(stage, chance, 500, 8000)
      const kib = chance.pick([24, 64, 160])
      tell(`max_payload is ${kib} KiB for ${seconds(ms)}`)
      stage.servers.limitPayload(kib * 1024)
      await stage.pass(ms)
      stage.servers.limitPayload()
    },
  },
  {
    kind: 'permission',
    about: "one replica's user may no longer publish, or no longer subscribe, by a new configuration; and may again",
    parts: true,
    run: (stage, chance, tell) =>
      withReplica(stage, chance, async (replica) => {
        const ms = duration(stage, chance, 500, 8000)
        const what = chance.pick(['publish', 'subscribe'] as const)
        tell(`the user of ${replica.name} may not ${what} for ${seconds(ms)}`)
        stage.servers.deny(replica.name, what)
        await stage.pass(ms)
        stage.servers.allow(replica.name)
      }),
  },
  {
    kind: 'deaf',
    about: 'a subscriber asks for everything from the start, and does not read for a while',
    run: async (stage, chance, tell) => {
      const ms = duration(stage, chance, 1000, 10_000)
      const subscriber = stage.subscribe('moves', stage.pass(ms))
      tell(`${subscriber.name} asks for everything and reads nothing for ${seconds(ms)}`)
      await stage.pass(ms)
    },
  },
]

function inNamespaces({ replicas }: Stage): boolean {
  return replicas.every(({ home }) => home !== undefined)
}

const describeCut = (how: 'again and again' | 'refused' | 'both' | 'there' | 'back'): string =>
  how === 'again and again' ? 'cut again and again' : how === 'refused' ? 'cut' : HELD[how]

const HELD = { both: 'held both ways', there: 'held towards NATS', back: 'held from NATS' } as const
