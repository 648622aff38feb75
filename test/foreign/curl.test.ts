// curl, as people type it: first what README.md says under "In a minute", letter by letter but for the ports; then every
// way to publish, going on after a place, and how a script notices that something was refused.

import { readFileSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { Group } from '../clients/group.ts'
import { Program, testWith } from './program.ts'

const curlTest = testWith('curl')

/** What the section says to type with curl, in order; in a block, a comment or an empty line ends one and begins the next. */
function scriptsOf(section: string): string[] {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const text = readme.slice(readme.indexOf(`\n## ${section}\n`)).split('\n## ')[1] ?? ''
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block!)
  return blocks.flatMap((block) => block.trim().split(/\n+(?=#)|\n\n+/)).filter((script) => /^ *curl /m.test(script))
}

class Terminal {
  private readonly t: ExecutionContext
  private readonly urls: readonly string[]

  constructor(t: ExecutionContext, urls: readonly string[]) {
    this.t = t
    this.urls = urls
  }

  /** Types this; ports are those that `npm start` has. */
  type(script: string): Program {
    const here = script.replaceAll(/\b740([012])\b/g, (_, i) => new URL(this.urls[Number(i)]!).port)
    return new Program(this.t, 'sh', ['-c', here])
  }

  /** What it has printed when it has ended. */
  async answer(script: string, code = 0): Promise<string> {
    const program = this.type(script)
    this.t.is(await program.ended(), code, `${script}: ${program.stderr}`)
    return program.stdout
  }
}

/** In the order of README.md: how a script begins, and what it must print. */
const README: readonly [begins: string, prints: RegExp][] = [
  ['curl -X PUT', /"topic":"orders","schemaVersion":1,/],
  [
    "curl -N 'http://127.0.0.1:7401/",
    /^id: [0-9a-f]{14}:1\nevent: view\n.*"seq":3,"offset":1,"topic":"orders".*"tea"/ms,
  ],
  ['curl http://127.0.0.1:7402', /^\{"history":"[0-9a-f]{14}","seq":3,"offset":1,"duplicate":false\}/],
  ['# An event that does not fit', /"status":422.*must be >= 1/s],
  ['# A retry does no harm', /"seq":(\d+),"offset":2,"duplicate":false.*"seq":\1,"offset":2,"duplicate":true/s],
  ['# Several events', /\{"events":\[\{.*"offset":3,.*\},\{.*"offset":4,/s],
  ['# A CloudEvent in', /"offset":5,.*(data: \{"specversion":"1\.0".*){5}: limit reached/s],
  ['# Wildcards', /("topic":"orders".*){5}/s],
  ['# Views are also a topic', /"topic":"\$sys\.views"/],
  ['curl http://127.0.0.1:7400/v1/topics', /"topics":.*"primary":true/s],
]

curlTest('what README.md says to type: prints what it says, and nothing is left untried', async (t) => {
  const group = await Group.start(t)
  const terminal = new Terminal(t, group.urls)
  const scripts = scriptsOf('In a minute')
  t.is(scripts.length, README.length, scripts.join('\n--\n'))
  const endless: (() => Promise<void>)[] = []
  for (const [i, script] of scripts.entries()) {
    const [begins, prints] = README[i]!
    t.true(script.startsWith(begins), script)
    if (/curl -N/.test(script) && !script.includes('limit=')) {
      const program = terminal.type(script)
      endless.push(() => program.until(`${prints} from ${script}`, () => prints.test(program.stdout)))
    } else t.regex(await terminal.answer(script), prints, script)
  }
  for (const printed of endless) await printed()
})

curlTest('each way to publish; and reading on at another replica after the id of the last message', async (t) => {
  const group = await Group.start(t)
  await group.putTopic('any')
  const terminal = new Terminal(t, group.urls)
  const publish = 'curl -sS --fail-with-body http://127.0.0.1:7400/v1/topics/any/events'
  const json = "-H 'Content-Type: application/json'"
  const event = (id: number): string => `{"specversion":"1.0","id":"${id}","source":"/s","type":"t","data":${id}}`
  const binary = ['specversion: 1.0', 'id: 3', 'source: /s', 'type: t'].map((header) => `-H 'ce-${header}'`).join(' ')
  for (const [args, count] of [
    [`${json} -H 'Lockstep-Key: k' -d 1`, 1],
    [`-H 'Content-Type: application/cloudevents+json' -d '${event(2)}'`, 1],
    [`${json} ${binary} -d 3`, 1],
    [`-H 'Content-Type: application/cloudevents-batch+json' -d '[${event(4)},${event(5)}]'`, 2],
    ["-H 'Content-Type: application/x-ndjson' --data-binary '6\n7\n'", 2],
  ] as const) {
    const answer = JSON.parse(await terminal.answer(`${publish} ${args}`))
    t.is((answer.events ?? [answer]).length, count)
  }

  const read = "'http://127.0.0.1:7402/v1/events?topics=any&from=start&limit=3'"
  const first = await terminal.answer(`curl -sSN ${read}`)
  const last = /^id: (\S+)$/gm
  const id = [...first.matchAll(last)].at(-1)![1]
  const second = await terminal.answer(`curl -sSN -H 'Last-Event-ID: ${id}' ${read.replace('7402', '7401')}`)
  const rest = await terminal.answer(
    `curl -sSN -H 'Last-Event-ID: ${[...second.matchAll(last)].at(-1)![1]}' ${read.replace('limit=3', 'limit=1')}`,
  )
  const events = [...`${first}${second}${rest}`.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!))
  t.deepEqual(
    events.map(({ data }) => data),
    [1, 2, 3, 4, 5, 6, 7],
  )
  t.like(events[0], { key: 'k', type: 'any' })
  t.like(events[2], { id: '3', source: '/s', type: 't' })

  // A stream that goes on: what is published meanwhile is printed at once.
  const open = terminal.type(`curl -sSN -H 'Last-Event-ID: ${id}' ${read.replace('&limit=3', '')}`)
  await open.until('what there is', () => open.stdout.includes('"data":7}'))
  await terminal.answer(`${publish} ${json} -d '"news"'`)
  await open.until('what is new', () => open.stdout.includes('"data":"news"}'))
})

curlTest('refusals: a script sees them by the exit code, and reads why', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('typed', { schema: { type: 'object', properties: { n: { type: 'integer' } } } })
  const terminal = new Terminal(t, group.urls)
  const topic = 'http://127.0.0.1:7400/v1/topics/typed/events'
  const json = "-H 'Content-Type: application/json'"
  for (const [args, status, detail] of [
    // What curl does when nothing is said.
    [`${topic} -d '{}'`, 415, /x-www-form-urlencoded is not taken.*-H 'Content-Type: application\/json'/],
    [`${topic} ${json} -d '{"n":'`, 400, /not JSON/],
    [`${topic} ${json} -d '{"n":"one"}'`, 422, /integer/],
    [`${topic.replace('typed', 'nowhere')} ${json} -d 1`, 404, /nowhere/],
    [`-X PATCH ${topic}`, 405, /PATCH/],
    ["'http://127.0.0.1:7400/v1/events?topics=a&form=start'", 400, /form/],
    ["-H 'Last-Event-ID: 7' 'http://127.0.0.1:7400/v1/events?topics=a'", 400, /Last-Event-ID/],
  ] as const) {
    const problem = JSON.parse(await terminal.answer(`curl -sS --fail-with-body ${args}`, 22))
    t.is(problem.status, status, args)
    t.regex(JSON.stringify(problem), detail)
  }
})
