// Bytes that lie in several places, read as if they were in one: a state of gigabytes is handed over without being copied
// together first, which would stop the donor and double its memory.

export class Pieces {
  readonly length: number
  private readonly pieces: readonly Uint8Array[]
  /** Where each piece begins. */
  private readonly starts: Float64Array

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces
    this.starts = new Float64Array(pieces.length)
    let length = 0
    for (const [i, piece] of pieces.entries()) {
      this.starts[i] = length
      length += piece.length
    }
    this.length = length
  }

  /** A copy of the bytes from `from` on, at most `most`. */
  slice(from: number, most: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(most, this.length - from)))
    for (let at = 0, i = this.pieceAt(from); at < bytes.length; i++) {
      const begin = from + at - this.starts[i]!
      const part = this.pieces[i]!.subarray(begin, begin + bytes.length - at)
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  /** The last piece that begins at or before this place. */
  private pieceAt(place: number): number {
    let low = 0
    let high = this.pieces.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.starts[middle]! <= place) low = middle
      else high = middle - 1
    }
    return low
  }
}
