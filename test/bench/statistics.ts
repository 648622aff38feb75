// Of a few numbers, the ones that are told.

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

/** The least of the numbers that a `share` of them does not exceed; `share` in (0, 1]. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** Three digits that count, thousands set apart. */
export function readable(number: number): string {
  if (!Number.isFinite(number)) return '-'
  const digits = number === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))))
  return number.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits })
}
