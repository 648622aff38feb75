// The live console: makes what the page is of, and puts it there.

import 'uplot/dist/uPlot.min.css'
import './styles/tokens.css'
import './styles/page.css'
import './styles/group.css'
import './styles/order.css'
import './styles/forms.css'
import './styles/play.css'
import { h, render } from 'preact'
import { Announcer } from './announcer.ts'
import { Api } from './api.ts'
import { App } from './app.ts'
import { Provide } from './context.ts'
import { Lanes } from './lanes.ts'
import { placeIn } from './link.ts'
import { Numbers } from './numbers.ts'
import { Play } from './play/play.ts'
import { ReplicaWatch } from './replica-watch.ts'
import { Session } from './session.ts'
import { chosenTheme, showTheme } from './theme.ts'
import { Watch } from './watch.ts'

showTheme(chosenTheme())
const session = new Session(location.origin)
const api = new Api(() => session.addresses())
const announcer = new Announcer()
new ReplicaWatch(session.group)
const lanes = new Lanes(session.group)
const numbers = new Numbers(session.group)
const watch = new Watch(session.client)
const play = new Play(session, announcer)
const begin = (): void => {
  const place = placeIn(location.hash)
  if (place !== undefined) watch.begin(place)
}
begin()
addEventListener('hashchange', begin)
render(h(Provide, { value: { session, api, announcer, lanes, numbers, watch, play } }, h(App, null)), document.body)
