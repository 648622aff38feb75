// Query parameters. One that is misspelt or given twice is refused: silently left out, it would answer another question.

import type { Context } from './context.ts'
import { malformed } from './json.ts'

export function readParameters<Name extends string>(
  ctx: Context,
  names: readonly Name[],
): { readonly [name in Name]?: string } {
  const found: { [name in Name]?: string } = {}
  for (const [name, value] of new URLSearchParams(ctx.querystring)) {
    const known = names.find((other) => other === name)
    if (known === undefined) {
      throw malformed(name.slice(0, 40), `is not a parameter of this call; they are ${names.join(', ')}`)
    }
    if (found[known] !== undefined) throw malformed(name, 'must be given once')
    found[known] = value
  }
  return found
}
