// Whoever makes the faults. It strikes when the plan says, and from ambush at the steps of a view change; it keeps to
// what the group promises to survive, unless a plan tells it to be reckless; and in the end it puts everything right
// again. Each strike has its own stream of chance: without one of them, the others stay as they were.

import { OVERHEAD_BYTES } from '../../broker/group/codec.ts'
import { isQuorum } from '../../broker/group/view.ts'
import { Ambushes } from './ambushes.ts'
import { CALM, type Letter } from './fabric.ts'
import { Havoc, type Link } from './havoc.ts'
import { makeNoise, ofAnotherGroup } from './noise.ts'
import type { Plan, Strike } from './plan.ts'
import type { SimulatedProcess } from './process.ts'
import { Chance } from './random.ts'
import type { Workload } from './workload.ts'
import type { Host, World } from './world.ts'

export class Nemesis {
  private readonly world: World
  private readonly plan: Plan
  private readonly havoc: Havoc
  private readonly ambushes: Ambushes
  private readonly workload: Workload
  /** Processes with settings of their own, which nobody may let in. */
  private readonly misconfigured = new Set<SimulatedProcess>()

  constructor(world: World, plan: Plan, workload: Workload) {
    this.world = world
    this.plan = plan
    this.havoc = new Havoc(world, plan)
    this.ambushes = new Ambushes(this.havoc)
    this.workload = workload
    const { network, agenda } = world
    const { replaysPerSecond, noisePerSecond } = plan.weather
    world.onDeath = (process) => this.onDeath(process)
    world.onSend = (letter, process) => this.ambushes.onSend(letter, process)
    network.pass = (letter) => this.ambushes.passes(letter)
    network.weather = { ...plan.weather }
    network.remembers =
      replaysPerSecond > 0 || noisePerSecond > 0 || plan.strikes.some(({ fault }) => fault === 'past again')
    const replays = new Chance(plan.seed, 'replays')
    this.often(replaysPerSecond, replays, () => this.again(replays, () => true))
    const noise = new Chance(plan.seed, 'noise')
    this.often(noisePerSecond, noise, () => this.noise(noise))
    for (const strike of plan.strikes) agenda.at(strike.atMs, () => !this.havoc.stopped && this.strike(strike))
  }

  /** Ends all faults and lets the dead rise, so that only the protocol itself can be at fault from here on. */
  heal(): void {
    const { world, plan } = this
    const chance = new Chance(plan.seed, 'healing')
    this.havoc.stopped = true
    world.say('everything heals')
    world.network.weather = { ...CALM }
    world.network.pass = undefined
    world.network.datagramBytesMax = plan.datagramBytesMax
    world.network.mendAll()
    world.onSend = undefined
    for (const process of world.processes()) {
      process.actsLeft = Number.POSITIVE_INFINITY
      process.turnMs = 0.1
      process.applyMs = 0
      process.resume()
    }
    for (const process of this.misconfigured) this.endMisconfigured(process)
    this.endNamesakes()
    // Without a group, the whole roster is needed to found one: memory alone cannot tell a first start from a later one.
    const all = !world.quorums.founded || this.allNeeded || chance.chance(0.5)
    for (const host of world.hosts) {
      if (!this.free(host)) continue
      const inRoster = world.roster.includes(host.name)
      if (all ? inRoster || host.lives > 0 : inRoster && chance.chance(0.5)) this.rise(host)
    }
  }

  /** A group with fewer replicas takes no publishes, and what was published could not be seen to be in. */
  private get allNeeded(): boolean {
    return this.world.settings.minReplicas > 1
  }

  /** Nothing runs on it, nor under its name elsewhere. */
  private free(host: Host): boolean {
    return !host.process?.open && !this.world.processes().some((process) => process.name === host.name)
  }

  private rise(host: Host): void {
    this.world.start(host)
  }

  private endMisconfigured(process: SimulatedProcess): void {
    if (!process.open) return
    if (process.isMember) this.world.fail('SCRIPT', `${process.id} was let in with settings that differ`)
    this.world.kill(process, 'misconfigured')
  }

  private endNamesakes(): void {
    const { world } = this
    for (const process of world.processes()) {
      const twins = world.processes().filter((other) => other.name === process.name)
      if (twins.length < 2) continue
      // The one in the newest view stays.
      const best = twins.reduce((a, b) => (viewOf(b) > viewOf(a) ? b : a))
      for (const twin of twins) if (twin !== best) world.kill(twin, 'a namesake too many')
    }
  }

  private pick(processes: readonly SimulatedProcess[], chance: Chance): SimulatedProcess {
    const favourite = processes.find((process) => process.host === this.plan.victim)
    return favourite !== undefined && chance.chance(0.7) ? favourite : chance.pick(processes)
  }

