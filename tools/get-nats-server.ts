// Finds a nats-server, or gets one: `npm test` runs this first. Where Debian's tools are at hand the package is fetched
// and unpacked beside the other dependencies; nothing is installed, so that no service starts on this machine. Where that
// does not work, one line says how to get it, and what needs it is skipped.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url))
const UNPACKED = join(CACHE, 'nats-server')

/** Debian puts it where an ordinary user's PATH does not look. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/local/sbin']

export const HOW_TO_GET: string =
  'No nats-server found: what needs it is skipped. Get it (Debian, Ubuntu: apt-get install nats-server; ' +
  'macOS: brew install nats-server) or set NATS_SERVER=/path/to/nats-server.'

/** The path of the program; undefined: there is none. `NATS_SERVER` is taken at its word. */
export function findNatsServer(): string | undefined {
  const chosen = process.env['NATS_SERVER']
  if (chosen) return chosen
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS, join(UNPACKED, 'usr/sbin')]
  return folders.map((folder) => join(folder, 'nats-server')).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Unpacks Debian's package into the cache. Several at a time do no harm: each works in a folder of its own. */
function fetchFromDebian(): void {
  mkdirSync(CACHE, { recursive: true })
  const folder = mkdtempSync(join(CACHE, 'getting-nats-server-'))
  const run = (program: string, ...args: string[]): boolean =>
    spawnSync(program, args, { cwd: folder, stdio: 'ignore', timeout: 90_000 }).status === 0
  const download = () => run('apt-get', '-qq', '-o', 'Acquire::http::Timeout=20', 'download', 'nats-server')
  try {
    // On a fresh machine there is no list of packages yet, and only root can get it.
    if (!download() && !(run('apt-get', '-qq', 'update') && download())) return
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb'))
    if (archive === undefined || !run('dpkg-deb', '-x', archive, 'unpacked')) return
    if (isProgram(join(UNPACKED, 'usr/sbin/nats-server'))) return
    rmSync(UNPACKED, { recursive: true, force: true })
    renameSync(join(folder, 'unpacked'), UNPACKED)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (findNatsServer() === undefined) {
    console.error('Getting nats-server for the tests, once ...')
    fetchFromDebian()
  }
  if (findNatsServer() === undefined) {
    console.error(HOW_TO_GET)
    // Where a run must be complete, skipping would be a lie.
    if (process.env['CI'] === 'true') process.exitCode = 1
  }
}
