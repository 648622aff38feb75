// The script for bash in a real bash, as it is asked when somebody presses Tab; those for the other shells in those, where
// they are there.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { Group } from '../clients/group.ts'
import { Lockstep, SCRIPT } from './lockstep.ts'

/** A folder with the command in it, for the PATH. */
const bin: string = mkdtempSync(join(tmpdir(), 'lockstep-'))
writeFileSync(join(bin, 'lockstep'), `#!/bin/sh\nexec '${process.execPath}' '${SCRIPT}' "$@"\n`, { mode: 0o755 })

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

async function inShell(shell: string, script: string, group?: Group): Promise<string[]> {
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env['PATH']}`,
    LOCKSTEP_REPLICA: group?.urls.join() ?? 'http://127.0.0.1:1',
  }
  const { stdout } = await promisify(execFile)(shell, ['-c', script], { env })
  return stdout.split('\n').filter((line) => line !== '')
}

/** What is offered for the last of the words. */
async function offered(t: ExecutionContext, words: readonly string[], group?: Group): Promise<string[]> {
  const script = (await new Lockstep(['completion', 'bash']).ended()).stdout
  t.regex(script, /^complete -F _lockstep lockstep$/m)
  const asked = `COMP_WORDS=(lockstep ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _lockstep`
  return inShell('bash', `${script}\n${asked}\nprintf '%s\\n' "\${COMPREPLY[@]}"`, group)
}

const bash = has('bash') ? test : test.skip

bash('bash: commands, flags, what flags take, and files', async (t) => {
  const all = await offered(t, [''])
  for (const name of ['start', 'dev', 'pub', 'sub', 'tail', 'bench', 'completion']) t.true(all.includes(name), name)
  t.deepEqual(await offered(t, ['s']), ['start', 'sub', 'schema'])
  t.deepEqual(await offered(t, ['sub', '--l']), ['--limit'])
  t.deepEqual(await offered(t, ['tail', '-']), [
    '--lines',
    '-n',
    '--follow',
    '-f',
    '--order',
    '--replica',
    '--json',
    '--help',
    '-h',
  ])
  t.deepEqual(await offered(t, ['start', '--na']), ['--name', '--nats'])
  t.deepEqual(await offered(t, ['sub', 'orders', '--from', '']), ['now', 'start'])
  for (const command of ['sub', 'bench'])
    t.deepEqual(await offered(t, [command, '--order', '']), ['fifo', 'causal', 'agreed', 'safe'])
  t.deepEqual(await offered(t, ['tail', '-n', '']), [], 'a number is for people')
  t.deepEqual(await offered(t, ['completion', '']), ['bash', 'zsh', 'fish'])
  t.deepEqual(await offered(t, ['schema', 'orders', '--put', `${bin}/lo`]), [`${bin}/lockstep`])
  t.deepEqual(await offered(t, ['nonsense', '']), [])
})

bash('bash: names of topics, of the group that is there; nothing when there is none', async (t) => {
  const group = await Group.start(t, 1)
  for (const topic of ['orders.new', 'orders.old', 'prices']) await group.putTopic(topic)
  t.deepEqual(await offered(t, ['sub', 'or'], group), ['orders.new', 'orders.old'])
  t.deepEqual(await offered(t, ['tail', '-f', 'prices', ''], group), ['orders.new', 'orders.old', 'prices'])
  t.deepEqual(await offered(t, ['pub', '']), [])
})

test('every shell: the script has every command, and every flag of the help', async (t) => {
  const commands = [...(await new Lockstep(['--help']).ended()).stdout.matchAll(/^ {2}(\w+) {2,}/gm)].map(
    ([, name]) => name!,
  )
  t.true(commands.length >= 10)
  const scripts = await Promise.all(
    ['bash', 'zsh', 'fish'].map(async (shell) => (await new Lockstep(['completion', shell]).ended()).stdout),
  )
  for (const name of ['tail', 'bench', 'start']) {
    const help = (await new Lockstep([name, '--help']).ended()).stdout
    for (const [, flag] of help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm))
      for (const script of scripts) t.regex(script, new RegExp(`(--|-l )${flag}\\b`), `${name} --${flag}`)
  }
  for (const name of commands) for (const script of scripts) t.regex(script, new RegExp(`\\b${name}\\b`))
  t.is((await new Lockstep(['completion', 'csh']).ended()).code, 2)
})

const zsh = has('zsh') ? test : test.skip
zsh('zsh: takes the script', async (t) => {
  await t.notThrowsAsync(inShell('zsh', 'lockstep completion zsh | zsh -n /dev/stdin'))
})

const fish = has('fish') ? test : test.skip
fish('fish: commands and flags', async (t) => {
  const asked = await inShell(
    'fish',
    'lockstep completion fish | source; complete -C "lockstep s"; complete -C "lockstep sub --l"',
  )
  t.deepEqual(asked.map((line) => line.split('\t')[0]).toSorted(), ['--limit', 'schema', 'start', 'sub'])
})
