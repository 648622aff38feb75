// Events, views and gaps as the commands print them: JSON lines in a pipe, columns on a terminal. A gap is no line of
// output: whoever counts lines counts events. Below `safe` a person sees an event that has no place yet with a ? in its
// column, and the whole line again when it is kept or taken back: what it was is far up by then, or scrolled away.

import type { EarlyEvent, EarlyItem, Event, Item, View } from '../../clients/src/index.ts'
import { bold } from './client-flags.ts'
import { note } from './notes.ts'

type AnyItem = Item<unknown> | EarlyItem<unknown>
type AnyEvent = Event<unknown> | EarlyEvent<unknown>

export class ItemPrinter {
  private readonly people: boolean
  /** Shown to a person, and neither kept nor taken back; as many as the group has in hand. */
  private readonly open = new Map<string, AnyEvent>()

  constructor(people: boolean) {
    this.people = people
  }

  /** Resolves when there is room for more: a pipe may be read slowly. */
  async print(item: AnyItem): Promise<void> {
    if (item.kind === 'gap') {
      note(`events between ${item.from} and ${item.to} may be gone: ${item.reason}`)
      return
    }
    const line = this.people ? this.lineOf(item) : JSON.stringify(item)
    if (process.stdout.write(`${line}\n`)) return
    await new Promise((resolve) => process.stdout.once('drain', resolve))
  }

  private lineOf(item: Exclude<AnyItem, { kind: 'gap' }>): string {
    switch (item.kind) {
      case 'view':
        return viewLine(item)
      case 'event':
        if ('ref' in item && item.seq === undefined) this.open.set(item.ref, item)
        return eventLine(item.seq ?? '?', item)
      case 'kept':
        return eventLine(item.seq, this.close(item.ref), 'kept')
      case 'retract':
        return eventLine('-', this.close(item.ref), 'taken back')
      default:
        return item satisfies never
    }
  }

  private close(ref: string): AnyEvent {
    const event = this.open.get(ref)
    if (event === undefined) throw new Error(`${ref} is told of and was not shown`)
    this.open.delete(ref)
    return event
  }
}

function viewLine({ seq, number, members, ...view }: View): string {
  const names = members.map(({ name }) => name).join(' ')
  const what = (['joined', 'left', 'failed'] as const).filter((change) => view[change].length > 0)
  const changes = what.map((change) => `${change} ${view[change].join(' ')}`).join(', ')
  return `${column(seq)}  ${bold(`view ${number}`)} [${names}] ${changes}`
}

function eventLine(place: number | string, { topic, key, data }: AnyEvent, fate?: string): string {
  const what = `${bold(topic)}${key === undefined ? '' : ` ${key}`}`
  return `${column(place)}  ${fate === undefined ? '' : `${fate}: `}${what}  ${JSON.stringify(data)}`
}

function column(place: number | string): string {
  return String(place).padStart(8)
}
