// `lockstep tail`: the newest events of topics, and those that come. Events are only read forwards, so the place to begin
// at is looked for: from a place, are there enough events up to the end, or too many? A look gives up after a few times as
// many events as are wanted, so a long log of busy topics is not read, whatever the topics have in common with others.

import type { Client } from '../../clients/src/index.ts'
import { ConfigError } from '../config.ts'
import { attach, look, missingTopics, nothingThere } from './attach.ts'
import { forPeople, JSON_FLAG, ORDER_FLAG, orderOf, REPLICA_FLAG, replicasOf } from './client-flags.ts'
import { type Command, wholeNumber } from './command.ts'
import { exitCode, INTERRUPTED, interruption } from './interruption.ts'
import { note } from './notes.ts'
import { ItemPrinter } from './print-items.ts'

/** What is kept while it looks is a number for each event wanted, a few times. */
const LINES_MAX = 1_000_000
/** A look gives up beyond so many times the events wanted. Larger: fewer looks; smaller: each brings less. */
const GENEROSITY = 4
const LOOK_BUFFER_BYTES = 64 * 1024

export const tail: Command = {
  name: 'tail',
  summary: 'prints the newest events, and follows',
  about:
    'Prints the newest events of topics, of all of them together, in their order; with --follow those that come after ' +
    'them, too, until it is stopped. Lines and names are those of lockstep sub. The log is not read from its start.',
  examples: [
    'lockstep tail orders.new',
    "lockstep tail -n 100 -f 'orders.>' prices.eu",
    'lockstep tail -f chat.lobby --order causal',
    'lockstep tail -n 1 orders.new | jq .data',
  ],
  positionals: { usage: 'TOPIC...', least: 1, most: 1000, offers: 'topics' },
  ownFlags: [
    { flag: 'lines', short: 'n', argument: 'N', description: 'How many events.', default: '10' },
    { flag: 'follow', short: 'f', argument: '', description: 'Goes on with the events that come.' },
    { ...ORDER_FLAG, description: `With --follow. ${ORDER_FLAG.description}` },
    REPLICA_FLAG,
    JSON_FLAG,
  ],
  exits: [
    [0, 'printed, or whoever read it has enough'],
    [1, 'one of the names is no topic and matches none, or no replica answers at the beginning'],
    INTERRUPTED,
  ],
  keys: [],
  async run(flags, environment, topics) {
    const lines = wholeNumber(flags, 'lines', 10, 0, LINES_MAX)
    const follow = flags['follow'] === true
    const order = orderOf(flags)
    if (order !== 'safe' && !follow) throw new ConfigError([`--order ${order} is for events that come: add --follow`])
    const urls = replicasOf(flags, environment)
    const signal = interruption()
    const { seq: head } = await look(urls)
    const missing = await missingTopics(urls, topics)
    for (const topic of missing) note(`${nothingThere(topic)}${follow ? ' yet; it is waited for' : ''}`)
    const client = attach(urls)
    try {
      const from = await placeOfNewest(client, topics, lines, head, signal)
      const until = follow ? undefined : head
      const printer = new ItemPrinter(forPeople(flags))
      for await (const item of client.subscribe(topics, { from, until, order, signal })) await printer.print(item)
      return signal.aborted ? exitCode(signal) : missing.length > 0 ? 1 : 0
    } finally {
      client.close()
    }
  },
}

/** Of the newest so many events up to the head, the place of the first; if there are fewer, of the oldest. */
async function placeOfNewest(
  client: Client,
  topics: readonly string[],
  count: number,
  head: number,
  signal: AbortSignal,
): Promise<number> {
  // From here on there are too many events; and from there on too few.
  let [tooEarly, tooLate] = [0, head + 1]
  for (let reach = count; reach > 0 && head > 0 && !signal.aborted; reach *= 4) {
    // First back in longer and longer steps, then between the two.
    const from = tooEarly > 0 ? Math.floor((tooEarly + tooLate) / 2) : Math.max(1, head + 1 - reach)
    const seqs = await seqsFrom(client, topics, { from, until: head, signal }, count * GENEROSITY)
    // The oldest may be dropped meanwhile, so that what was too many is too few by now.
    const nothingBetween = from <= tooEarly + 1
    if (seqs === 'too many') tooEarly = from
    else if (seqs.length >= count || nothingBetween) return seqs[Math.max(0, seqs.length - count)] ?? head + 1
    else tooLate = from
  }
  return head + 1
}

async function seqsFrom(
  client: Client,
  topics: readonly string[],
  range: { readonly from: number; readonly until: number; readonly signal: AbortSignal },
  most: number,
): Promise<number[] | 'too many'> {
  const seqs: number[] = []
  for await (const item of client.subscribe(topics, { ...range, bufferBytes: LOOK_BUFFER_BYTES })) {
    if (item.kind !== 'event') continue
    if (seqs.length === most) return 'too many'
    seqs.push(item.seq)
  }
  return seqs
}
