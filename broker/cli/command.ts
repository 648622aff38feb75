// What a command of the command line is, and what all of them have in common.

import { parseArgs } from 'node:util'
import { ConfigError, type ConfigKey, type Environment, type Flags } from '../config.ts'

/** A flag of one command that is no key of the configuration. */
export interface OwnFlag {
  readonly flag: string
  /** One letter, as in -n. */
  readonly short?: string
  /** '': it is a switch. FILE: a shell completes it. */
  readonly argument: string
  readonly description: string
  readonly default?: string
  /** Some of what may be given, or all, for a shell to complete. */
  readonly offers?: readonly string[]
}

export interface Command {
  readonly name: string
  readonly summary: string
  /** What it does, in a few sentences. */
  readonly about: string
  readonly examples: readonly string[]
  readonly ownFlags: readonly OwnFlag[]
  /** What comes besides flags, as in `TOPIC [FILE]`; without it nothing may. */
  readonly positionals?: {
    readonly usage: string
    readonly least: number
    readonly most: number
    /** For a shell to complete. */
    readonly offers?: 'topics' | readonly string[]
  }
  /** What its exit codes mean, besides 2: called wrongly. */
  readonly exits: readonly (readonly [code: number, meaning: string])[]
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
  for (const { flag, short, argument } of command.ownFlags)
    options[flag] = { type: argument === '' ? 'boolean' : 'string', ...(short !== undefined && { short }) }
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

/** The value of a flag that takes a whole number. Throws `ConfigError`. */
export function wholeNumber(flags: Flags, flag: string, byDefault: number, least: number, most: number): number {
  const text = flags[flag]
  if (text === undefined) return byDefault
  const number = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  const range = most >= LARGEST ? `from ${least}` : `from ${least} to ${most}`
  throw new ConfigError([`--${flag} takes a whole number ${range}, and was given "${text}"`])
}

/** For a number that needs no other bound. */
export const LARGEST = 999_999_999_999_999
