// The group: as a picture, as a table, and what it has just done.

import { type ComponentChild, h } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { ChangeSteps } from './change-steps.ts'
import { useConsole } from './context.ts'
import { GroupPicture } from './group-picture.ts'
import { HappeningList } from './happening-list.ts'
import { MemberTable } from './member-table.ts'
import { Panel } from './panel.ts'
import { usePlayed } from './played.ts'
import { useStore } from './store.ts'
import { storiesOf } from './story.ts'

export function GroupPanel(): ComponentChild {
  const { session } = useConsole()
  const group = useStore(session.group, (state) => state)
  const attached = useStore(session.attachment, ({ replica }) => replica)
  const { happenings, view } = group
  const story = useMemo(() => {
    const members = view.members.map(({ name }) => name)
    return storiesOf(happenings, members).at(-1)
  }, [happenings, view])
  const reached = story?.steps.findLastIndex(({ afterMs }) => afterMs !== undefined) ?? -1
  const played = usePlayed(story?.id, reached)
  useViewSaid()
  return h(Panel, { id: 'group', title: 'The group', hint: 'Who is in the view, and how it comes to the next one.' }, [
    h(GroupPicture, { group, attached, step: played < reached || story?.view === undefined ? played : undefined }),
    h(ChangeSteps, { story, played }),
    h(MemberTable, { group, attached }),
    h(HappeningList, { happenings }),
  ])
}

/** A new view is read out. */
function useViewSaid(): void {
  const { session, announcer } = useConsole()
  const view = useStore(session.group, (group) => group.view)
  const told = useRef(0)
  useEffect(() => {
    const names = view.members.map(({ name }) => name).join(', ')
    if (told.current !== 0 && view.number > told.current) announcer.say(`View ${view.number}: ${names}.`)
    told.current = view.number
  }, [view, announcer])
}
