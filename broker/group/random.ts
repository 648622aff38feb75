/** A source of numbers in [0, 1). Handed in, so that a seed can decide everything. */
export type Random = () => number
