// Failures at the steps of a view change, and of whatever else members say to each other: each waits for a message of a
// kind, and strikes at the moment when it is about to leave.

import type { Letter } from './fabric.ts'
import type { Havoc } from './havoc.ts'
import type { Ambush } from './plan.ts'
import type { SimulatedProcess } from './process.ts'
import { Chance } from './random.ts'

interface Armed extends Ambush {
  readonly chance: Chance
  left: number
  done: boolean
}

export class Ambushes {
  private readonly havoc: Havoc
  private readonly armed: Armed[] = []
  /** Kinds that are being lost, and until when. */
  private readonly losing = new Map<string, number>()
  private readonly losses: Chance
  private readonly keptBack = new Set<Letter>()

  constructor(havoc: Havoc) {
    this.havoc = havoc
    const { seed, ambushes } = havoc.plan
    this.losses = new Chance(seed, 'losses by ambush')
    for (const ambush of ambushes) this.lay(ambush, new Chance(seed, `ambush ${ambush.number}`))
  }

  lay(ambush: Ambush, chance: Chance): void {
    this.armed.push({ ...ambush, chance, left: ambush.skip, done: false })
  }

  onSend(letter: Letter, sender: SimulatedProcess): void {
    const { world, plan } = this.havoc
    const kind = letter.envelope?.message.kind
    if (world.now < plan.faultsFromMs) return
    for (const ambush of this.armed) {
      if (ambush.done || ambush.kind !== kind || ambush.left-- > 0) continue
      ambush.done = true
      const victim = this.victim(ambush, letter, sender)
      if (victim === undefined) continue
      world.say(`ambush ${ambush.number} at ${kind} of ${sender.id}: ${ambush.act}, ${victim.id}`)
      this.strike(ambush, letter, sender, victim)
    }
  }

  passes(letter: Letter): boolean {
    if (this.keptBack.has(letter)) return false
    if (this.losing.size === 0) return true
    const until = this.losing.get(letter.envelope?.message.kind ?? '')
    // One receiver in four gets it all the same: that some know and others don't is what is hard.
    return until === undefined || this.havoc.world.now > until || this.losses.chance(0.25)
  }

  private victim(ambush: Armed, letter: Letter, sender: SimulatedProcess): SimulatedProcess | undefined {
    if (ambush.victim === 'sender') return sender
    const others = this.havoc.world.processes().filter((process) => process !== sender)
    if (ambush.victim === 'receiver' && typeof letter.to === 'number')
      return others.find((process) => process.address === letter.to)
    return others.length === 0 ? undefined : ambush.chance.pick(others)
  }

  private strike(ambush: Armed, letter: Letter, sender: SimulatedProcess, victim: SimulatedProcess): void {
    const { havoc } = this
    const { act, kind, measure, chance } = ambush
    const { world } = havoc
    switch (act) {
      case 'kill':
        return havoc.kill(victim, chance)
      case 'kill soon':
        return havoc.doom(victim, measure)
      case 'pause':
        return world.pause(victim, chance.between(50, 400))
      case 'long pause':
        return world.pause(victim, chance.between(1500, 4000))
      case 'isolate':
        return havoc.isolate(victim, havoc.duration(chance))
      case 'part':
        if (victim === sender) return havoc.isolate(victim, havoc.duration(chance))
        return havoc.part(sender, victim, havoc.duration(chance))
      case 'split': {
        const side = world.processes().filter((process) => process === victim || chance.chance(0.4))
        return havoc.split(side, havoc.duration(chance))
      }
      case 'clog':
        return havoc.clogFor(havoc.linksOf(victim).out, havoc.duration(chance), `what ${victim.name} says is clogged`)
      case 'leave':
        return havoc.leave(victim)
      case 'late': {
        this.keptBack.add(letter)
        const ms = chance.between(0, measure * 400)
        havoc.later(ms, () => this.keptBack.delete(letter))
        return havoc.sendLate(letter, ms)
      }
      case 'lose':
        this.losing.set(kind, world.now + measure * 60)
        return
      default:
        return act satisfies never
    }
  }
}
