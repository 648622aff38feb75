// A fixed schedule: the n-th call is due n intervals after the beginning, however long the earlier ones take. A timer is
// never early, so what is due is done at once and none is left out.

export function atRate(aSecond: number, from: number, until: number, call: () => void): void {
  const everyMs = 1000 / aSecond
  let due = from
  const next = (): void => {
    for (const now = Date.now(); due <= now && due < until; due += everyMs) call()
    if (due < until) setTimeout(next, Math.max(0, due - Date.now()))
  }
  setTimeout(next, Math.max(0, from - Date.now()))
}
