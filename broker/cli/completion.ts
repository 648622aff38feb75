// `lockstep completion`: what a shell needs to complete commands, flags and names of topics, made from the same table as
// the help.

import { ConfigError } from '../config.ts'
import type { Command } from './command.ts'
import { firstSentence } from './help.ts'

interface Option {
  /** Without dashes. */
  readonly long: string
  readonly short: string | undefined
  /** '': it is a switch. */
  readonly argument: string
  readonly description: string
  readonly offers: readonly string[]
}

/** Prints the names of topics. Those of the system, with a $, are left out: a shell would take it for its own. */
const TOPICS = `lockstep topics --json 2>/dev/null | sed -n 's/^{"topic":"\\([^"$]*\\)".*/\\1/p'`

const SCRIPTS: { readonly [shell: string]: (commands: readonly Command[]) => string } = { bash, zsh, fish }

/** `commands`: the table, which this one is in, too. */
export function completion(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    summary: 'prints what lets a shell complete commands and flags',
    about:
      'Prints a script for bash, zsh or fish that completes commands, flags, and the names of topics at the replica that ' +
      'LOCKSTEP_REPLICA names. The command must be known to the shell as lockstep: `npm install -g .` in the folder of this project makes it so.',
    examples: [
      'eval "$(lockstep completion bash)"     # in ~/.bashrc',
      'eval "$(lockstep completion zsh)"      # in ~/.zshrc, after compinit',
      'lockstep completion fish | source      # in ~/.config/fish/config.fish',
    ],
    positionals: { usage: 'SHELL', least: 1, most: 1, offers: Object.keys(SCRIPTS) },
    ownFlags: [],
    exits: [[0, 'printed']],
    keys: [],
    async run(_flags, _environment, [shell = '']) {
      const script = SCRIPTS[shell]
      if (script === undefined) throw new ConfigError([`SHELL is one of ${Object.keys(SCRIPTS).join(', ')}`])
      process.stdout.write(script(commands()))
      return 0
    },
  }
}

function optionsOf({ ownFlags, keys }: Command): Option[] {
  return [
    ...ownFlags.map(({ flag, short, argument, description, offers = [] }) => {
      return { long: flag, short, argument, description, offers }
    }),
    ...keys.map(({ flag, type, description, offers }) => {
      return { long: flag, short: undefined, argument: type === 'boolean' ? '' : 'VALUE', description, offers }
    }),
    { long: 'help', short: 'h', argument: '', description: 'Says more of it.', offers: [] },
  ]
}

/** In a way that all of these shells understand. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

const flagsOf = ({ long, short }: Option): string[] =>
  short === undefined ? [`--${long}`] : [`--${long}`, `-${short}`]

// ---- bash: from 3.2 on, which macOS has

function bash(commands: readonly Command[]): string {
  const values = commands.flatMap((command) =>
    optionsOf(command)
      .filter(({ argument }) => argument !== '')
      .map((option) => {
        const when = flagsOf(option).map((flag) => `'${command.name} ${flag}'`)
        return `    ${when.join(' | ')}) ${option.argument === 'FILE' ? '_lockstep_files; ' : offer(option.offers)}return ;;`
      }),
  )
  const flags = commands.map(
    (command) => `      ${command.name}) ${offer(optionsOf(command).flatMap(flagsOf))}return ;;`,
  )
  const positionals = commands.flatMap(({ name, positionals: { offers = [] } = {} }) => {
    const offered = offers === 'topics' ? '_lockstep_topics; ' : offer(offers)
    return offered === '' ? [] : [`    ${name}) ${offered}return ;;`]
  })
  return `# Completion of lockstep in bash, printed by \`lockstep completion bash\`.
_lockstep_offer() {
  local one
  for one in "$@"; do
    case "$one" in "$word"*) COMPREPLY+=("$one") ;; esac
  done
}
_lockstep_topics() {
  _lockstep_offer $(${TOPICS})
}
_lockstep_files() {
  COMPREPLY=($(compgen -f -- "$word"))
  compopt -o filenames 2>/dev/null
}
_lockstep() {
  local IFS=$'\\n' word="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    ${offer(commands.map(({ name }) => name))}return
  fi
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
  esac
  case "$word" in
    -*) ;;
    *) case "\${COMP_WORDS[1]}" in
${positionals.map((line) => `  ${line}`).join('\n')}
    esac ;;
  esac
  case "\${COMP_WORDS[1]}" in
${flags.join('\n')}
  esac
}
complete -F _lockstep lockstep
`
}

function offer(words: readonly string[]): string {
  return words.length === 0 ? '' : `_lockstep_offer ${words.join(' ')}; `
}

// ---- zsh

const CONTINUED = ' \\\n      '

function zsh(commands: readonly Command[]): string {
  const described = commands.map(({ name, summary }) => `      ${quoted(`${name}:${summary}`)}`)
  const cases = commands.map((command) => {
    const { offers = [] } = command.positionals ?? {}
    const specs = optionsOf(command).map(zshOption)
    if (offers === 'topics') specs.push(`'*:topic:_lockstep_topics'`)
    else if (offers.length > 0) specs.push(`'*: :(${offers.join(' ')})'`)
    return `    ${command.name}) _arguments -s ${specs.join(CONTINUED)} ;;`
  })
  return `#compdef lockstep
# Completion of lockstep in zsh, printed by \`lockstep completion zsh\`.
_lockstep_topics() {
  local -a names
  names=(\${(f)"$(${TOPICS})"})
  compadd -a names
}
_lockstep() {
  if (( CURRENT == 2 )); then
    local -a commands
    commands=(
${described.join('\n')}
    )
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = _lockstep ]; then _lockstep "$@"; else compdef _lockstep lockstep; fi
`
}

function zshOption(option: Option): string {
  const { argument, description, offers } = option
  const [long, short] = flagsOf(option)
  // Brackets and colons are of its syntax.
  const text = firstSentence(description).replaceAll(/[[\]:]/g, ' ')
  const action = argument === 'FILE' ? '_files' : offers.length > 0 ? `(${offers.join(' ')})` : ' '
  const spec = quoted(`[${text}]${argument === '' ? '' : `:${argument.replaceAll(':', ' ')}:${action}`}`)
  return short === undefined ? `${long}${spec}` : `'(${short} ${long})'{${short},${long}}${spec}`
}

// ---- fish

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const { name, summary, positionals: { offers = [] } = {} } = command
    const within = `complete -c lockstep -n '__fish_seen_subcommand_from ${name}'`
    const options = optionsOf(command).map(({ long, short, argument, description, offers: words }) => {
      const value = argument === '' ? '' : argument === 'FILE' ? ' -r -F' : ` -x -a '${words.join(' ')}'`
      const letter = short === undefined ? '' : ` -s ${short}`
      return `${within} -l ${long}${letter}${value} -d ${quoted(firstSentence(description))}`
    })
    const offered = offers === 'topics' ? '(__lockstep_topics)' : offers.join(' ')
    return [
      `complete -c lockstep -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
      ...(offered === '' ? [] : [`${within} -a '${offered}'`]),
      ...options,
    ]
  })
  return `# Completion of lockstep in fish, printed by \`lockstep completion fish\`.
function __lockstep_topics
  ${TOPICS}
end
complete -c lockstep -f
${lines.join('\n')}
`
}
