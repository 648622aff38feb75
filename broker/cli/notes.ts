// What is said on stderr besides: notes, a line each, and on a terminal one line of progress, which they do not garble.

/** How often a person is told how far it is. */
const PROGRESS_MS = 500
/** To the beginning of the line, and the rest of it away. */
const CLEAR = '\r\u001b[K'

let shown: Progress | undefined

export function note(text: string): void {
  process.stderr.write(`${shown === undefined ? '' : CLEAR}lockstep: ${text}\n`)
  shown?.show()
}

/** On a terminal, how far long work is; else nothing. */
export class Progress {
  private readonly text: () => string
  private readonly timer: NodeJS.Timeout | undefined

  constructor(text: () => string) {
    this.text = text
    if (process.stderr.isTTY !== true) return
    shown = this
    this.timer = setInterval(() => this.show(), PROGRESS_MS)
  }

  show(): void {
    // A line that wraps would stay on the screen.
    const columns = (process.stderr.columns || 80) - 1
    process.stderr.write(CLEAR + this.text().slice(0, columns))
  }

  /** The last line stays. */
  end(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.show()
    process.stderr.write('\n')
    shown = undefined
  }
}
