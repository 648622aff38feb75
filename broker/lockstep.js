#!/usr/bin/env node
// The command `lockstep`. Plain JavaScript, because it may be started under a Node.js that is too old to run the
// TypeScript sources: then it runs itself again under the one that `npm ci` has put into node_modules.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)

if ((major === 22 && minor >= 20) || (major === 24 && minor >= 12) || major >= 26) {
  // Started by the older one below: when that is gone, killed perhaps, nobody could stop this one any more.
  if (process.env.LOCKSTEP_BOOTSTRAPPED === '1' && process.channel) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
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
    env: { ...process.env, LOCKSTEP_BOOTSTRAPPED: '1' },
    detached: true,
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`lockstep: ${own} cannot be started: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
}
