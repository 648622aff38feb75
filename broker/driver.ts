// The only loop: datagrams, ticks and requests go into the member, and what comes out is done over a fabric and to an
// application, in order. It holds no opinion; in the real world and in the simulated one it is the same code.

import type { Fabric } from './fabric/fabric.ts'
import { DIGEST_EVERY } from './group/agreement.ts'
import type { Member } from './group/member.ts'
import type { Input, Instant, Output, SubmitRefusal } from './group/port.ts'
import type { Incarnation } from './group/view.ts'

/**
 * What the group's order is applied to. Called in the order; meanwhile it must not call back into the driver but to submit,
 * and to be shown nothing early any more.
 */
export interface Application {
  /** Everything that changes replicated state, or tells of the member: all outputs but `send` and `takeSnapshot`. */
  output(output: Exclude<Output, { type: 'send' | 'takeSnapshot' }>): void
  /** The whole state, after everything that was delivered, in pieces. Put together, equal bytes at equal positions. */
  snapshot(): readonly Uint8Array[]
  /** 32 bits that the whole state comes to. Equal at equal positions. */
  digest(): number
  /** Outputs of one step are done: whoever waits for what was delivered may be woken. */
  turnEnded(): void
}

export interface DriverParts {
  readonly member: Member
  readonly fabric: Fabric
  readonly application: Application
  readonly now: () => Instant
  /** Calls at the end of this event-loop turn. */
  readonly endOfTurn: (call: () => void) => void
}

export class Driver {
  private readonly parts: DriverParts
  private turnDue = false
  private stopped = false

  constructor(parts: DriverParts) {
    this.parts = parts
    parts.fabric.address(parts.member.status().self.incarnation)
    parts.fabric.listen(
      (datagram) => this.step({ type: 'datagram', datagram }),
      (linked) => this.step({ type: 'linked', linked }),
    )
    if (!parts.fabric.linked) this.step({ type: 'linked', linked: false })
  }

  /** To be called every `tickMs`. */
  tick(): void {
    this.step({ type: 'tick' })
  }

  leave(): void {
    this.step({ type: 'leave' })
  }

  hint(incarnation: Incarnation): void {
    this.step({ type: 'hint', incarnation })
  }

  /** Whether slots are shown before they are safe. When that begins, what there is comes before this returns. */
  showEarly(wanted: boolean): void {
    this.step({ type: 'showEarly', wanted })
  }

  /** Takes a request into the queue, or says why not. The bytes are copied. */
  submit(request: Uint8Array): SubmitRefusal | undefined {
    const refusal = this.parts.member.submit(request)
    if (refusal === undefined) this.dueTurn()
    return refusal
  }

  /** From now on nothing goes in or out. */
  stop(): void {
    this.stopped = true
  }

  private step(input: Input): void {
    if (this.stopped) return
    this.perform(this.parts.member.step(this.parts.now(), input))
    this.dueTurn()
  }

  private dueTurn(): void {
    if (this.turnDue) return
    this.turnDue = true
    this.parts.endOfTurn(() => {
      this.turnDue = false
      if (this.stopped) return
      this.perform(this.parts.member.step(this.parts.now(), { type: 'turn' }))
      this.parts.application.turnEnded()
    })
  }

  private compare(position: number): void {
    if (position % DIGEST_EVERY === 0) this.parts.member.digestAt(position, this.parts.application.digest())
  }

  private perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (this.stopped) return
      if (output.type === 'send') this.parts.fabric.send(output.to, output.datagram)
      else if (output.type === 'takeSnapshot') this.step({ type: 'snapshot', state: this.parts.application.snapshot() })
      else {
        if (output.type === 'reincarnated') this.parts.fabric.address(output.incarnation)
        this.parts.application.output(output)
        if (output.type === 'deliver' || output.type === 'view') this.compare(output.position)
        if (output.type === 'exit') this.stopped = true
      }
    }
  }
}
