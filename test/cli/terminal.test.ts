// The commands on a terminal, which `script` of util-linux makes: what people see, and pipes do not.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import test from 'ava'
import { Group } from '../clients/group.ts'
import { runAt, SCRIPT } from './lockstep.ts'

const there = /util-linux/.test(spawnSync('script', ['--version']).stdout?.toString() ?? '')
const terminalTest = there ? test : test.skip

/** What `script` runs a line with: the same everywhere, whatever who runs the tests prefers. */
const SHELL = { SHELL: '/bin/sh' }

/** All that is seen, as if each state of a line of progress had a line of its own; the exit code at its end. */
async function onTerminal(group: Group, line: string, environment: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...SHELL, NO_COLOR: '', LOCKSTEP_REPLICA: group.urls.join(), ...environment }
  const shell = `lockstep() { '${process.execPath}' '${SCRIPT}' "$@"; }; ${line}; echo "exit code $?"`
  const running = promisify(execFile)('script', ['-qec', shell, '/dev/null'], { env })
  running.child.stdin?.end() // As Ctrl-D.
  return (await running).stdout.replaceAll('\r\n', '\n').replaceAll('\r\u001b[K', '\n')
}

const BOLD = '\u001b[1m'

terminalTest(
  'on a terminal: tables and columns, with emphasis unless NO_COLOR; --json: lines as in a pipe',
  async (t) => {
    const group = await Group.start(t, 1)
    await group.putTopic('orders')
    t.is((await runAt(t, group, ['pub', 'orders', '--key', 'n'], '{"n":1}\n')).code, 0)
    const topics = await onTerminal(group, 'lockstep topics')
    t.true(topics.startsWith(`${BOLD}topic `), topics)
    t.regex(topics, /^orders +0 +1 +1 +/m)
    const one = await onTerminal(group, 'lockstep topics orders', { NO_COLOR: '1' })
    t.regex(one, /^orders\n {2}type +any JSON\n {2}published +1\n {2}kept +1, at the offsets 1 to 1; \d+ bytes\n/)
    const plain = await onTerminal(group, 'lockstep topics', { NO_COLOR: '1' })
    t.true(plain.startsWith('topic '), plain)
    const [line] = (await onTerminal(group, 'lockstep tail orders', { NO_COLOR: '1' })).split('\n')
    t.regex(line!, /^ {7}\d {2}orders 1 {2}\{"n":1\}$/)
    t.true((await onTerminal(group, 'lockstep tail orders --json')).startsWith('{"kind":"event",'))
    t.regex(await onTerminal(group, 'lockstep cluster'), /^view 1, primary\n[\s\S]*exit code 0\n$/)
  },
)

terminalTest(
  'long work on a terminal: says how far it is, on one line, and notes are lines of their own',
  async (t) => {
    const group = await Group.start(t, 1)
    await group.putTopic('orders')
    const lines = `'{"n":1}\\n{"n":2}\\n'`
    const fine = await onTerminal(group, `printf ${lines} | lockstep pub orders`)
    t.regex(fine, /\n2 published, [\d,]+\/s, at a\nexit code 0\n$/)
    const wrong = await onTerminal(group, `printf ${lines}'here\\n' | lockstep pub orders`)
    t.regex(wrong, /\n2 published, .*\nlockstep: line 3: .*JSON\nexit code 1\n$/)
    const measured = await onTerminal(group, 'lockstep bench --seconds 1 --rate 100')
    t.regex(measured, /\n\d of 1 s: [\d,]+ sent, [\d,]+ acknowledged, [\d,]+ received by all/)
    t.regex(measured, /^received at a +\d+ +\d+ +[\d.]+ +[\d.,]+ +[\d.,]+$/m)
    t.regex(measured, /\nNothing was lost, came twice or out of order\.\nexit code 0\n$/)
  },
)

terminalTest(
  'sub --order fifo on a terminal: what has no place has a ?, and is said again, kept or taken back',
  async (t) => {
    const group = await Group.start(t)
    await group.putTopic('orders')
    t.is((await runAt(t, group, ['pub', 'orders', '--key', 'n'], '{"n":1}\n')).code, 0)
    const { url } = group.of('c')
    const environment = { LOCKSTEP_REPLICA: url, NO_COLOR: '1' }
    const seen = onTerminal(group, 'lockstep sub orders --from start --order fifo --limit 2', environment)
    while (!/^lockstep_subscribers 1$/m.test(await (await fetch(`${url}/metrics`)).text()));
    const json = { 'Content-Type': 'application/json', 'Lockstep-Key': 'k' }
    group.mute.add('c')
    const published = fetch(`${url}/v1/topics/orders/events`, { method: 'POST', headers: json, body: '{"n":2}' })
    await group.putOut('c')
    t.is((await published).status, 200)
    const [first, ...rest] = (await seen).split('\n')
    t.regex(first!, /^ {7}\d {2}orders 1 {2}\{"n":1\}$/)
    const [shown, retract, again, kept] = rest
    t.is(shown, '       ?  orders k  {"n":2}')
    t.is(retract, '       -  taken back: orders k  {"n":2}')
    t.is(again, shown)
    t.regex(kept!, /^ {7}\d {2}kept: orders k {2}\{"n":2\}$/)
    t.is(rest[4], 'exit code 0')
  },
)

terminalTest('pub, typed at the terminal: says what it waits for', async (t) => {
  const group = await Group.start(t, 1)
  await group.putTopic('orders')
  t.regex(
    await onTerminal(group, 'lockstep pub orders'),
    /lockstep: publishes each line of JSON that you type; Ctrl-D ends\n/,
  )
})

terminalTest('start on a terminal: log lines for people, coloured unless NO_COLOR; Ctrl-C ends it', async (t) => {
  const args = 'start --name a --listen 127.0.0.1:0 --nats nats://127.0.0.1:1'
  const seen = async (noColor: string): Promise<string> => {
    const env = { ...process.env, ...SHELL, NO_COLOR: noColor, FORCE_COLOR: '', TERM: 'xterm' }
    // Instead of the shell, which a Ctrl-C would end, too, with an exit code of its own.
    const child = spawn('script', ['-qec', `exec '${process.execPath}' '${SCRIPT}' ${args}`, '/dev/null'], { env })
    t.teardown(() => child.kill('SIGKILL'))
    let text = ''
    for await (const piece of child.stdout.setEncoding('utf8')) {
      if (!text.includes('  started') && (text + piece).includes('  started')) child.stdin.write('\u0003')
      text += piece
    }
    if (child.exitCode === null) await once(child, 'exit')
    t.is(child.exitCode, 0)
    return text.replaceAll('\r\n', '\n')
  }
  t.regex(await seen('1'), /^\d\d:\d\d:\d\d\.\d{3} info {2}a {2}started {2}group=lockstep roster=a listen=http:\S+$/m)
  const coloured = await seen('')
  t.true(coloured.includes(`\u001b[32minfo \u001b[0m ${BOLD}a\u001b[0m  leaving the group\n`), coloured)
})
