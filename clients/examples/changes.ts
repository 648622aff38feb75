// Lets one wait until something holds of a thing that changes: no polling, no sleeping.

export class Changes {
  private readonly checks = new Set<() => void>()

  /** To be called after every change. */
  notify(): void {
    for (const check of [...this.checks]) check()
  }

  /** Resolves once the condition holds; rejects with the signal's reason when that comes first. */
  until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.checks.delete(check)
        signal.removeEventListener('abort', onAbort)
        settle()
      }
      const onAbort = (): void => end(() => reject(signal.reason))
      const check = (): void => {
        if (condition()) end(resolve)
        else if (signal.aborted) onAbort()
      }
      this.checks.add(check)
      signal.addEventListener('abort', onAbort)
      check()
    })
  }
}
