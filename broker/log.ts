// Where log lines go and in which form: one JSON object a line on stdout for whatever collects logs, and lines for people
// where stdout is a terminal. What is worth a line is decided in `journal.ts`. The home of pino.

import { isatty } from 'node:tty'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogFormat } from './config.ts'
import { type LogLine, logText } from './log-text.ts'

export type Log = Logger

/** What lines are written to: stdout, or what a test reads. */
export interface LogOutput {
  write(text: string): unknown
  readonly isTTY?: boolean
}

export interface LogOptions {
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format?: LogFormat
  readonly output?: LogOutput
}

/** `replica` is in every line, so that several replicas of one process can be told apart. */
export function createLog(level: string, replica: string, options: LogOptions = {}): Log {
  const { format = 'auto', output } = options
  const settings = {
    level,
    base: { replica },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  // Not process.stdout: that of a thread of its own knows nothing of a terminal, and is late.
  const { to, isTerminal } = output
    ? { to: output as DestinationStream, isTerminal: output.isTTY === true }
    : { to: pino.destination({ fd: 1, sync: true }), isTerminal: isatty(1) }
  if (format === 'json' || (format === 'auto' && !isTerminal)) return pino(settings, to)
  const colours = isTerminal && (process.env['NO_COLOR'] ?? '') === ''
  return pino(settings, { write: (line) => to.write(logText(JSON.parse(line) as LogLine, colours)) })
}
