// A file that was made here, and is sent as often as somebody asks: compressed as the browser takes it, and not at all to
// whoever has it.

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { Context } from './context.ts'

/** The first of them that the browser takes. */
const ENCODINGS = ['br', 'gzip', 'identity'] as const

export class BundledFile {
  private readonly type: string
  private readonly etag: string
  private readonly encoded: { readonly [encoding in (typeof ENCODINGS)[number]]: Buffer }

  static async make(type: string, contents: Uint8Array): Promise<BundledFile> {
    const identity = Buffer.from(contents)
    const [br, gzipped] = await Promise.all([promisify(brotliCompress)(identity), promisify(gzip)(identity)])
    return new BundledFile(type, { br, gzip: gzipped, identity })
  }

  private constructor(type: string, encoded: BundledFile['encoded']) {
    this.type = type
    this.encoded = encoded
    this.etag = `W/"${createHash('sha256').update(encoded.identity).digest('base64url')}"`
  }

  answer(ctx: Context): void {
    const encoding = ENCODINGS.find((one) => ctx.acceptsEncodings(one)) ?? 'identity'
    ctx.status = 200
    ctx.vary('Accept-Encoding')
    // Whoever has it asks whether it is still the same: after an upgrade of the replica it is another one.
    ctx.set({ ETag: this.etag, 'Cache-Control': 'no-cache' })
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.set('Content-Type', this.type)
    if (encoding !== 'identity') ctx.set('Content-Encoding', encoding)
    ctx.body = this.encoded[encoding]
  }
}
