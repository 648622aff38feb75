// A short run of what `npm run chaos` does at length, as a user would start it, and a few first starts. What is fast here
// is fast only by habit: no time is judged, but that everything comes to its end.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { natsTest } from '../nats-server.ts'
import type { ChaosResult } from './chaos.ts'
import type { StartsResult } from './starts.ts'

const RUN = fileURLToPath(new URL('run.ts', import.meta.url))

async function run(t: ExecutionContext, args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGTERM'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}

async function resultOf<Result>(t: ExecutionContext, args: readonly string[]): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-chaos-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { code, output } = await run(t, [...args, '--json', join(folder, 'result.json')])
  t.is(code, 0, output)
  return JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Result
}

natsTest('killed, stopped for seconds, and without a NATS server: every judge is content', async (t) => {
  t.timeout(110_000)
  const faults = ['kill', 'stop', 'nats-kill']
  // Twice as long as it takes to be put out.
  const length = ['--shortest', '2', '--longest', '3']
  const result = await resultOf<ChaosResult>(t, ['--seed', '3', '--faults', faults.join(), '--once', ...length])
  t.deepEqual(result.complaints, [])
  for (const kind of faults) t.is(result.tally.faults[kind]?.times, 1, kind)
  t.log(`put out while alive: ${result.tally.excluded}; views: ${result.tally.views}`)
  t.true(result.tally.published > 100)
  // One subscriber at each replica, and three that move.
  t.is(result.tally.delivered, 6 * result.tally.published)
})

natsTest('first starts of three, some with a kill meanwhile: one group each', async (t) => {
  t.timeout(110_000)
  const result = await resultOf<StartsResult>(t, ['--seed', '2', '--rounds', '3'])
  t.is(result.rounds, 3)
  t.is(result.withKills, 1)
})

test('--help names the faults; a wrong flag is answered by a sentence, and exit code 2', async (t) => {
  const help = await run(t, ['--help'])
  t.is(help.code, 0)
  t.regex(help.output, /nats-kill +SIGKILL/)
  const wrong = await run(t, ['--faults', 'kill,earthquake'])
  t.is(wrong.code, 2)
  t.regex(wrong.output, /there is none called "earthquake"/)
  t.is((await run(t, ['--replicas', '4'])).code, 2)
})
