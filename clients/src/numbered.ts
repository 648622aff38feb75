// Texts that end in whole numbers which mostly follow one another, as the ids and tokens of events do. A number made text by
// itself costs a reader of small events nearly as much as the parsing of their data.

const LAST_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'))

/** Gives the text with a number behind it, from 0 on. */
export function numbered(text: string): (number: number) => string {
  let thousands = 0
  let begun = text
  return (number) => {
    const above = Math.floor(number / 1000)
    if (above === 0) return text + number
    if (above !== thousands) {
      thousands = above
      begun = text + above
    }
    return begun + LAST_DIGITS[number - 1000 * above]
  }
}
