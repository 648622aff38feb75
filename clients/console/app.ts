// The page: a header, and the panels one after another. A panel is a section with a heading, and knows where it is shown
// by its class alone.

import { type ComponentChild, h } from 'preact'
import { Announcements } from './announcements.ts'
import { GroupPanel } from './group-panel.ts'
import { Header } from './header.ts'
import { NumbersPanel } from './numbers-panel.ts'
import { OrderPanel } from './order-panel.ts'
import { PlayPanel } from './play/play-panel.ts'
import { TopicsPanel } from './topics-panel.ts'
import { WatchPanel } from './watch-panel.ts'

export function App(): ComponentChild {
  return h('div', { class: 'page' }, [
    h('a', { class: 'skip', href: '#group' }, 'Skip to the group'),
    h(Header, null),
    h('main', { class: 'panels' }, [
      h(PlayPanel, null),
      h(GroupPanel, null),
      h(OrderPanel, null),
      h(NumbersPanel, null),
      h(TopicsPanel, null),
      h(WatchPanel, null),
    ]),
    h(Announcements, null),
  ])
}
