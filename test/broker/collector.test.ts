// What is set in a process cannot be taken back: so in one of its own.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'

const run = promisify(execFile)
const COLLECTOR = new URL('../../broker/collector.ts', import.meta.url).href

/** Of each thread its name and how nice it is, which are the second and the nineteenth field of its `stat`. */
const TELL_THREADS = `
  import { readdirSync, readFileSync } from 'node:fs'
  import { getPriority } from 'node:os'
  import { setCollector } from '${COLLECTOR}'
  setCollector()
  const threads = readdirSync('/proc/self/task').map((id) => {
    const [, name, fields] = /\\((.*)\\) (.*)/.exec(readFileSync('/proc/self/task/' + id + '/stat', 'utf8'))
    return [name, Number(fields.split(' ')[16])]
  })
  console.log(JSON.stringify({ threads, own: getPriority() }))
`

// Older ones do not name their threads.
const named = process.platform === 'linux' && Number.parseInt(process.versions.node, 10) >= 24 ? test : test.skip

named("V8's helpers step back behind the thread that orders events", async (t) => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', TELL_THREADS])
  const { threads, own } = JSON.parse(stdout) as { threads: [string, number][]; own: number }
  const helpers = threads.filter(([name]) => name === 'V8Worker')
  t.true(helpers.length > 0)
  for (const [, nice] of helpers) t.is(nice, Math.min(own + 5, 19))
  for (const [name, nice] of threads) if (name !== 'V8Worker') t.is(nice, own)
})
