// What the programs of the bench take on their command lines.

/** `flag` as it is given, with its dashes. */
export function within(text: string, flag: string, least: number, most: number): number {
  const number = Number(text)
  if (!(number >= least && number <= most))
    throw new RangeError(`${flag} takes a number from ${least} to ${most}, not ${text}`)
  return number
}
