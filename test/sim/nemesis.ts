// Whoever makes the faults. It strikes by chance, and from ambush at the steps of a view change; it keeps to what the
// group promises to survive, unless a plan tells it to be reckless; and in the end it puts everything right again.

import { CALM, type Letter } from './fabric.ts'
import type { Ambush, Fault, Plan } from './plan.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import type { Host, World } from './world.ts'

interface ArmedAmbush extends Ambush {
  left: number
  done: boolean
}

export class Nemesis {
  private readonly world: World
  private readonly plan: Plan
  private readonly chance: Chance
  private readonly ambushes: ArmedAmbush[]
  /** Will die at one of their next acts. */
  private readonly doomed = new Set<SimulatedProcess>()
  private readonly losing = new Map<string, number>()
  private stopped = false

  constructor(world: World, plan: Plan) {
    this.world = world
    this.plan = plan
    this.chance = world.chance.fork('nemesis')
    this.ambushes = plan.ambushes.map((ambush) => ({ ...ambush, left: ambush.skip, done: false }))
    world.onDeath = (process) => this.onDeath(process)
    world.onSend = (letter, process) => this.onSend(letter, process)
    world.network.pass = (letter) => this.passes(letter)
    world.network.weather = { ...plan.weather }
    if (plan.weather.replaysPerSecond > 0) this.replay()
    world.agenda.at(plan.faultsFromMs, () => this.next())
  }

  /** Ends all faults and lets the dead rise, so that only the protocol itself can be at fault from here on. */
  heal(): void {
    const { world, chance } = this
    this.stopped = true
    world.say('everything heals')
    world.network.weather = { ...CALM }
    world.network.pass = undefined
    world.network.mendAll()
    world.onSend = undefined
    for (const process of world.processes()) {
      process.actsLeft = Number.POSITIVE_INFINITY
      process.turnMs = 0.1
      process.resume()
    }
    this.endNamesakes()
    // Without a group, the whole roster is needed to found one: memory alone cannot tell a first start from a later one.
    const all = !world.quorums.founded || chance.chance(0.5)
    for (const host of world.hosts) {
      if (host.process?.open || world.processes().some((process) => process.name === host.name)) continue
      const inRoster = world.roster.includes(host.name)
      if (all ? inRoster || host.lives > 0 : inRoster && chance.chance(0.5)) this.rise(host)
    }
  }

