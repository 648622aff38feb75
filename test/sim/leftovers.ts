// How much a member still holds that nobody can ask for any more. When all is delivered and everybody has said so, it
// keeps no slot, neither of its view nor of the one before; one that does grows for as long as its view lasts.

import { OrderLog } from '../../broker/group/log.ts'

/** Slots that can be reached from here, those that are on their way to be asked for too. */
export function slotsKept(member: object): number {
  let slots = 0
  const seen = new Set<object>()
  const visit = (thing: unknown): void => {
    if (typeof thing !== 'object' || thing === null || ArrayBuffer.isView(thing) || seen.has(thing)) return
    if (thing instanceof OrderLog) return // It has limits of its own.
    seen.add(thing)
    if ('previousPayload' in thing) slots++
    for (const value of thing instanceof Map || thing instanceof Set ? thing.values() : Object.values(thing))
      visit(value)
  }
  visit(member)
  return slots
}
