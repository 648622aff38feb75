// Runs the command line in a process of its own, and waits for what it prints.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SCRIPT: string = fileURLToPath(new URL('../../broker/lockstep.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export class Lockstep {
  stdout = ''
  stderr = ''
  private readonly child: ChildProcess
  private readonly ending: Promise<unknown>
  private changed: () => void = () => {}

  constructor(args: readonly string[], node: string = process.execPath) {
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('LOCKSTEP_')),
    )
    this.child = spawn(node, [SCRIPT, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.changed()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ending = once(this.child, 'close').then(() => this.changed())
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async ended(): Promise<Ended> {
    await this.ending
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr }
  }

  /** Resolves with what matched; rejects when the process ends before. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout)
      if (match !== null) return match
      if (!this.running) throw new Error(`ended before it printed ${pattern}: ${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }
}