  private strike({ number, fault }: Strike): void {
    const { world, havoc } = this
    const { network } = world
    const chance = new Chance(this.plan.seed, `strike ${number}`)
    const processes = world.processes()
    if (processes.length === 0) {
      if (fault.startsWith('join')) this.join(fault === 'join of all', chance)
      return
    }
    const process = this.pick(processes, chance)
    const other = chance.pick(processes)
    const ms = havoc.duration(chance)
    world.say(`strike ${number}: ${fault}`)
    switch (fault) {
      case 'crash':
        return havoc.kill(process, chance)
      case 'crash between acts':
        return havoc.doom(process, chance.whole(1, 12))
      case 'crash of several':
        for (const one of chance.shuffle(processes)) if (chance.chance(0.7) && havoc.mayDie(one)) world.kill(one)
        return
      case 'majority lost': {
        const most = chance.whole(Math.floor(processes.length / 2) + 1, processes.length)
        for (const one of chance.shuffle(processes).slice(0, most)) world.kill(one, 'with most of the others')
        return world.turns.took('majority lost at once')
      }
      case 'pause':
        return world.pause(process, chance.between(50, 400))
      case 'long pause':
        return world.pause(process, chance.between(2000, 5000))
      case 'one-way cut':
        if (other === process) return
        return havoc.cutFor([[process.host, other.host]], ms, `${process.name} -> ${other.name} is cut`)
      case 'pair cut':
        if (other !== process) havoc.part(process, other, ms)
        return
      case 'partition':
        return havoc.split(
          processes.filter(() => chance.chance(0.5)),
          ms,
        )
      case 'isolation':
        return havoc.isolate(process, ms)
      case 'flapping': {
        // Gone and back again, about as often as it takes to be missed.
        const { suspectAfterMs } = world.settings
        let at = 0
        for (let times = chance.whole(2, 6); times > 0; times--) {
          const gone = suspectAfterMs * chance.between(0.3, 1.5)
          havoc.later(at, () => havoc.isolate(process, gone))
          at += gone + suspectAfterMs * chance.between(0.1, 1)
        }
        return
      }
      case 'deafness': {
        // Deaf: it sends and does not hear. Mute: it hears and cannot send.
        const deaf = chance.chance(0.6)
        const { into, out } = havoc.linksOf(process)
        return havoc.cutFor(deaf ? into : out, ms, `${process.name} is ${deaf ? 'deaf' : 'mute'}`)
      }
      case 'clog': {
        const { into, out } = havoc.linksOf(process)
        const links = chance.pick([into, out, [...into, ...out], out.slice(0, 1)])
        return havoc.clogFor(links, ms, `links of ${process.name} are clogged`)
      }
      case 'bad host':
        world.say(`links of ${process.name} are bad for ${ms.toFixed(0)} ms`)
        network.trouble(process.host, { loss: chance.between(0, 0.6), delay: chance.between(0, 150) })
        return havoc.later(ms, () => network.trouble(process.host, undefined))
      case 'outage':
        return this.outage(chance)
      case 'unlinked host':
        world.say(`${process.name} is unlinked`)
        network.link(process.host, false)
        return havoc.later(chance.between(100, 3000), () => {
          world.say(`${process.name} is linked`)
          network.link(process.host, true)
        })
      case 'clock jump': {
        const jump = chance.between(15, chance.chance(0.3) ? 10_000 : 500)
        world.say(`the clock of ${process.id} jumps by ${jump.toFixed(0)} ms`)
        return process.jumpClock(jump)
      }
      case 'slow member':
        process.turnMs = chance.between(2, 60)
        world.say(`${process.id} is slow: turns of ${process.turnMs.toFixed(0)} ms`)
        return havoc.later(chance.between(300, 4000), () => {
          process.turnMs = 0.1
        })
      case 'slow application':
        process.applyMs = chance.between(0.5, 40)
        world.say(`${process.id} takes ${process.applyMs.toFixed(1)} ms for each delivery`)
        return havoc.later(chance.between(300, 4000), () => {
          process.applyMs = 0
        })
      case 'smaller datagrams': {
        // What was sent before and no longer fits cannot be repaired until the fabric carries it again (F4). Some
        // requests have come and have not left.
        for (const one of processes) this.speak(one)
        const carried = chance.chance(0.5) ? chance.whole(8, 150) : chance.whole(150, 8000)
        network.datagramBytesMax = Math.min(this.plan.datagramBytesMax, OVERHEAD_BYTES + carried)
        world.say(`the fabric carries ${network.datagramBytesMax} bytes for ${ms.toFixed(0)} ms`)
        return havoc.later(ms, () => {
          network.datagramBytesMax = this.plan.datagramBytesMax
        })
      }
      case 'leave':
        havoc.leave(process)
        // Perhaps nobody hears it say goodbye.
        if (process.leaving && chance.chance(0.3)) havoc.isolate(process, world.settings.leaveWaitMs * 1.5)
        return
      case 'turnover':
        this.join(false, chance)
        return havoc.later(chance.between(50, 600), () => havoc.leave(process))
      case 'leave of several': {
        const leaving = chance.shuffle(processes).filter(() => chance.chance(0.6))
        for (const one of leaving) havoc.leave(one)
        return
      }
      case 'join':
        return this.join(false, chance)
      case 'join of all':
        return this.join(true, chance)
      case 'namesake':
        return this.namesake(chance)
      case 'other settings':
        return this.misconfigure(chance)
      case 'false hint':
        return other.hint(process.incarnation)
      case 'storm': {
        const { weather } = network
        world.say(`a storm for ${ms.toFixed(0)} ms`)
        network.weather = { ...weather, loss: chance.between(0.2, 0.7), delaySpread: chance.between(5, 80) }
        return havoc.later(Math.min(ms, 1500), () => {
          network.weather = { ...this.plan.weather }
        })
      }
      case 'past again': {
        const newest = Math.max(...processes.map(viewOf))
        const fits = chance.pick<(letter: Letter) => boolean>([
          (letter) => !letter.from.open,
          ({ envelope }) => envelope !== undefined && envelope.view < newest,
          ({ envelope }) => envelope !== undefined && envelope.history === 0,
          () => true,
        ])
        for (let letters = chance.whole(5, 60); letters > 0; letters--) this.again(chance, fits)
        return
      }
      case 'lull':
        return this.workload.lull(ms)
      case 'donor lost':
        return this.donorLost(number, process, chance)
      case 'ragged edge':
        return this.raggedEdge(chance)
      case 'restart of everybody outside':
        for (const one of processes) if (!one.isMember && havoc.mayDie(one)) world.kill(one, 'restarted')
        return
      default:
        fault satisfies never
    }
  }

