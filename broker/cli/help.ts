// The texts of --help. What a flag means is said once, in schemas/config.schema.json.

import type { ConfigKey } from '../config.ts'
import type { Command } from './command.ts'

const WIDTH = 100
const INDENT = 8

export function generalHelp(commands: readonly Command[]): string {
  const widest = Math.max(...commands.map(({ name }) => name.length))
  const runsReplicas = ({ keys }: Command): boolean => keys.length > 0
  const lines = (some: readonly Command[]): string[] =>
    some.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`)
  return [
    'Lockstep: an event broker whose replicas agree on everything.',
    '',
    'Usage: lockstep COMMAND [FLAGS]',
    '',
    'To run a group:',
    ...lines(commands.filter(runsReplicas)),
    '',
    'To use one, from anywhere:',
    ...lines(commands.filter((command) => !runsReplicas(command))),
    '',
    'To begin with: lockstep dev runs a group here, and says what to try in another terminal.',
    'lockstep COMMAND --help says more of a command; lockstep --version which version this is.',
    '',
  ].join('\n')
}

export function commandHelp(command: Command): string {
  const usage = ['Usage: lockstep', command.name, command.positionals?.usage, '[FLAGS]'].filter(Boolean).join(' ')
  const lines = [usage, '', ...wrap(command.about, 0), '']
  lines.push(...command.examples.map((example) => `  ${example}`), '')
  for (const { flag, short, argument, description, default: byDefault } of command.ownFlags) {
    const names = short === undefined ? `--${flag}` : `-${short}, --${flag}`
    lines.push(...entry(`${names} ${argument}`.trim(), description, byDefault))
  }
  const part = (title: string, whose: ConfigKey['whose']): void => {
    const keys = command.keys.filter((key) => key.whose === whose)
    if (keys.length === 0) return
    if (lines.at(-1) !== '') lines.push('')
    lines.push(title, '')
    for (const key of keys)
      lines.push(...entry(`--${key.flag}${ARGUMENTS[key.type]}`, key.description, shown(key.default)))
  }
  part('The replica:', 'replica')
  part('Its limits:', 'limit')
  part('Times and limits of the group. They must be equal at all replicas:', 'group')
  if (command.keys.length > 0) lines.push('', ...wrap(WHERE_FROM, 0))
  lines.push('', 'Exit codes:')
  const exits = [...command.exits, [2, 'it was called wrongly'] as const].toSorted(([one], [other]) => one - other)
  for (const [code, meaning] of exits)
    lines.push(
      ...wrap(meaning, INDENT).map((line, i) => (i === 0 ? `  ${code}`.padEnd(INDENT) + line.trimStart() : line)),
    )
  lines.push('')
  return lines.join('\n')
}

const WHERE_FROM =
  'Each flag is also an environment variable (--suspect-after-ms: LOCKSTEP_SUSPECT_AFTER_MS) and a key of the file given by ' +
  '--config (suspectAfterMs), described by schemas/config.schema.json. A flag beats a variable, which beats the file.'

const ARGUMENTS = { string: ' TEXT', integer: ' N', boolean: '', array: ' A[,B]' } as const

function entry(head: string, description: string, byDefault: string | undefined): string[] {
  const text = byDefault === undefined ? description : `${description} Default: ${byDefault}.`
  return [`  ${head}`, ...wrap(text, INDENT)]
}

/** For where there is no room for more. */
export function firstSentence(text: string): string {
  return /^.*?[^.]\.(?= |$)/.exec(text)?.[0].slice(0, -1) ?? text
}

function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return Array.isArray(value) ? value.join(',') : value === false ? 'off' : String(value)
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH - indent) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((one) => ' '.repeat(indent) + one)
}
