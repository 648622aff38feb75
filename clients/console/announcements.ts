// The region that is read out.

import { type ComponentChild, h } from 'preact'
import { useConsole } from './context.ts'
import { useStore } from './store.ts'

export function Announcements(): ComponentChild {
  const { announcer } = useConsole()
  const said = useStore(announcer.said, (text) => text)
  return h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' }, said)
}