  private join(all: boolean, chance: Chance): void {
    const waiting = this.world.hosts.filter((host) => this.free(host))
    if (waiting.length === 0) return
    for (const host of all ? waiting : [chance.pick(waiting)]) if (this.free(host)) this.rise(host)
  }

  private namesake(chance: Chance): void {
    const { world } = this
    const processes = world.processes()
    const twins = world.hosts.filter((host) => !host.process?.open && processes.some((one) => one.name === host.name))
    // That two processes have one name is noticed by hearing the other: while the first is cut off, the second may
    // take its seat in a first start beside it, which no protocol without a disk can tell from a first start.
    if (twins.length === 0 || world.roster.length === 1) return
    if (processes.some((one) => processes.some((other) => world.network.isCut(one.host, other.host)))) return
    const twin = chance.pick(twins)
    this.rise(twin)
    this.havoc.later(chance.between(300, 4000), () => {
      const second = twin.process
      if (second?.open && this.havoc.mayDie(second)) world.kill(second, 'a namesake goes')
    })
  }

  /** Somebody starts a replica with settings of its own, and mends them after a while. */
  private misconfigure(chance: Chance): void {
    const { world } = this
    // Alone it would rightly found a group of its own.
    const waiting = world.hosts.filter((host) => this.free(host))
    if (waiting.length === 0 || world.roster.length === 1) return
    const host = chance.pick(waiting)
    world.say(`${host.name} has other settings`)
    const process = world.start(host, { ...world.settings, heartbeatMs: world.settings.heartbeatMs + 1 })
    this.misconfigured.add(process)
    this.havoc.later(chance.between(500, 4000), () => this.endMisconfigured(process))
  }

  private speak(process: SimulatedProcess): void {
    this.workload.nudge(this.world.hosts[process.host] as Host)
  }

  /**
   * In the middle of a snapshot another donor must take over: while nothing happens, so that it has the same one to give;
   * or while much does, and when that one dies in turn, what the first has is an older one than was begun.
   */
  private donorLost(number: number, process: SimulatedProcess, chance: Chance): void {
    const { world, havoc, ambushes } = this
    const quiet = chance.chance(0.5)
    if (quiet) this.workload.lull(5000)
    let waitMs = 100
    if (!world.hosts.some((host) => this.free(host))) {
      // Somebody must begin with nothing, and its death must be over by then.
      if (!havoc.mayDie(process)) return
      world.kill(process)
      waitMs = world.settings.suspectAfterMs + 500
    }
    const atChunk = { number: -number, kind: 'chunk', measure: 1 } as const
    havoc.later(waitMs, () => {
      this.join(false, chance)
      ambushes.lay({ ...atChunk, skip: 1, victim: 'receiver', act: 'part' }, chance)
      if (!quiet) ambushes.lay({ ...atChunk, skip: chance.whole(2, 5), victim: 'sender', act: 'kill' }, chance)
    })
  }

