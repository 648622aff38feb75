// The main job on real input, as a user would run it: real processes, a real nats-server, a real SIGKILL.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { natsTest } from '../nats-server.ts'

const EXAMPLE = fileURLToPath(new URL('../../clients/examples/flights-and-stocks.ts', import.meta.url))
const EVENTS = 600
/** By default settings acknowledgements go on within 2 s; the rest is for a machine that is busy with other tests. */
const PAUSE_MS_MAX = 4000

async function runExample(t: ExecutionContext, args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [EXAMPLE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGTERM'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}

/** The table's rows by their titles. */
function readTable(output: string): Record<string, string>[] {
  const lines = output.split('\n')
  const top = lines.findIndex((line) => line.startsWith('subscriber '))
  const cells = (line: string): string[] => line.trim().split(/ {2,}/)
  const titles = cells(lines[top]!)
  const end = lines.indexOf('', top)
  return lines.slice(top + 2, end).map((line) => Object.fromEntries(cells(line).map((cell, i) => [titles[i]!, cell])))
}

async function killed(t: ExecutionContext, victim: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runExample(t, ['--events', String(EVENTS), '--seconds', '4', ...args])
  t.is(code, 0, output)
  const count = (title: string): number => Number(new RegExp(`^${title} +(\\d+)`, 'm').exec(output)?.[1])
  // The last event of all tells subscribers that they have everything.
  const all = EVENTS + 1
  t.is(count('published'), all)
  t.is(count('acknowledged'), all)
  const pauseMs = count('longest pause in acknowledgements')
  t.log(`longest pause in acknowledgements: ${pauseMs} ms`)
  t.true(pauseMs < PAUSE_MS_MAX, output)

  t.regex(output, new RegExp(`killing ${victim}, process \\d+, with SIGKILL`))
  t.regex(output, new RegExp(`view \\d+: .*\\(${victim} failed\\)`))
  t.regex(output, new RegExp(`view \\d+: .*\\(${victim} joined\\)`))
  t.regex(output, new RegExp(`replica ${victim} is ready again`))

  const rows = readTable(output)
  t.deepEqual(
    rows.map(({ subscriber }) => subscriber),
    ['at a', 'at b', 'at c', `at ${victim}, started again`],
  )
  for (const row of rows) {
    t.is(row['delivered'], String(all), output)
    for (const title of ['lost', 'duplicates', 'gaps', 'order differences', 'reordered', 'altered']) {
      t.is(row[title], '0', `${row['subscriber']}, ${title}:\n${output}`)
    }
    t.true(Number(row['view changes']) >= 2, output)
  }
  // Who read at the one that was killed went on at another.
  t.true(Number(rows.find(({ subscriber }) => subscriber === `at ${victim}`)!['resumed']) >= 1, output)
}

// One after the other: each has five processes.
natsTest('the coordinator, then another one, is killed under load: all is delivered once, in one order', async (t) => {
  await killed(t, 'a', [])
  await killed(t, 'b', ['--kill', 'b'])
})

test('--help says what it does; a wrong flag is answered by a sentence, and exit code 2', async (t) => {
  const help = await runExample(t, ['--help'])
  t.is(help.code, 0)
  t.regex(help.output, /--events N/)
  const wrong = await runExample(t, ['--events', 'many'])
  t.is(wrong.code, 2)
  t.regex(wrong.output, /--events takes a whole number from 1 to 1000000, and was given "many"/)
  t.is((await runExample(t, ['--kill', 'z'])).code, 2)
})
