// Light, dark, or as the system has it.

import { type ComponentChild, h } from 'preact'
import { useState } from 'preact/hooks'
import { chooseTheme, chosenTheme, type Theme } from './theme.ts'

const CHOICES: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

export function ThemeChoice(): ComponentChild {
  const [theme, setTheme] = useState(chosenTheme)
  const choose = (event: Event): void => {
    const chosen = (event.currentTarget as HTMLSelectElement).value as Theme
    chooseTheme(chosen)
    setTheme(chosen)
  }
  return h('label', { class: 'theme' }, [
    h('span', { class: 'unseen' }, 'Colours'),
    h(
      'select',
      { value: theme, onChange: choose },
      CHOICES.map(([value, words]) => h('option', { key: value, value }, words)),
    ),
  ])
}
