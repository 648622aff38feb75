// A topic has one colour all over the page, made of its name.

export function hueOf(topic: string): number {
  let hash = 2166136261
  for (const character of topic) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619)
  return ((hash >>> 0) * 137) % 360
}

/** To be given as `style`: the style sheet makes the colours of it. */
export function coloured(topic: string): { readonly '--hue': string } {
  return { '--hue': String(hueOf(topic)) }
}
