// Events, views and gaps as the commands print them: JSON lines in a pipe, columns on a terminal. A gap is no line of
// output: whoever counts lines counts events.

import type { Item } from '../../clients/src/index.ts'
import { bold } from './client-flags.ts'
import { note } from './notes.ts'

/** Resolves when there is room for more: a pipe may be read slowly. */
export async function printItem(item: Item<unknown>, people: boolean): Promise<void> {
  if (item.kind === 'gap') {
    note(`events between ${item.from} and ${item.to} may be gone: ${item.reason}`)
    return
  }
  const line = people ? lineOf(item) : JSON.stringify(item)
  if (process.stdout.write(`${line}\n`)) return
  await new Promise((resolve) => process.stdout.once('drain', resolve))
}

function lineOf(item: Exclude<Item<unknown>, { kind: 'gap' }>): string {
  if (item.kind === 'view') {
    const names = item.members.map(({ name }) => name).join(' ')
    const what = (['joined', 'left', 'failed'] as const).filter((change) => item[change].length > 0)
    const changes = what.map((change) => `${change} ${item[change].join(' ')}`).join(', ')
    return `${String(item.seq).padStart(8)}  ${bold(`view ${item.number}`)} [${names}] ${changes}`
  }
  const { seq, topic, key, data } = item
  return `${String(seq).padStart(8)}  ${bold(topic)}${key === undefined ? '' : ` ${key}`}  ${JSON.stringify(data)}`
}
