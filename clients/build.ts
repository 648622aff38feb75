// Writes what is published, `dist/`: Node.js takes no TypeScript out of node_modules, and pages take one file.

import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleClient } from './bundle.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const DIST = join(HERE, 'dist')

rmSync(DIST, { recursive: true, force: true })
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
const args = [join(typescript, 'bin/tsc'), '-p', join(HERE, 'tsconfig.build.json')]
const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
if (status === 0) {
  writeFileSync(join(DIST, 'browser.js'), await bundleClient())
  copyFileSync(join(HERE, '../LICENSE'), join(DIST, 'LICENSE'))
} else process.exitCode = 1
