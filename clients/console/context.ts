// What the parts of the page have in common, made once in `main.ts`.

import { createContext, type Context as PreactContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Announcer } from './announcer.ts'
import type { Api } from './api.ts'
import type { Lanes } from './lanes.ts'
import type { Numbers } from './numbers.ts'
import type { Play } from './play/play.ts'
import type { Session } from './session.ts'
import type { Watch } from './watch.ts'

export interface Console {
  readonly session: Session
  readonly api: Api
  readonly announcer: Announcer
  readonly lanes: Lanes
  readonly numbers: Numbers
  readonly watch: Watch
  readonly play: Play
}

const Context: PreactContext<Console | undefined> = createContext<Console | undefined>(undefined)

export const Provide: typeof Context.Provider = Context.Provider

export function useConsole(): Console {
  const found = useContext(Context)
  if (found === undefined) throw new Error('outside of the console')
  return found
}
