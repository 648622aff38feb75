// The means of whoever makes faults. What is done to the network or to a process for a while is undone by itself, and
// nobody dies whose death the group does not promise to survive, unless the plan is reckless.

import type { Letter } from './fabric.ts'
import type { Plan } from './plan.ts'
import type { SimulatedProcess } from './process.ts'
import type { Chance } from './random.ts'
import type { World } from './world.ts'

export type Link = readonly [from: number, to: number]

export class Havoc {
  readonly world: World
  readonly plan: Plan
  /** Everything heals: nothing more is done, and nothing undone, by what was begun. */
  stopped = false
  /** Will die at one of their next acts. */
  private readonly doomed = new Set<SimulatedProcess>()

  constructor(world: World, plan: Plan) {
    this.world = world
    this.plan = plan
  }

  later(ms: number, act: () => void): void {
    this.world.agenda.after(ms, () => {
      if (!this.stopped) act()
    })
  }

  /** How long a fault lasts: mostly shorter than what excludes anybody, sometimes longer. */
  duration(chance: Chance): number {
    return chance.chance(0.3) ? chance.between(1500, 5000) : chance.between(50, 1500)
  }

  // ---- processes

  mayDie(process: SimulatedProcess): boolean {
    if (this.plan.reckless) return true
    for (const doomed of this.doomed) if (!doomed.open) this.doomed.delete(doomed)
    return this.world.quorums.mayDie([process, ...this.doomed])
  }

  kill(process: SimulatedProcess, chance: Chance): void {
    if (this.mayDie(process)) this.world.kill(process)
    else this.world.pause(process, chance.between(50, 1500))
  }

  /** Dies after so many more sends and outputs. */
  doom(process: SimulatedProcess, acts: number): void {
    if (!this.mayDie(process)) return
    this.doomed.add(process)
    process.actsLeft = Math.min(process.actsLeft, acts)
  }

  leave(process: SimulatedProcess): void {
    if (!process.open || process.leaving || process.paused || !this.mayDie(process)) return
    this.world.say(`${process.id} is asked to leave`)
    process.leave()
  }

  // ---- links

  linksOf(process: SimulatedProcess): { into: Link[]; out: Link[] } {
    const others = this.world.processes().filter((other) => other !== process)
    return {
      into: others.map((other): Link => [other.host, process.host]),
      out: others.map((other): Link => [process.host, other.host]),
    }
  }

  cutFor(links: readonly Link[], ms: number, what: string): void {
    if (links.length === 0) return
    const { network } = this.world
    this.world.say(`${what} for ${ms.toFixed(0)} ms`)
    for (const [from, to] of links) network.cut(from, to)
    this.later(ms, () => {
      this.world.say(`no longer: ${what}`)
      for (const [from, to] of links) network.mend(from, to)
    })
  }

  isolate(process: SimulatedProcess, ms: number): void {
    const { into, out } = this.linksOf(process)
    this.cutFor([...into, ...out], ms, `${process.name} is isolated`)
  }

  part(one: SimulatedProcess, other: SimulatedProcess, ms: number): void {
    const links: Link[] = [
      [one.host, other.host],
      [other.host, one.host],
    ]
    this.cutFor(links, ms, `${one.name} <-> ${other.name} is cut`)
  }

  /** No datagram passes between these and all others. */
  split(side: readonly SimulatedProcess[], ms: number): void {
    const outside = this.world.processes().filter((one) => !side.includes(one))
    const links = side.flatMap((one) =>
      outside.flatMap((other): Link[] => [
        [one.host, other.host],
        [other.host, one.host],
      ]),
    )
    const names = (of: readonly SimulatedProcess[]): string => `{${of.map((one) => one.name).join(' ')}}`
    this.cutFor(links, ms, `partition ${names(side)} | ${names(outside)}`)
  }

  /** What is sent over these links comes late and all at once. */
  clogFor(links: readonly Link[], ms: number, what: string): void {
    const { network } = this.world
    this.world.say(`${what} for ${ms.toFixed(0)} ms`)
    for (const [from, to] of links) network.clog(from, to)
    this.later(ms, () => {
      let letters = 0
      for (const [from, to] of links) letters += network.unclog(from, to)
      this.world.say(`no longer: ${what}; ${letters} datagrams come at once`)
      if (letters > 0) this.world.turns.took('clogged link burst')
    })
  }

  /** A datagram that was kept back leaves now. */
  sendLate(letter: Letter, ms: number): void {
    this.later(ms, () => {
      this.world.say(`a ${letter.envelope?.message.kind} of ${letter.from.name} leaves late`)
      this.world.network.sendOut(letter)
    })
  }
}
