// Reads the bodies of requests: never more bytes than allowed, of one and of all together, and only what is plain UTF-8.

import { isUtf8 } from 'node:buffer'
import { MIMEType } from 'node:util'
import { BrokerError } from '../errors.ts'
import type { Context } from './context.ts'

/** The rest of a body over the limit is read and dropped, so that the answer arrives; but not more than this. */
const DROPPED_BYTES_MAX = 8 * 1024 * 1024

/** The media type in lower case without its parameters, or undefined: none was given. */
export function mediaType(ctx: Context): string | undefined {
  const header = ctx.get('Content-Type')
  if (header === '') return undefined
  if (header === 'application/json') return header // As nearly all of them say it.
  let type: MIMEType
  try {
    type = new MIMEType(header)
  } catch {
    throw new BrokerError('UNSUPPORTED_MEDIA', `${JSON.stringify(header)} is not a content type.`)
  }
  const charset = type.params.get('charset')
  if (charset !== null && !/^(?:utf-?8|us-ascii)$/i.test(charset)) {
    throw new BrokerError('UNSUPPORTED_MEDIA', `The charset ${charset} is not understood; text must be UTF-8.`)
  }
  return type.essence
}

export function isJsonType(essence: string): boolean {
  return /^[^/]+\/(?:json|[^/]+\+json)$/.test(essence)
}

/** The bodies of all connections that have begun to come and are not whole. */
export class Bodies {
  private readonly bytesMax: number
  private bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  async read(ctx: Context, bytesMax: number): Promise<Buffer> {
    checkPlain(ctx)
    const stated = Number(ctx.get('Content-Length'))
    if (stated > bytesMax) {
      if (stated > DROPPED_BYTES_MAX) ctx.set('Connection', 'close')
      throw tooLarge(`The body has ${stated} bytes`, bytesMax)
    }
    // Only now: whoever asks first is spared the sending of a body that would be refused.
    if (/^100-continue$/i.test(ctx.get('Expect'))) ctx.res.writeContinue()

    const { req } = ctx
    const chunks: Buffer[] = []
    let length = 0
    let counted = 0
    const { promise: all, resolve, reject } = Promise.withResolvers<void>()
    const onChunk = (chunk: Buffer): void => {
      length += chunk.length
      try {
        if (length > bytesMax) throw tooLarge('The body is too large', bytesMax)
        // What is all here waits for nothing: small publishes get through however many others are stalled.
        if (length !== stated) counted += this.take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        reject(error)
      }
    }
    const onClose = (): void => reject(new Error('the connection closed before the body was whole'))
    if (req.destroyed) onClose()
    // Not by `for await`, which costs a small publish a twentieth of what it takes here.
    req.on('data', onChunk).on('end', resolve).on('error', reject).on('close', onClose)
    try {
      await all
    } catch (error) {
      if (error instanceof BrokerError) dropRest(ctx)
      throw error
    } finally {
      req.off('data', onChunk).off('end', resolve).off('error', reject).off('close', onClose)
      this.bytes -= counted
    }
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)
    if (!isUtf8(body)) throw new BrokerError('MALFORMED', 'The body is not UTF-8.')
    return body
  }

  private take(bytes: number): number {
    if (this.bytes + bytes > this.bytesMax) {
      const limit = `bodiesBytesMax = ${this.bytesMax}`
      throw new BrokerError(
        'OVERLOADED',
        `Too many bodies are still being sent to this replica; the limit is ${limit}.`,
      )
    }
    this.bytes += bytes
    return bytes
  }
}

function checkPlain(ctx: Context): void {
  const encoding = ctx.get('Content-Encoding')
  if (encoding !== '' && encoding.toLowerCase() !== 'identity') {
    throw new BrokerError('UNSUPPORTED_MEDIA', `The content encoding ${encoding} is not understood; send it plain.`)
  }
  const transfer = ctx.get('Transfer-Encoding')
  if (transfer !== '' && transfer.toLowerCase() !== 'chunked') {
    throw new BrokerError('UNSUPPORTED_MEDIA', `The transfer encoding ${transfer} is not understood; send it plain.`)
  }
}

function dropRest(ctx: Context): void {
  let dropped = 0
  ctx.req.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > DROPPED_BYTES_MAX) ctx.req.destroy()
  })
}

function tooLarge(finding: string, bytesMax: number): BrokerError {
  return new BrokerError('TOO_LARGE', `${finding}; the limit of this replica for it is ${bytesMax} bytes.`)
}
