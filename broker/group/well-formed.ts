// What no right member ever says, though its bytes can be read: lists of the wrong length, ranks that nobody has, numbers
// that do not follow one another. Such a datagram is noise, and is dropped before it can be believed. (Lies that are well
// formed are believed: whoever may speak on the fabric is trusted.)

import { type Ballot, type HeaderFields, type Message, ownerOf, type Proposal, type Slot } from './message.ts'
import { MEMBERS_MAX } from './view.ts'

/** Above what is ever reached, and far enough below 2^53 that one more can always be counted. */
const NUMBER_MAX = 2 ** 50

/** A snapshot of more than this is not believed: 4 GiB of the smallest events, with where they end, and what may lie beside. */
export const SNAPSHOT_BYTES_MAX: number = 2 ** 35

/** By itself, whatever the view. */
export function wellFormed(message: Message): boolean {
  switch (message.kind) {
    case 'header':
      return isHeader(message)
    case 'slot':
      return isHeader(message) && isSlot(message.record, message.rank)
    case 'want':
      return isRange(message.from, message.to)
    case 'repair':
      return isRange(message.from, message.to) && areRecords(message)
    case 'beat':
      return isBallot(message.promised)
    case 'collect':
    case 'refuse':
    case 'ready':
    case 'accept':
      return isBallot(message.ballot)
    case 'state':
      return (
        isBallot(message.ballot) &&
        message.held.every(counted) &&
        (message.accepted === undefined || (isBallot(message.accepted.ballot) && isProposal(message.accepted.proposal)))
      )
    case 'cut': {
      const { ballot, members, trim, floor } = message
      const size = members.length
      return isBallot(ballot) && isList(members) && isVector(trim, size) && isVector(floor, size)
    }
    case 'propose': {
      const { ballot, proposal, holders } = message
      const size = proposal.oldMembers.length
      return isBallot(ballot) && isProposal(proposal) && holders.length === size && holders.every((rank) => rank < size)
    }
    case 'install':
      return isProposal(message.proposal)
    case 'out':
      return isList(message.members)
    case 'log':
      return message.entries.every((entry) => entry.kind === 'slot' || isProposal(entry.proposal))
    case 'chunk':
      return (
        isList(message.members) &&
        message.total <= SNAPSHOT_BYTES_MAX &&
        message.offset + message.bytes.length <= message.total
      )
    case 'ping':
    case 'pong':
    case 'missed':
    case 'join':
    case 'pull':
      return true
    default:
      return message satisfies never
  }
}

/** Said by the member of this rank in a view of this size. */
export function fitsView(message: Message, rank: number, size: number): boolean {
  switch (message.kind) {
    case 'header':
      return saysHeader(message, rank, size)
    case 'slot':
      return saysHeader(message, rank, size) && message.record.causes.length === size
    case 'collect':
      return ownerOf(message.ballot) === rank
    case 'state':
      return message.held.length === size && (message.accepted?.proposal.oldMembers.length ?? size) === size
    case 'propose':
      return ownerOf(message.ballot) === rank && message.proposal.oldMembers.length === size
    default:
      return true
  }
}

function saysHeader(header: HeaderFields, rank: number, size: number): boolean {
  return header.rank === rank && header.held.length === size
}

function isHeader({ watermark, lastPayload, held }: HeaderFields): boolean {
  return counted(watermark) && lastPayload <= watermark && held.every(counted)
}

function counted(number: number): boolean {
  return number <= NUMBER_MAX
}

function isRange(from: number, to: number): boolean {
  return from >= 1 && from <= to && counted(to)
}

/** No attempt comes near 2^40, and its rank is one that a view can have. */
function isBallot(ballot: Ballot): boolean {
  return ballot <= 2 ** 45 && ownerOf(ballot) < MEMBERS_MAX
}

function isSlot({ sender, slot, previousPayload, causes }: Slot, rank: number): boolean {
  return sender === rank && previousPayload < slot && counted(slot) && causes.every(counted)
}

function areRecords({ rank, from, to, records }: Extract<Message, { kind: 'repair' }>): boolean {
  let last = from - 1
  for (const record of records) {
    if (!isSlot(record, rank) || record.slot <= last || record.slot > to) return false
    last = record.slot
  }
  return true
}

function isList(members: readonly unknown[]): boolean {
  return members.length >= 1 && members.length <= MEMBERS_MAX
}

function isVector(slots: readonly number[], size: number): boolean {
  return slots.length === size && slots.every(counted)
}

function isProposal({ birth, oldMembers, members, leaving, trim }: Proposal): boolean {
  return (
    isBallot(birth) &&
    isList(oldMembers) &&
    isList(members) &&
    leaving.length <= oldMembers.length &&
    isVector(trim, oldMembers.length)
  )
}
