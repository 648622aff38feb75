// Requests on their way to their slot, in the batches that they will leave in. They gather while the event loop turns or
// while the window is full, and leave as one slot: under light load a batch is one request and leaves at once, under load
// batches grow by themselves. The queue's limit is what the submitter is told of: nothing is dropped.

import { BatchWriter, encodeBatch, firstRequest, forEachRequest, LENGTH_BYTES, type MadeBatch } from './batch.ts'
import type { SubmitRefusal } from './port.ts'
import type { GroupSettings } from './settings.ts'

export class SubmissionQueue {
  private readonly settings: GroupSettings
  /** In their order; behind them comes what is being written. */
  private batches: MadeBatch[] = []
  private readonly writer: BatchWriter
  /** Requests, and their bytes. */
  length = 0
  bytes = 0

  constructor(settings: GroupSettings) {
    this.settings = settings
    this.writer = new BatchWriter(settings.batchBytesMax)
  }

  /** The next batch is not one that is being written. */
  get hasWhole(): boolean {
    return this.batches.length > 0
  }

  /** The bytes are copied. */
  add(request: Uint8Array): SubmitRefusal | undefined {
    const { queueRequestsMax, queueBytesMax } = this.settings
    if (this.length >= queueRequestsMax || this.bytes + request.length > queueBytesMax) return 'overloaded'
    write(request, this.writer, this.batches)
    this.length += 1
    this.bytes += request.length
    return undefined
  }

  /** A batch that was sent and cut from the order goes first again, before what came later. */
  putBack(batch: Uint8Array): void {
    // Written anew: the datagram that carried it may be on its way still, and its head lies before these bytes.
    const again = encodeBatch(requestsOf(batch))
    this.batches.unshift(again)
    this.count(again, 1)
  }

  /** Takes out the requests at the head that are larger than can be sent, which they were not when they came in. */
  takeUnsendable(bytesMax: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    while (this.length > 0) {
      const { batch } = this.head(bytesMax)
      const request = firstRequest(batch)
      if (request.length <= bytesMax) break
      taken.push(request)
      this.takeHead()
    }
    return taken
  }

  /** The next batch: what has gathered, up to the limit; a larger request goes alone. There must be one. */
  take(bytesMax: number): MadeBatch {
    this.head(bytesMax)
    return this.takeHead()
  }

  clear(): Uint8Array[] {
    endBatch(this.writer, this.batches)
    const requests = this.batches.flatMap(({ batch }) => requestsOf(batch))
    this.batches = []
    this.length = 0
    this.bytes = 0
    return requests
  }

  /** The first batch, made smaller where the fabric carries less than when it was written. */
  private head(bytesMax: number): MadeBatch {
    if (this.batches.length === 0) endBatch(this.writer, this.batches)
    const [head] = this.batches as [MadeBatch]
    if (head.batch.length <= bytesMax || head.requests === 1) return head
    this.batches.splice(0, 1, ...inSmaller(head.batch, bytesMax))
    return this.batches[0]!
  }

  private takeHead(): MadeBatch {
    const head = this.batches.shift()!
    this.count(head, -1)
    return head
  }

  private count({ batch, requests }: MadeBatch, sign: 1 | -1): void {
    this.length += sign * requests
    this.bytes += sign * (batch.length - LENGTH_BYTES * requests)
  }
}

function inSmaller(batch: Uint8Array, bytesMax: number): MadeBatch[] {
  const batches: MadeBatch[] = []
  const writer = new BatchWriter(bytesMax)
  for (const request of requestsOf(batch)) write(request, writer, batches)
  endBatch(writer, batches)
  return batches
}

/** Behind what the writer has. A batch that is whole by that goes to the others, and one that is larger goes alone. */
function write(request: Uint8Array, writer: BatchWriter, batches: MadeBatch[]): void {
  if (writer.add(request)) return
  endBatch(writer, batches)
  if (!writer.add(request)) batches.push(encodeBatch([request]))
}

function endBatch(writer: BatchWriter, batches: MadeBatch[]): void {
  if (writer.requests > 0) batches.push(writer.finish())
}

function requestsOf(batch: Uint8Array): Uint8Array[] {
  const requests: Uint8Array[] = []
  forEachRequest(batch, (request) => requests.push(request))
  return requests
}
