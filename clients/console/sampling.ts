// How many events of the order are shown. At ten a second people see the order flow, at a hundred thousand neither they nor
// the page could follow: then every tenth, hundredth, thousandth place is looked at. It is chosen by the place alone, so every
// lane shows the same events. Pure.

export interface Sampling {
  /** Every so many places: a power of ten. */
  readonly every: number
  /** The first place that is looked at so. */
  readonly from: number
}

/** Events a second that a lane shows at most. */
const SHOWN_A_SECOND = 15
/** A rate must fall so far below what would be shown anyway before more is shown: it would go to and fro. */
const CALMER = 0.6

/** What fits a rate of so many events a second, for an order that is at `head`. The same object: all stays. */
export function sampledFor(now: Sampling, rate: number, head: number): Sampling {
  const wanted = everyFor(rate)
  if (wanted > now.every) return { every: wanted, from: nextPlace(head, wanted) }
  if (everyFor(rate / CALMER) < now.every) return { every: wanted, from: nextPlace(head, wanted) }
  return now
}

/** More came than should be shown, before the rate was known. */
export function sampledLess(now: Sampling, seen: number): Sampling {
  const every = now.every * 10
  return { every, from: nextPlace(seen, every) }
}

/** The next place to look at behind one that was seen. */
export function nextPlace(seen: number, every: number): number {
  return (Math.floor(seen / every) + 1) * every
}

function everyFor(rate: number): number {
  return rate <= SHOWN_A_SECOND ? 1 : 10 ** Math.ceil(Math.log10(rate / SHOWN_A_SECOND))
}
