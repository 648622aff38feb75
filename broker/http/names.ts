// The names of topics, and the patterns of subscriptions, as parameters of a request: only their form is judged here,
// so that a mistyped name gets a sentence; whether there is such a topic is for the state to know.

import { BrokerError } from '../errors.ts'

const NAME = /^\$?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/
const PATTERN = /^(?:\$?[A-Za-z0-9_-]+|\*|>$)(?:\.(?:[A-Za-z0-9_-]+|\*|>$))*$/

export function checkTopicName(name: string, bytesMax: number): string {
  if (name.length > bytesMax) {
    throw new BrokerError('MALFORMED', `The topic's name has ${name.length} bytes; the limit is ${bytesMax}.`)
  }
  if (NAME.test(name)) return name
  throw new BrokerError('MALFORMED', `${quoted(name)} is not the name of a topic: that is ${RULE}, as in "flights.eu".`)
}

/** For what only the group itself may do to topics whose names begin with `$`. */
export function checkOwnTopicName(name: string, bytesMax: number): string {
  checkTopicName(name, bytesMax)
  if (!name.startsWith('$')) return name
  throw new BrokerError(
    'MALFORMED',
    `Topics that begin with $ are the system's; they can only be read: ${quoted(name)}.`,
  )
}

export function checkPattern(pattern: string, bytesMax: number): string {
  if (pattern.length > bytesMax) {
    throw new BrokerError('MALFORMED', `A pattern in topics has ${pattern.length} bytes; the limit is ${bytesMax}.`)
  }
  if (PATTERN.test(pattern)) return pattern
  throw new BrokerError(
    'MALFORMED',
    `${quoted(pattern)} is not a pattern of topics: that is ${RULE}, of which * stands for any one and > at the end for ` +
      'one or more.',
  )
}

const RULE = 'tokens of letters, digits, - and _, joined by dots'

function quoted(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`)
}
