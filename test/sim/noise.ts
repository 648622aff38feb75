// Datagrams that no right member sends: of another protocol version, cut short, too long, with flipped bits, with lists
// that do not fit the view, of another group. All must be dropped without a trace. A flipped bit that makes a lie of
// another right form is not among them: who may speak on the fabric is trusted, and what arrives is whole (F1, F5).

import { decode, encode, PROTOCOL_VERSION } from '../../broker/group/codec.ts'
import type { Envelope, Message } from '../../broker/group/message.ts'
import { wellFormed } from '../../broker/group/well-formed.ts'
import type { Chance } from './random.ts'

/** Tries to find a flip that makes no lie. */
const FLIPS_MAX = 8

/** Made of a datagram that was right; undefined: this one does not lend itself to what was drawn. */
export function makeNoise(bytes: Uint8Array, envelope: Envelope, chance: Chance): Uint8Array | undefined {
  switch (chance.whole(1, 6)) {
    case 1: {
      const other = bytes.slice()
      other[0] = chance.pick([PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, chance.whole(0, 255)])
      return isNoise(other) ? other : undefined
    }
    case 2:
      return noiseOnly(bytes.slice(0, chance.whole(0, bytes.length - 1)))
    case 3:
      return noiseOnly(Buffer.concat([bytes, randomBytes(chance, chance.whole(1, 40))]))
    case 4:
      return noiseOnly(randomBytes(chance, chance.whole(0, 200)))
    case 5: {
      for (let i = 0; i < FLIPS_MAX; i++) {
        const flipped = bytes.slice()
        for (let flips = chance.whole(1, 6); flips > 0; flips--) {
          const at = chance.whole(0, flipped.length - 1)
          flipped[at] = (flipped[at] as number) ^ (1 << chance.whole(0, 7))
        }
        if (isNoise(flipped)) return flipped
      }
      return undefined
    }
    default: {
      const message = misfit(envelope.message, chance)
      return message && encode({ ...envelope, message })
    }
  }
}

/** The same datagram as a member of another group would have sent it. */
export function ofAnotherGroup(envelope: Envelope, chance: Chance): Uint8Array | undefined {
  if (envelope.history === 0) return undefined
  const sender = { name: envelope.sender.name, incarnation: chance.whole(1, 2 ** 48 - 1) }
  return encode({ ...envelope, history: chance.whole(1, 2 ** 52), view: chance.whole(1, 2 ** 32 - 1), sender })
}

/** Right by itself, and not for a member of this rank in a view of this size. */
function misfit(message: Message, chance: Chance): Message | undefined {
  const otherLength = (list: readonly number[]): number[] => (chance.chance(0.5) ? list.slice(1) : [...list, 7])
  switch (message.kind) {
    case 'header':
      return chance.chance(0.5)
        ? { ...message, held: otherLength(message.held) }
        : { ...message, rank: message.rank + 1 }
    case 'slot': {
      const { record } = message
      return { ...message, record: { ...record, causes: otherLength(record.causes) } }
    }
    case 'state':
      return { ...message, held: otherLength(message.held) }
    case 'collect':
      return { ...message, ballot: message.ballot + 1 }
    case 'want':
      return { ...message, rank: 255 }
    case 'repair':
      return { ...message, rank: 29, records: [] }
    case 'pull':
      return { ...message, snapshot: 2 ** 53 - 1, offset: 2 ** 53 - 1 }
    default:
      return undefined
  }
}

function noiseOnly(bytes: Uint8Array): Uint8Array | undefined {
  return isNoise(bytes) ? bytes : undefined
}

function isNoise(bytes: Uint8Array): boolean {
  const envelope = decode(bytes)
  return envelope === undefined || !wellFormed(envelope.message)
}

function randomBytes(chance: Chance, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => chance.whole(0, 255))
}
