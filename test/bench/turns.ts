// Two versions of this project, in two folders, beside one another on a machine that swings by more than they differ. Each
// runs a flood of the whole product, and by turns all processes of one are stopped by a signal while those of the other go
// on: what is compared are turns of a second that follow one another.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { wholeWithin } from './arguments.ts'
import { mean, median, quantile, readable } from './statistics.ts'
import { threadMicrosecondsOf } from './usage.ts'

const HELP = `node test/bench/turns.ts FOLDER [options]

Compares this project with the one in FOLDER, another clone with its dependencies. On Linux.

  --only NAME      product-100 (default), product-1k or http-flood
  --turns N        how many turns of a second each has (default 20, at most 24), after warming up for as long
  --help           this text

Of each: events a second, and the processor of clients, replicas and NATS server for each. A ratio is the median of
turns that follow one another; FOLDER by itself is 1.`

const HERE = fileURLToPath(new URL('../..', import.meta.url))
const FLOWING_EVENTS = 1000
const START_MS = 30_000
/** Of a turn, not counted: all go on again. */
const RESUME_MS = 350
const TURN_MS = 1000

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: 'product-100' },
    turns: { type: 'string', default: '20' },
    help: { type: 'boolean', default: false },
  },
})

interface Turn {
  readonly rate: number
  /** Microseconds of processor for each event. */
  readonly clients: number
  readonly replicas: number
  readonly server: number
}

/** One version, and all processes that its bench has started. */
class Side {
  readonly folder: string
  private readonly bench: ChildProcess
  private replicas: number[] = []
  private server: number[] = []
  private clients: number[] = []

  constructor(folder: string, workload: string) {
    this.folder = folder
    // As long as it takes: it is stopped when all turns are over.
    const options = ['--only', workload, '--runs', '1', '--warm-up', '120', '--seconds', '30']
    const script = resolve(folder, 'test/bench/run.ts')
    this.bench = spawn(process.execPath, [script, ...options], { cwd: folder, detached: true, stdio: 'ignore' })
  }

  /** Resolves when events flow. */
  async started(): Promise<void> {
    for (const until = performance.now() + START_MS; !(await this.flows()); await after(200)) {
      if (performance.now() > until) throw new Error(`${this.folder}: no events within ${START_MS} ms`)
      this.look()
    }
    this.look()
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    for (const [what, pids] of [
      ['a client', this.clients],
      ['a replica', this.replicas],
      ['the NATS server', this.server],
    ] as const) {
      for (const pid of pids) {
        try {
          process.kill(pid, name)
        } catch (error) {
          throw new Error(`${this.folder}: ${what}, process ${pid}, has ended before its time`, { cause: error })
        }
      }
    }
  }

  async turn(): Promise<Turn> {
    this.signal('SIGCONT')
    await after(RESUME_MS)
    const before = await this.used()
    await after(TURN_MS)
    const then = await this.used()
    this.signal('SIGSTOP')
    const events = then.seq - before.seq
    if (events <= 0) throw new Error(`${this.folder}: nothing was published in a turn`)
    const each = (what: 'clients' | 'replicas' | 'server'): number => (then[what] - before[what]) / events
    const rate = (1000 * events) / (then.at - before.at)
    return { rate, clients: each('clients'), replicas: each('replicas'), server: each('server') }
  }

  async stop(): Promise<void> {
    if (this.bench.exitCode !== null || this.bench.signalCode !== null) return
    const ended = once(this.bench, 'exit')
    for (const name of ['SIGCONT', 'SIGINT'] as const) process.kill(-this.bench.pid!, name)
    await Promise.race([ended, after(3000)])
    try {
      process.kill(-this.bench.pid!, 'SIGKILL')
    } catch {} // All are gone.
  }

  private async flows(): Promise<boolean> {
    try {
      return (await this.used()).seq >= FLOWING_EVENTS
    } catch {
      return false // Nobody is there yet.
    }
  }