  private rise(host: Host): void {
    this.world.start(host)
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

  private next(): void {
    if (this.stopped) return
    if (this.plan.faults.length > 0) this.strike(this.chance.weighted(this.plan.faults))
    this.world.agenda.after(this.chance.wait(this.plan.faultEveryMs), () => this.next())
  }

  private strike(fault: Fault): void {
    const { world, chance } = this
    const processes = world.processes()
    if (processes.length === 0) return
    const process = chance.pick(processes)
    switch (fault) {
      case 'crash':
        this.kill(process)
        break
      case 'crash between acts':
        this.doom(process, chance.whole(1, 12))
        break
      case 'pause':
        world.pause(process, chance.between(50, 400))
        break
      case 'long pause':
        world.pause(process, chance.between(2000, 5000))
        break
      case 'one-way cut': {
        const other = chance.pick(processes)
        if (other === process) return
        this.cutFor([[process.host, other.host]], `${process.name} -> ${other.name} is cut`)
        break
      }
      case 'pair cut': {
        const other = chance.pick(processes)
        if (other === process) return
        this.cutFor(
          [
            [process.host, other.host],
            [other.host, process.host],
          ],
          `${process.name} <-> ${other.name} is cut`,
        )
        break
      }
      case 'partition': {
        const side = new Set(processes.filter(() => chance.chance(0.5)))
        const inside = processes.filter((one) => side.has(one))
        const outside = processes.filter((one) => !side.has(one))
        this.cutFor(
          both(inside, outside),
          `partition {${inside.map((one) => one.name).join(' ')}} | {${outside.map((one) => one.name).join(' ')}}`,
        )
        break
      }
      case 'isolation':
        this.isolate(process)
        break
      case 'deafness': {
        const others = processes.filter((one) => one !== process)
        // Deaf: it sends and does not hear. Mute: it hears and cannot send.
        const deaf = chance.chance(0.6)
        const pairs = both([process], others).filter(([from]) => (from === process.host) !== deaf)
        this.cutFor(pairs, `${process.name} is ${deaf ? 'deaf' : 'mute'}`)
        break
      }
      case 'outage':
        this.outage()
        break
      case 'unlinked host': {
        world.say(`${process.name} is unlinked`)
        world.network.link(process.host, false)
        this.later(chance.between(100, 3000), () => {
          world.say(`${process.name} is linked`)
          world.network.link(process.host, true)
        })
        break
      }
      case 'clock jump': {
        const ms = chance.between(15, chance.chance(0.3) ? 10_000 : 500)
        world.say(`the clock of ${process.id} jumps by ${ms.toFixed(0)} ms`)
        process.jumpClock(ms)
        break
      }
      case 'slow member': {
        process.turnMs = chance.between(2, 60)
        world.say(`${process.id} is slow: turns of ${process.turnMs.toFixed(0)} ms`)
        this.later(chance.between(300, 4000), () => {
          process.turnMs = 0.1
        })
        break
      }
      case 'leave':
        if (process.leaving || process.paused || !this.mayDie(process)) return
        world.say(`${process.id} is asked to leave`)
        process.leave()
        break
      case 'join': {
        const waiting = world.hosts.filter(
          (host) => !host.process?.open && !processes.some((one) => one.name === host.name),
        )
        if (waiting.length > 0) this.rise(chance.pick(waiting))
        return
      }
      case 'namesake': {
        const twins = world.hosts.filter(
          (host) => !host.process?.open && processes.some((one) => one.name === host.name),
        )
        // That two processes have one name is noticed by hearing the other: while the first is cut off, the second may
        // take its seat in a first start beside it, which no protocol without a disk can tell from a first start.
        if (twins.length === 0 || this.world.roster.length === 1) return
        if (processes.some((one) => processes.some((other) => world.network.isCut(one.host, other.host)))) return
        const twin = chance.pick(twins)
        this.rise(twin)
        this.later(chance.between(300, 4000), () => {
          const second = twin.process
          if (second?.open && this.mayDie(second)) world.kill(second, 'a namesake goes')
        })
        break
      }
      case 'false hint': {
        const other = chance.pick(processes)
        other.hint(process.incarnation)
        break
      }
      case 'storm': {
        const before = world.network.weather
        world.say('a storm')
        world.network.weather = { ...before, loss: chance.between(0.2, 0.7), delaySpread: chance.between(5, 80) }
        this.later(chance.between(100, 1500), () => {
          world.network.weather = before
        })
        break
      }
      case 'restart of everybody outside': {
        const outside = processes.filter((one) => !one.isMember)
        for (const one of outside) if (this.mayDie(one)) world.kill(one, 'restarted')
        return
      }
      default:
        fault satisfies never
    }
  }

  private later(ms: number, act: () => void): void {
    this.world.agenda.after(ms, () => {
      if (!this.stopped) act()
    })
  }

  private mayDie(process: SimulatedProcess): boolean {
    if (this.plan.reckless) return true
    for (const doomed of this.doomed) if (!doomed.open) this.doomed.delete(doomed)
    return this.world.quorums.mayDie([process, ...this.doomed])
  }

  private kill(process: SimulatedProcess): void {
    if (this.mayDie(process)) this.world.kill(process)
    else this.world.pause(process, this.chance.between(50, 1500))
  }

  private doom(process: SimulatedProcess, acts: number): void {
    if (!this.mayDie(process)) return
    this.doomed.add(process)
    process.actsLeft = Math.min(process.actsLeft, acts)
  }

  private isolate(process: SimulatedProcess): void {
    const others = this.world.processes().filter((other) => other !== process)
    this.cutFor(both([process], others), `${process.name} is isolated`)
  }

  private cutFor(pairs: readonly (readonly [number, number])[], what: string): void {
    if (pairs.length === 0) return
    const { network } = this.world
    const ms = this.chance.chance(0.3) ? this.chance.between(1500, 5000) : this.chance.between(50, 1500)
    this.world.say(`${what} for ${ms.toFixed(0)} ms`)
    for (const [from, to] of pairs) network.cut(from, to)
    this.later(ms, () => {
      for (const [from, to] of pairs) network.mend(from, to)
    })
  }

  private outage(): void {
    const { world, chance } = this
    if (world.network.down) return
    const before = Math.max(...world.processes().map(viewOf))
    const ms = chance.between(100, 3500)
    world.say(`the fabric is gone for ${ms.toFixed(0)} ms`)
    world.network.down = true
    const hosts = world.hosts.map((host) => host.index)
    // Links go and come back one by one.
    if (this.plan.linkTold)
      for (const host of hosts)
        world.agenda.after(chance.between(0, 40), () => !this.stopped && world.network.link(host, false))
    this.later(ms, () => {
      world.say('the fabric is back')
      world.network.down = false
      for (const host of hosts) world.agenda.after(chance.between(50, 200), () => world.network.link(host, true))
    })
    this.later(ms + 1500, () => {
      const now = Math.max(0, ...world.processes().map(viewOf))
      if (ms > 1500 && before > 0 && now === before) world.turns.took('same view after an outage')
    })
  }

  private onDeath(process: SimulatedProcess): void {
    if (this.stopped) return
    const { world, chance, plan } = this
    this.doomed.delete(process)
    const { incarnation } = process
    if (plan.hints)
      for (const other of world.processes())
        if (chance.chance(0.8)) this.later(chance.between(1, 25), () => other.hint(incarnation))
    const host = world.hosts[process.host] as Host
    if (chance.chance(0.8))
      this.later(chance.wait(plan.restartAfterMs), () => {
        const twin = world.processes().some((other) => other.name === host.name)
        if (!host.process?.open && !twin) this.rise(host)
      })
  }

  private onSend(letter: Letter, sender: SimulatedProcess): void {
    const kind = letter.envelope?.message.kind
    if (this.stopped || this.world.now < this.plan.faultsFromMs) return
    for (const ambush of this.ambushes) {
      if (ambush.done || ambush.kind !== kind) continue
      if (ambush.left-- > 0) continue
      ambush.done = true
      const victim = this.victim(ambush, letter, sender)
      if (victim === undefined) continue
      this.world.say(`ambush at ${kind} of ${sender.id}: ${ambush.act} ${victim.id}`)
      this.ambush(ambush, victim)
    }
  }

  private victim(ambush: Ambush, letter: Letter, sender: SimulatedProcess): SimulatedProcess | undefined {
    if (ambush.victim === 'sender') return sender
    const others = this.world.processes().filter((process) => process !== sender)
    if (ambush.victim === 'receiver' && typeof letter.to === 'number')
      return others.find((process) => process.address === letter.to)
    return others.length === 0 ? undefined : this.chance.pick(others)
  }

  private ambush(ambush: Ambush, victim: SimulatedProcess): void {
    switch (ambush.act) {
      case 'kill':
        this.kill(victim)
        break
      case 'kill soon':
        this.doom(victim, ambush.measure)
        break
      case 'pause':
        this.world.pause(victim, this.chance.between(50, 400))
        break
      case 'long pause':
        this.world.pause(victim, this.chance.between(1500, 4000))
        break
      case 'isolate':
        this.isolate(victim)
        break
      case 'lose':
        this.losing.set(ambush.kind, this.world.now + ambush.measure * 60)
        return
      default:
        ambush.act satisfies never
    }
  }

  private passes(letter: Letter): boolean {
    if (this.losing.size === 0) return true
    const until = this.losing.get(letter.envelope?.message.kind ?? '')
    // One receiver in four gets it all the same: that some know and others don't is what is hard.
    return until === undefined || this.world.now > until || this.chance.chance(0.25)
  }

  private replay(): void {
    if (this.stopped) return
    this.world.network.replay()
    this.world.agenda.after(this.chance.wait(1000 / this.plan.weather.replaysPerSecond), () => this.replay())
  }
}

function viewOf(process: SimulatedProcess): number {
  return process.isMember ? (process.view?.number ?? 0) : 0
}

function both(some: readonly SimulatedProcess[], others: readonly SimulatedProcess[]): [number, number][] {
  return some.flatMap((one) =>
    others.flatMap((other): [number, number][] => [
      [one.host, other.host],
      [other.host, one.host],
    ]),
  )
}
