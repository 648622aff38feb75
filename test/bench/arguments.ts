// What the programs of the bench take on their command lines. What is not taken is told in a sentence, by a RangeError.

/** `flag` as it is given, with its dashes. */
export function within(text: string, flag: string, least: number, most: number): number {
  const number = Number(text)
  if (!(number >= least && number <= most))
    throw new RangeError(`${flag} takes a number from ${least} to ${most}, not ${text}`)
  return number
}

/** The same, without fractions. */
export function wholeWithin(text: string, flag: string, least: number, most: number): number {
  const number = within(text, flag, least, most)
  if (!Number.isInteger(number)) throw new RangeError(`${flag} takes a whole number, not ${text}`)
  return number
}

/** Those of `all` that a list of beginnings of names means, as `--only` takes it; of an empty one, all. */
export function meant<T extends { readonly name: string; readonly letter?: string }>(
  only: string,
  all: readonly T[],
): T[] {
  const wanted = only.split(',').map((one) => one.trim())
  const isMeant = ({ name, letter }: T, by: string): boolean => by === letter || name.startsWith(by)
  for (const one of wanted)
    if (!all.some((any) => isMeant(any, one)) || (one === '' && wanted.length > 1))
      throw new RangeError(`--only: nothing is called "${one}"; --help names all`)
  return all.filter((any) => wanted.some((one) => isMeant(any, one)))
}