  private look(): void {
    const all = [this.bench.pid!, ...descendantsOf(this.bench.pid!)]
    const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    this.replicas = all.filter((pid) => commandOf(pid).includes('lockstep.js start '))
    this.server = all.filter((pid) => commandOf(pid).includes('nats-server '))
    this.clients = all.filter((pid) => !this.replicas.includes(pid) && !this.server.includes(pid))
  }

  private async used(): Promise<{ at: number; seq: number; clients: number; replicas: number; server: number }> {
    const answer = await fetch(`http://127.0.0.1:${listeningPortOf(this.replicas[0]!)}/metrics`)
    const seq = Number(/^lockstep_seq(?:\{.*\})? (\S+)$/m.exec(await answer.text())?.[1])
    const sum = (pids: readonly number[]): number => pids.reduce((all, pid) => all + threadMicrosecondsOf(pid), 0)
    const at = performance.now()
    return { at, seq, clients: sum(this.clients), replicas: sum(this.replicas), server: sum(this.server) }
  }
}

function descendantsOf(ancestor: number): number[] {
  const parents = new Map<number, number>()
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger))
    parents.set(pid, Number(textOf(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[1]))
  const found = [ancestor]
  for (const one of found) for (const [pid, parent] of parents) if (parent === one) found.push(pid)
  return found.slice(1)
}

/** The TCP port, of IPv4, that the process listens on. */
function listeningPortOf(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return '' // Closed meanwhile.
    }
  })
  for (const line of textOf('/proc/net/tcp').split('\n')) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    if (state === '0A' && links.includes(`socket:[${inode}]`)) return Number.parseInt(local.split(':')[1] as string, 16)
  }
  throw new Error(`process ${pid} listens on no port`)
}

/** Empty where the process has gone. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function row({ folder }: Side, turns: readonly Turn[], base: readonly Turn[]): string {
  const usOf = ({ clients, replicas, server }: Turn): number => clients + replicas + server
  const ratios = turns.map(({ rate }, i) => rate / base[i]!.rate)
  const used = turns.map((turn, i) => usOf(turn) / usOf(base[i]!))
  const each = (['clients', 'replicas', 'server'] as const).map(
    (what) => `${what} ${median(turns.map((turn) => turn[what])).toFixed(2)}`,
  )
  const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)]
  return [
    `${basename(folder)}: ${readable(median(turns.map(({ rate }) => rate)))} events/s`,
    `${each.join(', ')}, all ${median(turns.map(usOf)).toFixed(2)} us of processor an event`,
    `${median(ratios).toFixed(3)} times as many (half of the turns ${low.toFixed(2)} to ${high.toFixed(2)}, mean ${mean(ratios).toFixed(3)})`,
    `${median(used).toFixed(3)} of the processor`,
  ].join('; ')
}

async function compare(sides: readonly Side[], turns: number): Promise<void> {
  const found = sides.map((): Turn[] => [])
  for (let n = -turns; n < turns; n++) {
    // Each is first as often as second.
    const order = n % 2 === 0 ? [0, 1] : [1, 0]
    for (const which of order) {
      const turn = await sides[which]!.turn()
      if (n >= 0) found[which]!.push(turn)
    }
    process.stderr.write(n < 0 ? `\rwarming up ${turns + n + 1}/${turns} ` : `\rturn ${n + 1}/${turns}           `)
  }
  process.stderr.write('\n')
  for (const [i, side] of sides.entries()) console.log(row(side, found[i]!, found[0]!))
}

if (args.help) console.log(HELP)
else {
  const sides: Side[] = []
  try {
    const [folder] = positionals
    if (folder === undefined || positionals.length > 1) throw new RangeError('one folder is to be given; --help tells')
    if (process.platform !== 'linux') throw new RangeError('what processes have used is read as Linux tells it')
    const turns = wholeWithin(args.turns, '--turns', 2, 24)
    sides.push(new Side(resolve(folder), args.only), new Side(HERE, args.only))
    // Neither is stopped before both are there: a client that stands still for three seconds gives its replica up.
    await Promise.all(sides.map((side) => side.started()))
    for (const side of sides) side.signal('SIGSTOP')
    await compare(sides, turns)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  } finally {
    await Promise.all(sides.map((side) => side.stop()))
  }
}
