// A fixed schedule: the n-th call is due n intervals after the beginning, however long the earlier ones take. A timer is
// never early, so what is due is done at once and none is left out.

/** Answers when the last call has been made. `until`: an instant, or when it is aborted. */
export function atRate(aSecond: number, from: number, until: number | AbortSignal, call: () => void): Promise<void> {
  const everyMs = 1000 / aSecond
  const goesOn = (): boolean => (typeof until === 'number' ? due < until : !until.aborted)
  let due = from
  return new Promise((resolve) => {
    const next = (): void => {
      for (const now = Date.now(); due <= now && goesOn(); due += everyMs) call()
      if (goesOn()) setTimeout(next, Math.max(0, due - Date.now()))
      else resolve()
    }
    setTimeout(next, Math.max(0, from - Date.now()))
  })
}
