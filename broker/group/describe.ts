// One line of text for a datagram, for traces and for people.

import { decode } from './codec.ts'
import { attemptOf, type Ballot, type Message, ownerOf, type Proposal } from './message.ts'
import type { MemberId, Ranks } from './view.ts'

export function describe(datagram: Uint8Array): string {
  const envelope = decode(datagram)
  if (!envelope) return `undecodable, ${datagram.length} bytes`
  return `${envelope.message.kind} view=${envelope.view} ${describeMessage(envelope.message)}`.trimEnd()
}

function describeMessage(message: Message): string {
  switch (message.kind) {
    case 'header':
    case 'slot': {
      const flags = `${message.ask ? ' ask' : ''}${message.leaving ? ' leaving' : ''}`
      const slot =
        message.kind === 'slot'
          ? `slot=${message.record.slot} after=${message.record.previousPayload} causes=${message.record.causes} ` +
            `${message.record.batch.length}B `
          : ''
      const { watermark, lastPayload, held, hears } = message
      return `${slot}watermark=${watermark}/${lastPayload} held=${held} hears=${ranks(hears)}${flags}`
    }
    case 'want':
      return `rank=${message.rank} ${message.from}..${message.to}`
    case 'repair':
      return `of=${message.slotsView} rank=${message.rank} ${message.from}..${message.to} ${message.records.length} slots`
    case 'beat':
      return `promised=${ballot(message.promised)} hears=${ranks(message.hears)}${message.leaving ? ' leaving' : ''}`
    case 'ping':
    case 'pong':
      return `${message.number}`
    case 'collect':
      return `${ballot(message.ballot)} hears=${ranks(message.hears)}`
    case 'state': {
      const accepted = message.accepted
        ? ` accepted=${ballot(message.accepted.ballot)} ${proposal(message.accepted.proposal)}`
        : ''
      const leaving = message.leaving ? ' leaving' : ''
      return `${ballot(message.ballot)} held=${message.held} hears=${ranks(message.hears)}${leaving}${accepted}`
    }
    case 'refuse':
    case 'ready':
    case 'accept':
      return ballot(message.ballot)
    case 'cut':
      return `${ballot(message.ballot)} position=${message.position} floor=${message.floor} trim=${message.trim}`
    case 'propose':
      return `${ballot(message.ballot)} ${proposal(message.proposal)} holders=${message.holders}`
    case 'install':
      return proposal(message.proposal)
    case 'missed':
      return ''
    case 'out':
      return names(message.members)
    case 'join':
      return `position=${message.position} heard=${message.heard.length}${message.wantsIn ? ' wants in' : ''}`
    case 'pull':
      return `after=${message.position}${message.offset > 0 ? ` snapshot=${message.snapshot}+${message.offset}` : ''}`
    case 'log':
      return `from=${message.from} ${message.entries.length} entries head=${message.head}`
    case 'chunk':
      return `snapshot=${message.position} ${message.offset}+${message.bytes.length} of ${message.total}`
    default:
      return message satisfies never
  }
}

function ballot(value: Ballot): string {
  return value === 0 ? 'none' : `${attemptOf(value)}.${ownerOf(value)}`
}

function ranks(value: Ranks): string {
  const found: number[] = []
  for (let rank = 0; rank < 32; rank++) if ((value >>> rank) & 1) found.push(rank)
  return `{${found}}`
}

function names(members: readonly MemberId[]): string {
  return `{${members.map(({ name, incarnation }) => `${name}#${incarnation.toString(16).slice(-4)}`).join(' ')}}`
}

function proposal(value: Proposal): string {
  return `${names(value.oldMembers)} -> ${value.view + 1} ${names(value.members)} trim=${value.trim} birth=${ballot(value.birth)}`
}
