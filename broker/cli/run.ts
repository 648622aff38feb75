// The command line: one table of commands, and what is wrong with a call is said in sentences, on stderr.

import { LockstepError } from '../../clients/src/index.ts'
import { ConfigError, type Environment } from '../config.ts'
import { version } from '../version.ts'
import { bench } from './bench/bench.ts'
import { AnswerError } from './client-flags.ts'
import { cluster } from './cluster.ts'
import { codegen } from './codegen.ts'
import { type Command, readArguments } from './command.ts'
import { completion } from './completion.ts'
import { dev } from './dev/dev.ts'
import { commandHelp, generalHelp } from './help.ts'
import { pub } from './pub.ts'
import { schema } from './schema.ts'
import { start } from './start.ts'
import { sub } from './sub.ts'
import { tail } from './tail.ts'
import { topics } from './topics.ts'

export const COMMANDS: readonly Command[] = [
  start,
  dev,
  pub,
  sub,
  tail,
  topics,
  schema,
  codegen,
  cluster,
  bench,
  completion(() => COMMANDS),
]

/** Called wrongly; 1 is for what goes wrong later. */
const MISUSED = 2

/** Gives the exit code. */
export async function run(argv: readonly string[], environment: Environment): Promise<number> {
  const [name, ...rest] = argv
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const about = COMMANDS.find((command) => command.name === rest[0])
    const text = about === undefined ? generalHelp(COMMANDS) : commandHelp(about)
    if (name === undefined) process.stderr.write(text)
    else process.stdout.write(text)
    return name === undefined ? MISUSED : 0
  }
  const command = COMMANDS.find((one) => one.name === name)
  try {
    if (command === undefined) {
      const names = COMMANDS.map((one) => one.name).join(', ')
      throw new ConfigError([`There is no command "${name}"; there are: ${names}. \`lockstep --help\` says more.`])
    }
    const { flags, positionals } = readArguments(command, rest)
    if (flags['help'] === true) {
      process.stdout.write(commandHelp(command))
      return 0
    }
    if (command.keys.length === 0) endWithReader()
    return await command.run(flags, environment, positionals)
  } catch (error) {
    if (error instanceof AnswerError || error instanceof LockstepError) {
      process.stderr.write(`lockstep: ${error.message}\n`)
      return 1
    }
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) process.stderr.write(`lockstep: ${problem}\n`)
    return MISUSED
  }
}

/** Whoever reads what a command prints may have enough, as `head` does: no failure, and nothing to say. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0)
  })
}
