// The right protocol with counters that begin where years of service would have brought them: around what fits into 31 or
// 32 bits, and far beyond. Nothing may go wrong there. They are edits as those of `variants.ts`, whose opposite they are.

import type { Edit, Edited } from './edited-protocol.ts'

function inGroup(file: string, right: string, put: string): Edit {
  return { file: `group/${file}.ts`, right, put }
}

const SLOT_RULE = 'let next = this.lane(this.self).held + 1'
const FIRST_POSITION = 'private entries: LogEntry[] = []'

export const FAR_COUNTERS: readonly Edited[] = [
  {
    name: 'views-from-2^31',
    what: 'the first view has a number just below 2^31',
    edits: [
      inGroup(
        'member',
        'number: proposal.view + 1, members }',
        'number: (proposal.view || 2 ** 31 - 4) + 1, members }',
      ),
    ],
  },
  {
    name: 'views-from-2^32',
    what: 'the first view has a number just below 2^32',
    edits: [
      inGroup(
        'member',
        'number: proposal.view + 1, members }',
        'number: (proposal.view || 2 ** 32 - 4) + 1, members }',
      ),
    ],
  },
  {
    name: 'slots-from-2^31',
    what: 'the first slots of a view are just below 2^31',
    edits: [inGroup('total-order', SLOT_RULE, `${SLOT_RULE}\n    next = Math.max(next, 2 ** 31 - 20)`)],
  },
  {
    name: 'slots-from-2^32',
    what: 'the first slots of a view are just below 2^32',
    edits: [inGroup('total-order', SLOT_RULE, `${SLOT_RULE}\n    next = Math.max(next, 2 ** 32 - 20)`)],
  },
  {
    name: 'slots-from-2^49',
    what: 'the first slots of a view are 2^49 and more',
    edits: [inGroup('total-order', SLOT_RULE, `${SLOT_RULE}\n    next = Math.max(next, 2 ** 49)`)],
  },
  {
    name: 'attempts-from-2^27',
    what: 'the attempts at a change of view make ballots just below 2^32',
    edits: [inGroup('flush', 'private attemptSeen = 0', 'private attemptSeen = 2 ** 27 - 2')],
  },
  {
    name: 'attempts-from-2^39',
    what: 'there have been 2^39 attempts at a change of view',
    edits: [inGroup('flush', 'private attemptSeen = 0', 'private attemptSeen = 2 ** 39')],
  },
  {
    name: 'positions-from-2^32',
    what: 'the order begins just before position 2^32',
    edits: [
      inGroup('log', FIRST_POSITION, `${FIRST_POSITION}\n  private readonly far = 2 ** 32 - 40`),
      inGroup(
        'log',
        'append(entry: LogEntry): void {',
        'append(entry: LogEntry): void {\n    if (this.base === 0) this.base = this.far',
      ),
    ],
  },
  {
    name: 'pings-from-2^32',
    what: 'a process has sent nearly 2^32 pings',
    edits: [inGroup('failure-detector', 'private probeNumber = 0', 'private probeNumber = 2 ** 32 - 3')],
  },
  {
    name: 'events-from-2^32',
    what: 'the first event has a number just below 2^32',
    edits: [{ file: 'events/state.ts', right: 'private lastSeq = 0', put: 'private lastSeq = 2 ** 32 - 40' }],
  },
]
