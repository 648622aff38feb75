// Light or dark: as the system has it, or as somebody has chosen here.

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'lockstep-theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

export function chosenTheme(): Theme {
  const stored = storage()?.getItem(KEY)
  return THEMES.find((theme) => theme === stored) ?? 'system'
}

export function chooseTheme(theme: Theme): void {
  storage()?.setItem(KEY, theme)
  showTheme(theme)
}

/** The style sheet does the rest. */
export function showTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme
  // Plots are drawn in colours that they take from the style sheet.
  document.dispatchEvent(new Event('themechange'))
}

/** Undefined where the browser keeps nothing for pages. */
function storage(): Storage | undefined {
  try {
    return localStorage
  } catch {
    return undefined
  }
}
