// What a command of the command line is, and what all of them have in common.

import { parseArgs } from 'node:util'
import { ConfigError, type ConfigKey, type Environment, type Flags } from '../config.ts'

/** A flag of one command that is no key of the configuration. */
export interface OwnFlag {
  readonly flag: string
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
  /** Keys of the configuration that it takes as flags. */
  readonly keys: readonly ConfigKey[]
  /** Runs until it is done, and gives the exit code. Throws `ConfigError` when it was called wrongly. */
  run(flags: Flags, environment: Environment): Promise<number>
}

/** Only the flags that were given. Throws `ConfigError`. */
export function readFlags(command: Command, argv: readonly string[]): Flags {
  const options: Record<string, { type: 'boolean' | 'string'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  }
  for (const { flag } of command.ownFlags) options[flag] = { type: 'string' }
  for (const { flag, type } of command.keys) options[flag] = { type: type === 'boolean' ? 'boolean' : 'string' }
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowNegative: true }).values
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new ConfigError([`${sentence}; \`lockstep ${command.name} --help\` lists all flags`])
  }
}
