// A network namespace for each replica, where this machine lets us make them: then its network is a cable of its own, which
// can be pulled, and lose and delay packets as real ones do. Connections are not told when that happens.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Namespace {
  /** Runs Node.js in the namespace. */
  readonly node: string
  /** Of whoever lives there, and of this side of the cable. */
  readonly address: string
  readonly gateway: string
  pull(): void
  plug(): void
  /** Text for `tc netem`; undefined: as it was. Throws where the system cannot do it. */
  disturb(how: string | undefined): void
}

export interface Namespaces {
  readonly of: ReadonlyMap<string, Namespace>
  remove(): void
}

/** Addresses of private networks that hardly anybody uses. */
const NETWORK = '10.254'

/** Throws a sentence where namespaces cannot be made. */
export function makeNamespaces(names: readonly string[]): Namespaces {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-netns-'))
  const made: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const remove = (): void => {
    for (const undo of made.splice(0).reverse()) undo()
  }
  process.once('exit', remove)
  // Several runs on one machine get networks of their own, most of the time; else the second says that it cannot.
  const third = process.pid % 250
  const of = new Map<string, Namespace>()
  try {
    for (const [i, name] of names.entries()) {
      const space = `lockstep-${process.pid}-${name}`
      const cable = `ls${process.pid}${name}`
      const gateway = `${NETWORK}.${third}.${4 * i + 1}`
      const address = `${NETWORK}.${third}.${4 * i + 2}`
      ip('netns', 'add', space)
      made.push(() => ip('netns', 'del', space))
      ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
      ip('addr', 'add', `${gateway}/30`, 'dev', cable)
      ip('link', 'set', cable, 'up')
      ip('-n', space, 'addr', 'add', `${address}/30`, 'dev', 'eth0')
      ip('-n', space, 'link', 'set', 'eth0', 'up')
      ip('-n', space, 'link', 'set', 'lo', 'up')
      const node = join(folder, `node-${name}`)
      writeFileSync(node, `#!/bin/sh\nexec ip netns exec ${space} "${process.execPath}" "$@"\n`)
      chmodSync(node, 0o755)
      of.set(name, {
        node,
        address,
        gateway,
        pull: () => ip('link', 'set', cable, 'down'),
        plug: () => ip('link', 'set', cable, 'up'),
        disturb: (how) => {
          if (how === undefined) command('tc', ['qdisc', 'del', 'dev', cable, 'root'])
          else command('tc', ['qdisc', 'add', 'dev', cable, 'root', 'netem', ...how.split(' ')])
        },
      })
    }
  } catch (error) {
    remove()
    throw error
  }
  return { of, remove }
}

/** Whether packets can be lost and delayed here: a kernel may come without. */
export function canDisturb({ of }: Namespaces): boolean {
  const [any] = of.values()
  try {
    any!.disturb('delay 1ms')
    any!.disturb(undefined)
    return true
  } catch {
    return false
  }
}

function ip(...args: readonly string[]): void {
  command('ip', args)
}

function command(program: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
