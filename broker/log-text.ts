// A line of the log as a person reads it: time, level, replica, what happened, and the details as key=value. The same line
// as in JSON, and still one line (but for the stack of a bug), whatever a stranger has put into a name.

/** A line of the log in JSON, read. */
export interface LogLine {
  readonly level: string
  readonly time: string
  readonly replica: string
  readonly msg: string
  readonly more?: number
  readonly [field: string]: unknown
}

const RESET = '\u001b[0m'
const BOLD = '\u001b[1m'
const DIM = '\u001b[2m'
const LEVELS: { readonly [level: string]: string } = {
  trace: DIM,
  debug: DIM,
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[1;31m',
}

export function logText(line: LogLine, colours: boolean): string {
  const { level, time, replica, msg, more, err, ...fields } = line
  const paint = (code: string, text: string): string => (colours && text !== '' ? `${code}${text}${RESET}` : text)
  const shown: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    const text = valueText(value)
    // Some messages say it in words already.
    if (text !== '' && !msg.includes(`${name}=${text}`)) shown.push(`${paint(DIM, `${name}=`)}${text}`)
  }
  if (more !== undefined) shown.push(paint(DIM, `(and ${more} more)`))
  const head = `${clock(time)} ${paint(LEVELS[level] ?? '', level.padEnd(5))} ${paint(BOLD, plain(replica))}  ${plain(msg)}`
  return `${[head, shown.join(' ')].filter(Boolean).join('  ')}\n${stackText(err)}`
}

/** Of the day, where the reader is. */
function clock(time: string): string {
  const at = new Date(time)
  const two = (number: number): string => String(number).padStart(2, '0')
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`
}

/** '': there is nothing to show. */
function valueText(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(valueText).join(',')
  if (typeof value === 'string') return /^[^\s"=,\p{Cc}]*$/u.test(value) ? value : quoted(value)
  return typeof value === 'object' ? quotedObject(value) : String(value)
}

const quoted = (text: string): string => escaped(JSON.stringify(text))
const quotedObject = (value: object): string => escaped(JSON.stringify(value))

function stackText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message } = error as { stack?: unknown; message?: unknown }
  const text = String(stack ?? message ?? '')
  if (text === '') return ''
  const lines = text.split('\n').map((one) => `    ${plain(one)}\n`)
  return lines.join('')
}

/** Nothing that a terminal would take as a command. */
const plain = (text: string): string => escaped(text.replaceAll(/[\r\n\t]+/g, ' '))

function escaped(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