  /**
   * A survivor's own slot may have to be cut from the order [c4]: b has sent in answer to x, and x in answer to y, and
   * of y's slot x alone knows; then x and y are cut off. This takes three to speak in the right order.
   */
  private raggedEdge(chance: Chance): void {
    const { world, havoc } = this
    const view = world.processes().find((process) => process.isMember)?.view
    if (view === undefined) return
    const members = view.members.flatMap(({ incarnation }) =>
      world.processes().filter((process) => process.incarnation === incarnation && process.isMember),
    )
    const [x, y, ...rest] = chance.shuffle(members)
    if (x === undefined || y === undefined || members.length < view.members.length) return
    let ranks = 0
    for (const one of rest) ranks |= 1 << members.indexOf(one)
    if (!isQuorum(ranks, members.length)) return
    const { delayMin, delaySpread } = this.plan.weather
    const step = 1 + delayMin + delaySpread * chance.between(0.5, 1.2)
    // Those that never spoke are waited for until their first word is in.
    for (const one of members) this.speak(one)
    havoc.later(300, () => {
      const links = rest.map((one): Link => [y.host, one.host])
      havoc.cutFor(links, 4 * step, `what ${y.name} says only ${x.name} hears`)
      this.speak(y)
      havoc.later(step, () => this.speak(x))
      havoc.later(2 * step, () => {
        for (const one of rest) this.speak(one)
      })
      havoc.later(2 * step + chance.between(0.1, 2), () => havoc.split([x, y], chance.between(1500, 4000)))
    })
  }

  private outage(chance: Chance): void {
    const { world, havoc, plan } = this
    if (world.network.down) return
    const before = Math.max(...world.processes().map(viewOf))
    const ms = chance.between(100, 3500)
    world.say(`the fabric is gone for ${ms.toFixed(0)} ms`)
    world.network.down = true
    // Links go and come back one by one, and not every host is told.
    const hosts = world.hosts.map((host) => host.index)
    for (const host of hosts) {
      if (chance.chance(plan.linkTold)) havoc.later(chance.between(0, 40), () => world.network.link(host, false))
    }
    havoc.later(ms, () => {
      world.say('the fabric is back')
      world.network.down = false
      for (const host of hosts) world.agenda.after(chance.between(50, 200), () => world.network.link(host, true))
    })
    const { suspectAfterMs } = world.settings
    havoc.later(ms + suspectAfterMs, () => {
      const now = Math.max(0, ...world.processes().map(viewOf))
      if (ms > 1.5 * suspectAfterMs && before > 0 && now === before) world.turns.took('same view after an outage')
    })
  }

  private onDeath(process: SimulatedProcess): void {
    const { world, plan, havoc } = this
    const host = world.hosts[process.host] as Host
    if (havoc.stopped) {
      // A leaver that was on its way out.
      if (this.allNeeded) world.agenda.after(100, () => this.free(host) && this.rise(host))
      return
    }
    const chance = new Chance(plan.seed, `death of ${process.id}`)
    const { incarnation } = process
    if (plan.hints)
      for (const other of world.processes())
        if (chance.chance(0.8)) havoc.later(chance.between(1, 25), () => other.hint(incarnation))
    if (chance.chance(0.8)) havoc.later(chance.wait(plan.restartAfterMs), () => this.free(host) && this.rise(host))
  }

  private often(perSecond: number, chance: Chance, act: () => void): void {
    if (perSecond === 0) return
    this.havoc.later(chance.wait(1000 / perSecond), () => {
      act()
      this.often(perSecond, chance, act)
    })
  }

  /** A datagram of the past comes again, to whomever. */
  private again(chance: Chance, fits: (letter: Letter) => boolean): void {
    const letter = this.world.network.pastLetter(chance, fits)
    if (letter === undefined) return
    const others = this.world.processes().filter((process) => process !== letter.from)
    if (others.length > 0) this.world.network.inject(letter, chance.pick(others).host)
  }

  private noise(chance: Chance): void {
    const { world } = this
    const letter = world.network.pastLetter(chance)
    const processes = world.processes()
    if (letter?.envelope === undefined || processes.length === 0) return
    const to = chance.pick(processes)
    // Who has no history yet takes the first group that it hears: that it must be told where to look is not tested here.
    const foreign = to.view !== undefined && chance.chance(0.3)
    const bytes = foreign ? ofAnotherGroup(letter.envelope, chance) : makeNoise(letter.bytes, letter.envelope, chance)
    if (bytes !== undefined) world.network.inject({ ...letter, bytes, envelope: undefined }, to.host)
  }
}

function viewOf(process: SimulatedProcess): number {
  return process.isMember ? (process.view?.number ?? 0) : 0
}
