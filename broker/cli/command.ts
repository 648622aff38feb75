// What a command of the command line is, and what all of them have in common.

import { parseArgs } from 'node:util'
import { ConfigError, type ConfigKey, type Environment, type Flags } from '../config.ts'

/** A flag of one command that is no key of the configuration. */
export interface OwnFlag {
  readonly flag: string
  /** '': it is a switch. */
  readonly argument: string
  readonly description: string
  readonly default?: string
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** What it does, in a few sentences. */
  readonly about: string
  readonly examples: readonly string[]
  readonly ownFlags: readonly OwnFlag[]
  /** What comes besides flags, as in `TOPIC [FILE]`; without it nothing may. */
  readonly positionals?: { readonly usage: string; readonly least: number; readonly most: number }
  /** Keys of the configuration that it takes as flags. */
  readonly keys: readonly ConfigKey[]
  /** Runs until it is done, and gives the exit code. Throws `ConfigError` when it was called wrongly. */
  run(flags: Flags, environment: Environment, positionals: readonly string[]): Promise<number>
}

/** Only the flags that were given, and what comes besides. Throws `ConfigError`. */
export function readArguments(command: Command, argv: readonly string[]): { flags: Flags; positionals: string[] } {
  const options: Record<string, { type: 'boolean' | 'string'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  }
  for (const { flag, argument } of command.ownFlags) options[flag] = { type: argument === '' ? 'boolean' : 'string' }
  for (const { flag, type } of command.keys) options[flag] = { type: type === 'boolean' ? 'boolean' : 'string' }
  try {
    const allowPositionals = command.positionals !== undefined
    const { values: flags, positionals } = parseArgs({
      args: [...argv],
      options,
      strict: true,
      allowNegative: true,
      allowPositionals,
    })
    const { usage, least, most } = command.positionals ?? { usage: '', least: 0, most: 0 }
    if (flags['help'] !== true && (positionals.length < least || positionals.length > most)) {
      throw new Error(`it is called as lockstep ${command.name} ${usage}`)
    }
    return { flags, positionals }
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new ConfigError([`${sentence}; \`lockstep ${command.name} --help\` lists all flags`])
  }
}
