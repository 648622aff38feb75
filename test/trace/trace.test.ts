// Golden traces: what exactly happens, in what order, in scenarios that are worth reading. A change of the protocol shows
// here as a difference to be read: `REWRITE=1 npm test -- test/trace/trace.test.ts` writes them anew.

import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { SCENARIOS } from '../sim/scenarios.ts'

/** The scenarios, and what each teaches. */
const LESSONS: Readonly<Record<string, string>> = {
  'first-start': 'The ordinary change of view, over view 0: collect, state, propose, accept, install.',
  'hinted-crash':
    'A killed member is found by pings that nobody answers, and the others go on within 60 ms of the hint.',
  'coordinator-crash': 'Rank 0 is silent for suspectAfterMs; the next one leads.',
  leave: 'A leaver sees its events safe, says so, and goes when it has heard somebody in the next view.',
  'join-from-log': 'A joiner pulls the log, asks to be let in, gets its cut, and votes.',
  'long-pause': 'Who was put out takes a fresh incarnation, catches up and joins again.',
  c1: 'Accepts from the old view alone do not choose the next one: a must wait for b or c [c1].',
  c4: 'The cause of an event is lost with its sender: the event is cut too, and comes again later [c4].',
  c9a: 'The only one who still has a slot is the joiner: it serves it to c [c9].',
  'chosen-unseen': 'Only the dead coordinator knew what was chosen; the next one takes it over.',
  'survivor-cut': "A survivor's event names one that is cut: it is cut too, and sent again in the next view [c4].",
  'older-snapshot': 'The donor dies in the middle; the one that is left has an older snapshot, which must do.',
}

/** Of what is said again and again, once is enough to read. */
const REPEATS_WITHIN = 12

function story(name: string): string {
  const scenario = SCENARIOS.find((one) => one.name === name)!
  const lines: string[] = []
  const recent: string[] = []
  const print = (line: string): void => {
    const words = line.slice(10)
    if (recent.includes(words)) return
    recent.push(words)
    if (recent.length > REPEATS_WITHIN) recent.shift()
    lines.push(line)
  }
  const failure = scenario.run({ trace: 'some', print })
  if (failure !== undefined) lines.push(`failed: ${failure.id} ${failure.text}`)
  return `# ${scenario.title}\n# ${LESSONS[name]}\n# Times in ms. Headers, heartbeats, slots and pulls are left out, and so is what is said again.\n\n${lines.join('\n')}\n`
}

for (const name of Object.keys(LESSONS))
  test(`${name}: happens as it is written`, (t) => {
    const file = new URL(`${name}.txt`, import.meta.url)
    const now = story(name)
    if (process.env['REWRITE'] === '1') writeFileSync(file, now)
    t.is(now, readFileSync(file, 'utf8'))
  })
