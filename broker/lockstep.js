#!/usr/bin/env node
// The command `lockstep`. Plain JavaScript, because it may be started under a Node.js that is too old to run the
// TypeScript sources: then it runs itself again under the one that `npm ci` has put into node_modules. A replica's
// process begins anew for its memory's sake.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * Half of what a start costs is reading the sources: what comes of it is kept for the next start, and for the threads of
 * `lockstep dev`, where this folder may be written. (https://nodejs.org/api/module.html#module-compile-cache)
 */
process.env.NODE_COMPILE_CACHE ||= fileURLToPath(new URL('../node_modules/.cache/lockstep', import.meta.url))

/**
 * A replica makes and frees batches all day, and a fresh page of 4 KiB costs more than what is written into it. glibc
 * reads this when a process begins, and asks Linux for pages of 2 MiB (glibc 2.35 and later, where
 * /sys/kernel/mm/transparent_hugepage/enabled is not `never`; others take no notice). Who has set the variable is left
 * alone. What was measured is in `test/bench/README.md`.
 * (https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html)
 */
const environment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1', ...process.env }

const [major, minor] = process.versions.node.split('.').map(Number)

if ((major === 22 && minor >= 20) || (major === 24 && minor >= 12) || major >= 26) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  // Started by the older one below: when that is gone, killed perhaps, nobody could stop this one any more.
  if (process.env.LOCKSTEP_BOOTSTRAPPED === '1' && process.channel) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
  // A channel to whoever started it would not outlive that.
  const isReplica = process.argv[2] === 'start' && process.platform === 'linux'
  if (isReplica && process.env.GLIBC_TUNABLES === undefined && !process.channel) beginAnew()
  await import('./main.ts')
} else {
  const own = ['linux-x64', 'linux-arm64']
    .map((platform) => fileURLToPath(new URL(`../node_modules/node-${platform}/bin/node`, import.meta.url)))
    .find((path) => existsSync(path))
  if (own === undefined) {
    console.error(
      `lockstep needs Node.js 22.20+, 24.12+ or 26+; this is ${process.version}. On Linux \`npm ci\` in its folder ` +
        'brings one along; elsewhere install a newer Node.js.',
    )
    process.exit(1)
  }
  // A process group of its own: a Ctrl-C in the terminal comes here alone and is passed on once, not twice.
  const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...environment, LOCKSTEP_BOOTSTRAPPED: '1' },
    detached: true,
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`lockstep: ${own} cannot be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
}

/** The same process, by `execve`. Where it may not do that, it goes on as it is. */
function beginAnew() {
  // A failure of the call itself would end the process.
  if (!existsSync(process.execPath)) return
  try {
    process.execve(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], environment)
  } catch {}
}
