// `lockstep sub`: prints the events of topics as they come, at whichever replica there is.

import { attach, look, missingTopics, nothingThere } from './attach.ts'
import { forPeople, JSON_FLAG, ORDER_FLAG, orderOf, REPLICA_FLAG, replicasOf } from './client-flags.ts'
import { type Command, LARGEST, wholeNumber } from './command.ts'
import { exitCode, INTERRUPTED, interruption } from './interruption.ts'
import { note } from './notes.ts'
import { ItemPrinter } from './print-items.ts'

export const sub: Command = {
  name: 'sub',
  summary: 'prints events as they come',
  about:
    'Prints the events of topics, a line each: JSON in a pipe, columns on a terminal. Names may have wildcards: * stands for ' +
    'one token, > for the rest. It goes on at another replica by itself, without a gap and without anything twice. A gap of ' +
    'events that are gone is said on stderr. Below --order safe events are shown sooner: one that has no place in the order yet ' +
    'has a ? in its column; it is shown again as kept, with its place, or as taken back.',
  examples: [
    'lockstep sub orders.new',
    "lockstep sub 'orders.>' prices.eu --from start --limit 100 | jq .data",
    'lockstep sub orders.new --from 2026-01-31T12:00:00Z',
    'lockstep sub chat.lobby --order causal',
  ],
  positionals: { usage: 'TOPIC...', least: 1, most: 1000, offers: 'topics' },
  ownFlags: [
    {
      flag: 'from',
      argument: 'PLACE',
      description: 'now, start, a seq, a time, or the token of an event, after which it goes on.',
      default: 'now',
      offers: ['now', 'start'],
    },
    ORDER_FLAG,
    { flag: 'limit', argument: 'N', description: 'Ends after so many events that have their places.' },
    { flag: 'views', argument: '', description: "Also the group's views, at their places." },
    REPLICA_FLAG,
    JSON_FLAG,
  ],
  exits: [
    [0, 'as many events as --limit says were printed, or whoever read them has enough'],
    [1, 'it cannot be subscribed to, or no replica answers at the beginning'],
    INTERRUPTED,
  ],
  keys: [],
  async run(flags, environment, topics) {
    const limit = wholeNumber(flags, 'limit', Number.POSITIVE_INFINITY, 1, LARGEST)
    const from = flags['from']
    const order = orderOf(flags)
    const urls = replicasOf(flags, environment)
    const signal = interruption()
    await look(urls)
    for (const topic of await missingTopics(urls, topics)) note(`${nothingThere(topic)} yet; it is waited for`)
    const client = attach(urls)
    const views = flags['views'] === true
    const printer = new ItemPrinter(forPeople(flags))
    let left = limit
    try {
      for await (const item of client.subscribe(topics, {
        from: typeof from === 'string' ? from : undefined,
        order,
        views,
        signal,
      })) {
        await printer.print(item)
        const placed = item.kind === 'kept' || (item.kind === 'event' && item.seq !== undefined)
        if (placed && --left === 0) return 0
      }
      return exitCode(signal)
    } finally {
      client.close()
    }
  },
}
