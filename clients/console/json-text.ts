// JSON written by hand. As long as it is none, that is said, and nothing can be published.

import { type ComponentChild, h } from 'preact'
import { useState } from 'preact/hooks'
import type { Draft } from './schema-field.ts'

export interface JsonTextParts {
  /** Attributes of the text area. */
  readonly about: object
  readonly value: Draft
  readonly onChange: (value: Draft) => void
  readonly onBroken: (why: string | undefined) => void
}

export function JsonText({ about, value, onChange, onBroken }: JsonTextParts): ComponentChild {
  const [text, setText] = useState(() => (value === undefined ? '' : JSON.stringify(value, undefined, 2)))
  const read = (event: Event): void => {
    const written = (event.currentTarget as HTMLTextAreaElement).value
    setText(written)
    if (written.trim() === '') {
      onBroken(undefined)
      return onChange(undefined)
    }
    try {
      onChange(JSON.parse(written) as Draft)
      onBroken(undefined)
    } catch (error) {
      onBroken(`this is not JSON: ${(error as Error).message}`)
    }
  }
  return h('textarea', {
    ...about,
    rows: Math.min(14, Math.max(3, text.split('\n').length)),
    spellcheck: false,
    value: text,
    onInput: read,
  })
}
