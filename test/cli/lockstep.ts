// Runs the command line in a process of its own, and waits for what it prints.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import type { Group } from '../clients/group.ts'

export const SCRIPT: string = fileURLToPath(new URL('../../broker/lockstep.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface LockstepOptions {
  /** Which Node.js; that of the tests by default. */
  readonly node?: string
  readonly environment?: { readonly [variable: string]: string }
  /** What it reads; undefined: nothing, 'open': what the test writes. */
  readonly input?: string | undefined
}

export class Lockstep {
  stdout = ''
  stderr = ''
  private readonly child: ChildProcess
  private readonly ending: Promise<unknown>
  private changed: () => void = () => {}

  constructor(args: readonly string[], { node = process.execPath, environment = {}, input }: LockstepOptions = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LOCKSTEP_'))
    const env = { ...Object.fromEntries(inherited), ...environment }
    this.child = spawn(node, [SCRIPT, ...args], {
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.child.stdin?.on('error', () => {}) // It may have ended before it read all.
    if (input !== undefined && input !== 'open') this.child.stdin?.end(input)
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.changed()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.changed()
    })
    this.ending = once(this.child, 'close').then(() => this.changed())
  }

  get stdin(): Writable {
    return this.child.stdin as Writable
  }

  get pid(): number {
    return this.child.pid as number
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
  async printed(pattern: RegExp, where: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[where])
      if (match !== null) return match
      if (!this.running) throw new Error(`ended before it printed ${pattern}: ${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.changed = resolve
      })
    }
  }
}

/** A command that knows where the group is. */
export function commandAt(t: ExecutionContext, group: Group, args: readonly string[], input?: string): Lockstep {
  const command = new Lockstep(args, { environment: { LOCKSTEP_REPLICA: group.urls.join() }, input })
  t.teardown(() => command.signal('SIGKILL'))
  return command
}

/** The same, to its end. */
export function runAt(t: ExecutionContext, group: Group, args: readonly string[], input = ''): Promise<Ended> {
  return commandAt(t, group, args, input).ended()
}

/** Of JSON lines. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many shapes
export function objects(text: string): any[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
