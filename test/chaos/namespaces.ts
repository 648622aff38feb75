// A network namespace for each replica, where this machine lets us make them: then its network is a cable of its own, which
// can be pulled, and lose packets as real ones do. Connections are not told when that happens.

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
  /** So many of a hundred packets are lost, each way; 0: as it was. Throws where the system cannot do it. */
  lose(percent: number): void
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
        lose: (percent) => command('ip', ['netns', 'exec', space, 'nft', '-f', '-'], losing(percent)),
      })
    }
  } catch (error) {
    remove()
    throw error
  }
  return { of, remove }
}

/** Undefined: packets can be lost here. Else why not. */
export function whyNoLoss({ of }: Namespaces): string | undefined {
  const [any] = of.values()
  try {
    any!.lose(1)
    any!.lose(0)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Rules of nftables and not `tc netem`, which fewer kernels have. */
function losing(percent: number): string {
  const rule = percent === 0 ? '' : `numgen random mod 100 < ${percent} drop`
  return `
    table inet weather {}
    delete table inet weather
    table inet weather {
      chain in { type filter hook input priority filter; ${rule} }
      chain out { type filter hook output priority filter; ${rule} }
    }`
}

function ip(...args: readonly string[]): void {
  command('ip', args)
}

function command(program: string, args: readonly string[], input = ''): void {
  const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
