// What replicas log, for tests to wait for.

import type { LogOutput } from '../../broker/log.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests look into lines of many shapes
export type Line = any

export class LogLines implements LogOutput {
  readonly all: Line[] = []
  private changed: () => void = () => {}
  private more: Promise<void> = Promise.resolve()

  constructor() {
    this.expectMore()
  }

  write(text: string): void {
    for (const line of text.split('\n')) if (line !== '') this.all.push(JSON.parse(line))
    const { changed } = this
    this.expectMore()
    changed()
  }

  /** Those with this message that this replica has written. */
  of(replica: string, message: string): Line[] {
    return this.all.filter((line) => line.replica === replica && line.msg === message)
  }

  /** The first with this message that fits; it is waited for. */
  async until(replica: string, message: string, fits: (line: Line) => boolean = () => true): Promise<Line> {
    const deadline = AbortSignal.timeout(30_000)
    for (;;) {
      const line = this.of(replica, message).find(fits)
      if (line !== undefined) return line
      if (deadline.aborted) {
        const said = this.all.filter((one) => one.replica === replica).map(({ msg }) => msg)
        throw new Error(`${replica} does not log "${message}"; it has logged: ${said.join(' · ')}`)
      }
      await Promise.race([this.more, new Promise((resolve) => deadline.addEventListener('abort', resolve))])
    }
  }

  private expectMore(): void {
    this.more = new Promise((resolve) => {
      this.changed = resolve
    })
  }
}
