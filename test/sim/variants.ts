// Deliberately broken variants of the protocol: each breaks one rule, and a checker must notice. A checker, or a directed
// scenario, that has never caught anything proves nothing. What is given is the text of the rule and what is put in its
// place; `edited-protocol.ts` loads the protocol so.

import type { Edit, Edited } from './edited-protocol.ts'

export interface Variant extends Edited {
  /** Who may be the first to notice: checkers, `BUG` for the protocol's own assertions, `SCRIPT` for a scenario. */
  readonly caughtBy: readonly string[]
  /** A directed scenario, or one of so many seeds. */
  readonly shownBy: { readonly scenario: string } | { readonly from: number; readonly within: number }
}

function inGroup(file: string, right: string, put: string): Edit {
  return { file: `group/${file}.ts`, right, put }
}

export const VARIANTS: readonly Variant[] = [
  // ---- memory

  {
    name: 'slots-in-the-datagram',
    what: 'a slot stays in the memory that its datagram was read into',
    edits: [
      inGroup('total-order', 'return { ...slot, batch: this.memory.keep(slot.batch) }', 'return slot'),
      inGroup('total-order', 'for (const { batch } of lane.slots.splice(0, drop)) this.memory.letGo(batch)', ''),
    ],
    caughtBy: ['G3', 'G5', 'G8', 'G11', 'BUG'],
    shownBy: { scenario: 'c4' },
  },
  {
    name: 'log-without-hold',
    what: "the log relies on the view's slots to keep their batches",
    edits: [
      inGroup('log', '{ ...entry, batch: this.memory.keep(entry.batch) }', 'entry'),
      inGroup('log', "if (oldest.kind === 'slot') this.memory.letGo(oldest.batch)", ''),
    ],
    caughtBy: ['G3', 'G5', 'G8', 'BUG'],
    shownBy: { from: 1, within: 400 },
  },
  {
    name: 'slots-without-hold',
    what: "the view's slots rely on the log to keep their batches",
    edits: [
      inGroup(
        'batch-memory',
        'if (known !== undefined) {\n      known.kept++\n      return batch',
        'if (known !== undefined) {\n      return batch',
      ),
    ],
    caughtBy: ['G3', 'G5', 'G8', 'G11', 'BUG'],
    shownBy: { from: 1, within: 400 },
  },

  // ---- total order

  {
    name: 'acknowledge-before-stable',
    what: 'a slot is delivered as safe when it is known, held by all or not',
    edits: [
      inGroup('total-order', 'return next && this.stable[next.sender]! >= next.slot ? next : undefined', 'return next'),
    ],
    caughtBy: ['G2', 'G3', 'G4', 'G6', 'G8'],
    shownBy: { scenario: 'c4' },
  },
  {
    name: 'order-with-holes',
    what: 'a slot is delivered when it is stable, though one before it may still come',
    edits: [inGroup('total-order', 'if (this.lane(rank).held < needed) return undefined', '')],
    caughtBy: ['G3', 'G11', 'BUG'],
    shownBy: { scenario: 'c8' },
  },
  {
    name: 'effect-before-cause',
    what: "a member's next slot is its next number, whatever it has seen",
    edits: [inGroup('total-order', 'next = Math.max(next, rank < this.self ? known : known + 1)', '')],
    caughtBy: ['G3'],
    shownBy: { scenario: 'c5' },
  },
  {
    name: 'nulls-must-be-stable',
    what: 'a slot is safe only when the nulls before it are stable too',
    edits: [
      inGroup(
        'total-order',
        'return next && this.stable[next.sender]! >= next.slot ? next : undefined',
        'return next && this.stable.every((slot, rank) => slot >= (rank <= next.sender ? next.slot : next.slot - 1)) ? next : undefined',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c13' },
  },
  {
    name: 'no-acknowledgement',
    what: 'what is held is said by heartbeats and slots alone',
    edits: [inGroup('member', 'if (this.order.takePayloadHeld()) this.ackOwed = true', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c14' },
  },
  {
    name: 'asking-in-vain',
    what: 'who is asked for its header waits for its next heartbeat',
    edits: [inGroup('member', 'if (header.ask) this.askedFor = true', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c14-ask' },
  },
  {
    name: 'no-nulls',
    what: 'a member with nothing to send lets the others wait for its turn',
    edits: [inGroup('member', 'if (owed > 0) this.order.raiseOwnWatermark(owed)', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'crash-under-load' },
  },
  {
    name: 'repair-beyond-held',
    what: 'who answers for slots that it does not hold calls them null',
    edits: [inGroup('total-order', 'let to = Math.min(want.to, lane.held)', 'let to = want.to')],
    caughtBy: ['SCRIPT', 'G3', 'G4', 'G6'],
    shownBy: { scenario: 'not-yet-held' },
  },
  {
    name: 'rest-is-null',
    what: 'what does not fit into a repair is called null',
    edits: [inGroup('total-order', 'to = slot.slot - 1\n        break', 'break')],
    caughtBy: ['SCRIPT', 'G3', 'G10'],
    shownBy: { scenario: 'long-repair' },
  },
  {
    name: 'repair-of-any-size',
    what: 'a repair is larger than the fabric carries',
    edits: [inGroup('total-order', 'if (records.length > 0 && bytes > bytesMax) {', 'if (bytes < 0) {')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'long-repair' },
  },
  {
    name: 'large-slot-never-repaired',
    what: 'a slot that nearly fills a datagram is in no repair',
    edits: [inGroup('total-order', 'if (records.length > 0 && bytes > bytesMax) {', 'if (bytes > bytesMax) {')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'long-repair' },
  },
  {
    name: 'repair-of-any-view',
    what: 'a repair of the view before is taken for one of this [c17]',
    edits: [inGroup('member', 'if (!order || view !== repair.slotsView || repair.rank', 'if (!order || repair.rank')],
    caughtBy: ['G11', 'G3', 'G5', 'BUG'],
    shownBy: { scenario: 'late-repair' },
  },
  {
    name: 'busy-is-silent',
    what: 'who has more to send and may not owes nobody nulls or acknowledgements [c5]',
    edits: [
      inGroup('member', 'if (!sent) {\n      const owed', 'if (!sent && this.queue.length === 0) {\n      const owed'),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'full-windows' },
  },
  {
    name: 'window-of-any-size',
    what: 'any number of slots may be on their way',
    edits: [inGroup('member', 'return slots < this.settings.windowSlotsMax &&', 'return')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'window' },
  },
  {
    name: 'no-rest-waits',
    what: 'what is left over when full batches have left leaves at once',
    edits: [inGroup('member', 'if (another && !this.queue.hasWhole) return false', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'rest-of-a-turn' },
  },
  {
    name: 'rest-waits-alone',
    what: 'what is left over waits for an answer that nobody will give',
    edits: [inGroup('member', 'if (slots === 0) return true', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'rest-of-a-turn-alone' },
  },
  {
    name: 'slots-kept-for-ever',
    what: 'what all hold is kept as long as the view lasts',
    edits: [inGroup('total-order', 'if (drop === 0) continue', 'if (drop >= 0) continue')],
    caughtBy: ['G10'],
    shownBy: { scenario: 'lost-datagrams' },
  },
  {
    name: 'old-slots-kept-for-ever',
    what: 'the slots of the view before are kept though everybody was heard in this one [c17]',
    edits: [inGroup('member', 'if (this.unheard.size === 0 && this.previous) this.previous.order = undefined', '')],
    caughtBy: ['G10'],
    shownBy: { scenario: 'crash-under-load' },
  },

  // ---- failure detection

  {
    name: 'own-pauses-blame-others',
    what: 'time goes on while the process does not run',
    edits: [
      inGroup('patient-clock', 'this.time += Math.min(elapsed, this.lateTickMs)', 'this.time += elapsed'),
      inGroup(
        'patient-clock',
        'this.time + Math.min(Math.max(0, now - this.lastTick), this.lateTickMs)',
        'this.time + Math.max(0, now - this.lastTick)',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'all-paused' },
  },
  {
    name: 'suspicion-sticks',
    what: 'who was silent once is suspected for ever',
    edits: [
      inGroup(
        'failure-detector',
        'this.failed.delete(incarnation)\n  }\n\n  /** Heard within',
        '}\n\n  /** Heard within',
      ),
      inGroup(
        'failure-detector',
        'return !this.failed.has(incarnation) &&',
        'if (this.heardAt.has(incarnation) && !this.fresh(incarnation, time, this.settings.suspectAfterMs)) this.failed.add(incarnation)\n    return !this.failed.has(incarnation) &&',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c12' },
  },
  {
    name: 'others-broken-links-ignored',
    what: 'a pair of other members that is not connected calls for no change [c6]',
    edits: [inGroup('connectivity', 'if (time - since > 1.5 * this.settings.heartbeatMs) return true', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c6a' },
  },
  {
    name: 'blind-member-leads',
    what: 'a member that hears nobody starts a change [c12]',
    edits: [inGroup('member', 'if (!this.wedged && !this.connectivity.maySeeAndStart(this.time)) return false', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c12' },
  },
  {
    name: 'cut-off-member-leads',
    what: 'rank 0 of two goes on alone though its fabric says that it is cut off [c12]',
    edits: [
      inGroup(
        'member',
        'if (!this.linked || this.installing || this.excludedBy) return false',
        'if (this.installing || this.excludedBy) return false',
      ),
      inGroup('member', 'if (!linked) return this.clock.freeze(now)', 'if (!linked) return'),
      inGroup('member', 'if (!this.linked) return\n    this.donor.tick', 'this.donor.tick'),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c12-two' },
  },
  {
    name: 'stalled-put-back-in',
    what: 'a member that stalls is proposed again because it answers [c16]',
    edits: [inGroup('proposal', '[staying & ~stalled, staying]', '[staying]')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c16' },
  },
  {
    name: 'wedged-member-ignored',
    what: 'a wedged member that is heard calls for no change [c17]',
    edits: [
      inGroup(
        'member',
        'if (rank === this.rank ? this.wedged : this.connectivity.isWedged(rank))',
        'if (rank === this.rank && this.wedged)',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c17-lost-coordinator' },
  },
  {
    name: 'alone-and-silent',
    what: 'a view of one sends no heartbeats [c17]',
    edits: [
      inGroup(
        'member',
        'if (!this.wedged) return this.sendHeader(false)',
        'if (this.view.members.length === 1) return\n    if (!this.wedged) return this.sendHeader(false)',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10', 'G9'],
    shownBy: { scenario: 'c17-alone' },
  },
  {
    name: 'slow-is-stalled',
    what: 'a member that is always the last to have something stalls, though it goes on [c16]',
    edits: [inGroup('laggards', ' && held === step.held', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'far-apart' },
  },
  {
    name: 'old-evidence',
    what: 'a member is not blind as long as it suspects nobody [c12]',
    edits: [inGroup('connectivity', 'this.connectedTo(mine & fresh)', 'this.connectedTo(mine)')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c12-short' },
  },
  {
    name: 'no-calm',
    what: 'links come back, and who has a quorum first starts a change [c12]',
    edits: [inGroup('connectivity', 'return !this.blind && time >= this.blindUntil', 'return !this.blind')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c12' },
  },
  {
    name: 'calm-for-ever',
    what: 'who was blind once starts no change any more [c12]',
    edits: [
      inGroup(
        'connectivity',
        'this.blindUntil = time + this.settings.calmMs',
        'this.blindUntil = Number.POSITIVE_INFINITY',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c12' },
  },
  {
    name: 'namesake-gives-life',
    what: 'datagrams of a new process are life signs of the old one of its name [c17]',
    edits: [
      inGroup(
        'member',
        'this.detector.heard(sender.incarnation, this.time)\n    if (sender.name',
        'for (const { name, incarnation } of this.view.members) if (name === sender.name) this.detector.heard(incarnation, this.time)\n    this.detector.heard(sender.incarnation, this.time)\n    if (sender.name',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'dead-namesake' },
  },
  {
    name: 'primary-though-cut-off',
    what: 'a replica calls itself primary though its fabric says that it is cut off',
    edits: [
      inGroup('member', 'if (this.excludedBy || !this.linked) return false\n', 'if (this.excludedBy) return false\n'),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c12-told' },
  },
  {
    name: 'primary-without-quorum',
    what: 'a replica that hears no quorum calls itself primary',
    edits: [inGroup('member', 'return isQuorum(this.connected(), this.view.members.length)', 'return true')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'minority' },
  },
  {
    name: 'primary-though-wedged',
    what: 'a replica calls itself primary though a change has hung for long',
    edits: [
      inGroup(
        'member',
        'if (this.wedged && this.time - this.wellAt > this.settings.suspectAfterMs) return false\n',
        '',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'long-change' },
  },

  // ---- change of view

  {
    name: 'old-quorum-alone',
    what: 'a proposal is chosen by accepts from a quorum of the old view alone [c1]',
    edits: [inGroup('flush', 'isQuorum(ranksWhere(members, accepted), members.length)', 'true')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'c1' },
  },
  {
    name: 'majority-founds',
    what: 'a majority of the roster may form the first view [c2]',
    edits: [
      inGroup(
        'flush',
        'return ranks === everyRank(size) || isQuorum(ranks & this.unchanged(incarnationAt), size)',
        'return isQuorum(ranks, size)',
      ),
      inGroup('flush', 'leading.goingOn !== everyRank(size)', '!isQuorum(leading.goingOn, size)'),
    ],
    caughtBy: ['G9', 'SCRIPT'],
    shownBy: { scenario: 'c2' },
  },
  {
    name: 'first-choice-forgotten',
    what: 'in view 0 an accepted proposal is dropped by the rule of other views',
    edits: [inGroup('proposal', 'if (view.number === 0) {', 'if (view.number < 0) {')],
    caughtBy: ['G1', 'G9'],
    shownBy: { scenario: 'first-choice' },
  },
  {
    name: 'excluded-forgets-at-once',
    what: 'who is excluded forgets the Install before anybody was heard in the new view [c3]',
    edits: [
      inGroup(
        'member',
        'this.excludedBy = proposal\n',
        "if (this.leave) return this.exit('left')\n    return this.becomeObserver('out')\n",
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c3' },
  },
  {
    name: 'trim-not-causally-closed',
    what: 'at the end of a view the whole trim is delivered, effects without their causes too [c4]',
    edits: [inGroup('member', 'const trim = order.causallyClosed(proposal.trim)', 'const trim = [...proposal.trim]')],
    caughtBy: ['G3', 'G5'],
    shownBy: { scenario: 'c4' },
  },
  {
    name: 'cut-requests-forgotten',
    what: 'a survivor does not put its own cut batches back',
    edits: [inGroup('member', 'for (const slot of cut.reverse()) this.queue.putBack(slot.batch)', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'survivor-cut' },
  },
  {
    name: 'quorum-by-roster',
    what: 'a quorum is counted over the roster, not over the view',
    edits: [
      inGroup(
        'flush',
        'if (this.view.number > 0) return isQuorum(ranks, size)',
        'if (this.view.number > 0) return isQuorum(ranks, Math.max(size, 5))',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c2' },
  },
  {
    name: 'waits-for-all',
    what: 'a coordinator waits for all that it hears, for ever [c7]',
    edits: [inGroup('flush', ' || time - leading.startedAt >= this.host.settings.collectWaitMs', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c7-no-answer' },
  },
  {
    name: 'held-shown-while-wedged',
    what: 'the heartbeat of a wedged member is the header that it always was: nulls, and what it holds [c8]',
    edits: [
      inGroup(
        'member',
        'if (!this.wedged) return this.sendHeader(false)',
        "const owed = this.role === 'member' ? this.order.nullsOwed() : 0\n    if (owed > 0) this.order.raiseOwnWatermark(owed)\n    if (!this.wedged || this.role === 'member') return this.sendHeader(false)",
      ),
    ],
    caughtBy: ['G3', 'G4', 'G6'],
    shownBy: { scenario: 'late-slot' },
  },
  {
    name: 'joiner-before-its-state',
    what: 'a joiner says that it is ready, and accepts, before it holds the state at the cut [c9]',
    edits: [
      inGroup('joining', 'if (position < this.cut.position || !this.order.holds(this.cut.trim)) return said', ''),
      inGroup(
        'joining',
        'if (this.proposed && this.order.holds(this.proposed.proposal.trim)) {',
        'if (this.proposed) {',
      ),
    ],
    caughtBy: ['SCRIPT', 'G6', 'G10'],
    shownBy: { scenario: 'joiner-lacks-slots' },
  },
  {
    name: 'joiner-serves-nothing',
    what: 'a joiner does not serve the slots that came with its cut [c9]',
    edits: [
      inGroup(
        'member',
        'return view === this.joining?.view.number ? this.joining.order : this.previousOrder(view)',
        'return undefined',
      ),
      inGroup(
        'member',
        'const order = this.joining?.view.number === proposal.view ? this.joining.order : undefined',
        'const order = undefined',
      ),
      inGroup(
        'member',
        'this.previous = { proposal, order }\n    this.appendView',
        'this.previous = { proposal, order: this.joining ? undefined : order }\n    this.appendView',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c9a' },
  },
  {
    name: 'own-view-in-the-log-ignored',
    what: 'a joiner whose Install is lost does not see its own view in the log [c9]',
    edits: [
      inGroup(
        'member',
        'if (proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) {\n      // Its Install',
        'if (false) {\n      // Its Install',
      ),
    ],
    caughtBy: ['SCRIPT', 'G1', 'G10', 'BUG'],
    shownBy: { scenario: 'c9b' },
  },
  {
    name: 'voter-becomes-observer',
    what: 'who voted in the first start and hears the group first does not ask for its Install [c9]',
    edits: [inGroup('member', 'if (this.flush.promised === 0 && !this.excludedBy) return', 'return')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c9c' },
  },
  {
    name: 'stale-install-taken',
    what: 'who is excluded keeps its incarnation, and takes any Install that names it [c10]',
    edits: [
      inGroup('member', 'if (!voted) return\n', 'return\n'),
      inGroup(
        'member',
        "if (this.role === 'observer') return this.onInstallAsJoiner(proposal)",
        "if (this.role === 'observer') {\n      if (proposal.members.some(({ incarnation }) => incarnation === this.self.incarnation)) return this.begin(proposal, undefined)\n      return\n    }",
      ),
    ],
    caughtBy: ['G1', 'BUG'],
    shownBy: { scenario: 'c10' },
  },
  {
    name: 'adopts-the-impossible',
    what: 'an accepted proposal is adopted though it cannot have been chosen [c15]',
    edits: [
      inGroup(
        'proposal',
        'return isQuorum(mayHaveAccepted, view.members.length) ? proposal : undefined',
        'return proposal',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c15' },
  },
  {
    name: 'adopts-nothing',
    what: 'an accepted proposal that may have been chosen is not taken over',
    edits: [
      inGroup(
        'flush',
        'leading.adopted = mustAdopt(this.view, answers)',
        'leading.adopted = undefined as Proposal | undefined',
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'chosen-unseen' },
  },
  {
    name: 'promise-forgotten',
    what: 'a member accepts a proposal of a lower ballot than it has promised',
    edits: [
      inGroup(
        'flush',
        'if (ballot < this.promised) return this.refuse(from)\n    // A process that lost',
        '// A process that lost',
      ),
      inGroup('flush', 'if (proposed.ballot < this.promised) this.proposed = undefined\n    else if', 'if'),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'late-propose' },
  },
  {
    name: 'chosen-by-one',
    what: 'a coordinator installs what it has proposed without waiting for accepts',
    edits: [
      inGroup('flush', 'isQuorum(ranksWhere(oldMembers, accepted), oldMembers.length) &&', ''),
      inGroup('flush', 'isQuorum(ranksWhere(members, accepted), members.length)', 'true'),
    ],
    caughtBy: ['G1', 'G3', 'G4', 'G6', 'G9'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'half-goes-on',
    what: 'half of a view is a quorum without rank 0 too',
    edits: [{ file: 'group/view.ts', right: '&& has(ranks, 0)', put: '' }],
    caughtBy: ['G1', 'G9'],
    shownBy: { scenario: 'half' },
  },
  {
    name: 'old-slots-dropped-at-once',
    what: 'the slots of the ended view are let go of before all were heard in the new one',
    edits: [
      inGroup(
        'member',
        'this.previous = { proposal, order }\n    this.appendView',
        'this.previous = { proposal, order: undefined }\n    this.appendView',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'slow-to-install' },
  },
  {
    name: 'namesake-let-in',
    what: 'a joiner may have the name of a member that is heard [c17]',
    edits: [
      inGroup(
        'member',
        'name === member.name && has(connected, rank)',
        'name === member.name && !has(connected, rank)',
      ),
      inGroup(
        'member',
        'const wantsIn = this.catchUp.nearHead && !this.namesakeHeard()',
        'const wantsIn = this.catchUp.nearHead',
      ),
      inGroup('proposal', 'member.name !== name &&\n          candidate', 'candidate'),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'namesake' },
  },
  {
    name: 'joiner-begins-anew',
    what: 'a joiner delivers the slots that its log has already once more',
    edits: [inGroup('member', 'order.skipThrough(this.key)', '')],
    caughtBy: ['G3', 'G5', 'G8'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'delivers-while-wedged',
    what: 'a wedged member delivers what has become safe [c8]',
    edits: [
      inGroup(
        'member',
        "if (this.role !== 'member' || this.wedged) {\n      this.fetch()",
        "if (this.role !== 'member' || this.wedged) {\n      if (this.role === 'member' && !this.installing && !this.excludedBy) {\n        this.wedged = false\n        this.deliverSafe()\n        this.wedged = true\n      }\n      this.fetch()",
      ),
    ],
    caughtBy: ['G1', 'G3', 'G4'],
    shownBy: { scenario: 'wedged-of-two' },
  },
  {
    name: 'sends-while-wedged',
    what: 'a wedged member sends slots and nulls [c8]',
    edits: [
      inGroup(
        'member',
        "if (this.role !== 'member' || this.wedged) {\n      this.fetch()",
        "if (this.role !== 'member' || this.installing || this.excludedBy) {\n      this.fetch()",
      ),
    ],
    caughtBy: ['SCRIPT', 'G3', 'G4', 'G5'],
    shownBy: { scenario: 'late-slot' },
  },
  {
    name: 'stalled-forgotten',
    what: 'a coordinator forgets whom it found stalled when it wedges [c16]',
    edits: [
      inGroup(
        'member',
        'this.flush.stalledAtWedge = this.stalled()\n    if (this.wedged) return\n    this.wedged = true',
        'if (this.wedged) return\n    this.wedged = true\n    this.flush.stalledAtWedge = this.stalled()',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c16' },
  },
  {
    name: 'cut-requests-reversed',
    what: 'a survivor puts its cut batches back in the wrong order',
    edits: [inGroup('member', 'for (const slot of cut.reverse())', 'for (const slot of cut)')],
    caughtBy: ['G5', 'SCRIPT'],
    shownBy: { scenario: 'survivor-cut' },
  },
  {
    name: 'causes-count-nulls',
    what: 'the causes of a slot are all slots held, nulls too [c4]',
    edits: [inGroup('total-order', 'causes: this.heldPayloads(),', 'causes: this.held(),')],
    caughtBy: ['G11', 'G1', 'G2', 'G3', 'G4', 'G5', 'G6'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'causes-of-causes',
    what: 'the trim is cut once, not until nothing more is to be cut [c4]',
    edits: [inGroup('total-order', 'left[rank] = slot.slot - 1\n            cut = true', 'left[rank] = slot.slot - 1')],
    caughtBy: ['G3', 'G5'],
    shownBy: { scenario: 'survivor-cut' },
  },
  {
    name: 'gives-up-by-time',
    what: 'a wedged member leaves its view after a while [c17]',
    edits: [
      inGroup(
        'member',
        "if (this.role === 'exited' || this.role === 'observer') return\n    this.fetch()",
        "if (this.role === 'exited' || this.role === 'observer') return\n    if (this.role === 'member' && this.wedged && this.time - this.wellAt > 4000) return this.becomeObserver('')\n    this.fetch()",
      ),
    ],
    caughtBy: ['SCRIPT', 'G10', 'G1', 'G6'],
    shownBy: { scenario: 'newest-choice' },
  },
  {
    name: 'small-view-goes-on',
    what: 'what waits is sent in a view smaller than minReplicas',
    edits: [
      inGroup(
        'member',
        'if (this.view.members.length < this.settings.minReplicas && this.queue.length > 0) {',
        'if (this.view.members.length < 0) {',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'min-replicas' },
  },
  {
    name: 'leaves-unanswered',
    what: 'a member leaves while its own slots are on their way',
    edits: [
      inGroup(
        'member',
        'this.queue.length === 0 && this.order.ownUnstable().slots === 0) {',
        'this.queue.length === 0) {',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'leave-under-load' },
  },
  {
    name: 'leaves-never',
    what: 'a leave that cannot be said to anybody takes for ever',
    edits: [
      inGroup(
        'member',
        'if (this.leave && this.time - this.leave.at >= this.settings.leaveWaitMs)',
        'if (this.leave && this.time < 0)',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'leave-cut-off' },
  },
  {
    name: 'last-ones-wait',
    what: 'when all leave, each waits for the others',
    edits: [inGroup('member', "if (others.length === 0) this.exit('left')", 'void others')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'everybody-leaves' },
  },
  {
    name: 'settings-of-the-roster-ignored',
    what: 'the roster forms a view though settings differ',
    edits: [inGroup('member', 'if (state.settings !== this.settingsText) {', 'if (state.settings === undefined) {')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'other-settings' },
  },
  {
    name: 'leavers-flap',
    what: 'one that leaves and comes back again and again waits as if it had failed',
    edits: [
      inGroup(
        'member',
        'for (const member of failed) this.observers.excluded',
        'for (const member of gone) this.observers.excluded',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'rolling-restarts' },
  },

  // ---- which choice is taken over

  {
    name: 'oldest-choice',
    what: 'of several accepted proposals the one of the lowest attempt is taken over',
    edits: [inGroup('proposal', 'state.accepted.ballot > highest.ballot', 'state.accepted.ballot < highest.ballot')],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'newest-choice' },
  },
  {
    name: 'accepts-of-one-attempt',
    what: 'only accepts of the newest attempt count as accepts of a proposal that was made again [c15]',
    edits: [
      inGroup(
        'proposal',
        'if (state.accepted?.proposal.birth !== proposal.birth)',
        'if (state.accepted?.ballot !== highest.ballot)',
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'proposed-twice' },
  },
  {
    name: 'born-again',
    what: 'a proposal that is taken over counts as born with the new attempt [c15]',
    edits: [
      inGroup(
        'flush',
        'leading.proposal = leading.adopted ?? {',
        'leading.proposal = leading.adopted ? { ...leading.adopted, birth: leading.ballot } : {',
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'proposed-twice' },
  },
  {
    name: 'silence-is-no',
    what: 'who did not answer counts as one that did not accept [c15]',
    edits: [
      inGroup(
        'proposal',
        'let mayHaveAccepted = 2 ** view.members.length - 1',
        'let mayHaveAccepted = answers.reduce((ranks, { rank }) => ranks + 2 ** rank, 0)',
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'silent-voter' },
  },
  {
    name: 'first-choice-for-ever',
    what: 'in view 0 a proposal is taken over though most of those that it names are gone',
    edits: [
      inGroup('proposal', 'return isQuorum(alive, proposal.members.length) ? proposal : undefined', 'return proposal'),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'first-choice-lost' },
  },
  {
    name: 'first-choice-by-all',
    what: 'in view 0 what may have been chosen is finished only by the whole roster',
    edits: [
      inGroup(
        'flush',
        'return ranks === everyRank(size) || isQuorum(ranks & this.unchanged(incarnationAt), size)',
        'return ranks === everyRank(size)',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'first-choice-heard' },
  },
  {
    name: 'accepts-what-it-lacks',
    what: 'a member accepts without holding the trim',
    edits: [inGroup('flush', 'else if (this.order.holds(proposed.proposal.trim)) {', 'else {')],
    caughtBy: ['SCRIPT', 'G6', 'G10'],
    shownBy: { scenario: 'voters-lack-slots' },
  },
  {
    name: 'proposes-what-it-lacks',
    what: 'a coordinator proposes, and accepts, without holding the trim',
    edits: [
      inGroup(
        'flush',
        "if (leading.phase === 'fetching' && this.order.holds(leading.trim))",
        "if (leading.phase === 'fetching')",
      ),
    ],
    caughtBy: ['SCRIPT', 'G6', 'G10'],
    shownBy: { scenario: 'coordinator-lacks-slots' },
  },
  {
    name: 'any-state-counts',
    what: 'an answer to an earlier attempt counts as one to the present',
    edits: [
      inGroup(
        'flush',
        "leading?.phase !== 'collecting' || state.ballot !== leading.ballot",
        "leading?.phase !== 'collecting'",
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'old-state' },
  },
  {
    name: 'any-accept-counts',
    what: 'an accept of an earlier attempt counts for the present one',
    edits: [
      inGroup('flush', "leading?.phase !== 'proposing' || ballot !== leading.ballot", "leading?.phase !== 'proposing'"),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'old-accept' },
  },
  {
    name: 'answers-and-goes-on',
    what: 'a coordinator that promises a higher attempt goes on with its own',
    edits: [inGroup('flush', "this.giveUp(time, 'a higher ballot was collected')", '')],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'outrun-collecting' },
  },
  {
    name: 'accepts-and-goes-on',
    what: 'a coordinator that accepts a higher attempt goes on with its own',
    edits: [inGroup('flush', "this.giveUp(time, 'a higher ballot was proposed')", '')],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'outrun-proposing' },
  },
  {
    name: 'accepts-without-promise',
    what: 'to accept a proposal is no promise',
    edits: [
      inGroup(
        'flush',
        "this.giveUp(time, 'a higher ballot was proposed')\n      this.promise(ballot, time)",
        "this.giveUp(time, 'a higher ballot was proposed')",
      ),
    ],
    caughtBy: ['G1', 'G2', 'G3', 'G4', 'G9'],
    shownBy: { scenario: 'promise-by-proposal' },
  },
  {
    name: 'answered-are-members',
    what: 'all that answered are proposed, connected with each other or not [c6]',
    edits: [
      inGroup('proposal', 'const chosen = largestConnected(candidates, hears, size)', 'const chosen = candidates'),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'c6a' },
  },
  {
    name: 'accepted-once',
    what: 'who has accepted does not say so again',
    edits: [
      inGroup(
        'flush',
        "if (this.accepted?.ballot === ballot) this.host.send(from, { kind: 'accept', ballot })\n    else ",
        'if (this.accepted?.ballot !== ballot) ',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'lost-accept' },
  },
  {
    name: 'leavers-failed',
    what: 'who leaves is told of as failed',
    edits: [
      inGroup(
        'flush',
        'leaving: answers.filter(({ state }) => state.leaving).map(({ member }) => member.incarnation)',
        'leaving: []',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'leave' },
  },

  // ---- joiners

  {
    name: 'half-heard-let-in',
    what: 'a joiner is let in though a member does not hear it [c6]',
    edits: [inGroup('proposal', '&&\n          state.observersHeard.includes(incarnation)', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'half-heard-joiner' },
  },
  {
    name: 'half-heard-not-banned',
    what: 'a joiner that some member does not hear is tried again at once',
    edits: [
      inGroup(
        'flush',
        'for (const candidate of candidates) if (!fitting.includes(candidate)) this.host.ban(candidate.member)',
        '',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'half-heard-joiner' },
  },
  {
    name: 'half-deaf-let-in',
    what: 'a joiner is let in though it does not hear a member [c6]',
    edits: [inGroup('proposal', 'candidate.heard.includes(member.incarnation) &&\n', '\n')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'half-deaf-joiner' },
  },
  {
    name: 'strangers-let-in',
    what: 'joiners are let in together though they do not hear each other',
    edits: [
      inGroup(
        'proposal',
        'other.heard.includes(incarnation) &&\n          candidate.heard.includes(other.member.incarnation)',
        'true',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'strangers' },
  },
  {
    name: 'waits-for-the-joiner',
    what: 'the group stands still for a joiner for as long as an attempt may last',
    edits: [
      inGroup(
        'flush',
        'if (time - leading.phaseAt < this.host.settings.cutWaitMs) return false',
        'if (time >= leading.phaseAt) return false',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'joiner-in-vain' },
  },
  {
    name: 'ready-once',
    what: 'a joiner does not say again that it is ready',
    edits: [
      inGroup('joining', 'asked(): void {\n    this.readySaid = false', 'asked(): void {\n    void this.readySaid'),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'lost-ready' },
  },

  {
    name: 'any-donor-will-do',
    what: 'a joiner goes on pulling from a donor that is behind the cut',
    edits: [inGroup('member', 'this.catchUp.prefer(sender.incarnation, this.time)', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'donor-behind' },
  },
  {
    name: 'pulls-without-patience',
    what: 'a pull is repeated every pullMs, and parts of a snapshot are taken from the present donor alone',
    edits: [
      inGroup('state-transfer', 'this.settings.pullMs * 2 ** this.unanswered', 'this.settings.pullMs'),
      inGroup(
        'state-transfer',
        'if (chunk.position <= position) return undefined',
        'if (from !== this.donor || chunk.position <= position) return undefined',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'slow-snapshot' },
  },
  {
    name: 'everyone-lets-in',
    what: 'who is not the leader lets a joiner in that the leader has just tried in vain',
    edits: [inGroup('member', 'if (this.connectivity.leader(mine) !== this.rank) return undefined', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'joiner-in-vain' },
  },
  {
    name: 'every-join-is-a-hint',
    what: 'each Join of a namesake starts a probe of the member',
    edits: [inGroup('member', 'isNew && this.detector.hears', 'this.detector.hears')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'twin' },
  },
  {
    name: 'after-you',
    what: 'of two observers of one name each waits for the other',
    edits: [
      inGroup(
        'member',
        "if (message.kind === 'join' && this.role === 'observer' && sender.incarnation > this.self.incarnation) return",
        '',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'twins-outside' },
  },
  {
    name: 'only-a-pong-counts',
    what: 'a probe fails though the member was heard meanwhile',
    edits: [inGroup('failure-detector', 'if (this.fresh(incarnation, time, this.settings.probeMs / 2)) continue', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'lost-pongs' },
  },
  {
    name: 'batches-of-any-size',
    what: 'a batch may be larger than the fabric carries',
    edits: [
      inGroup(
        'submission-queue',
        'if (head.batch.length <= bytesMax || head.requests === 1) return head',
        'if (head.requests >= 1) return head',
      ),
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'small-datagrams' },
  },

  {
    name: 'flapping-forgiven',
    what: 'one that is put out again and again is let in at once each time',
    edits: [inGroup('observers', 'const ms = times === 1 ? 0 :', 'const ms = times >= 1 ? 0 :')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'flapping' },
  },

  {
    name: 'newest-snapshot-or-none',
    what: 'a joiner with a part of a newer snapshot refuses the older one of the only donor left',
    edits: [inGroup('state-transfer', 'this.assembly?.donor === from && ', 'this.assembly && ')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'older-snapshot' },
  },
  {
    name: 'unready-counted',
    what: 'a joiner that has not said that it is ready is proposed as a member [c9]',
    edits: [inGroup('flush', 'leading.joiners.filter(({ ready }) => ready)', 'leading.joiners')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'promise-by-proposal' },
  },
  {
    name: 'joiner-without-its-log',
    what: 'a joiner is ready, and accepts, before its log reaches the cut [c9]',
    edits: [
      inGroup(
        'joining',
        'if (position < this.cut.position || !this.order.holds(this.cut.trim)) return said',
        'if (!this.order.holds(this.cut.trim)) return said',
      ),
    ],
    caughtBy: ['SCRIPT', 'G6', 'G10'],
    shownBy: { scenario: 'joiners-lack-log' },
  },
  {
    name: 'deaf-joiner-tried',
    what: 'a change is begun for a joiner that does not hear a member',
    edits: [
      inGroup(
        'member',
        '!has(mine, rank) || heard.includes(incarnation)',
        '!has(mine, rank) || heard.length > incarnation - incarnation',
      ),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'half-deaf-joiner' },
  },
  {
    name: 'histories-mixed',
    what: 'what another group of the same name says is taken for this one',
    edits: [inGroup('member', "return this.drop('another history')", '')],
    caughtBy: ['SCRIPT', 'G3', 'G8'],
    shownBy: { scenario: 'two-groups' },
  },
  {
    name: 'log-runs-away',
    what: 'the log goes on being shortened while a snapshot is carried',
    edits: [inGroup('state-transfer', 'log.keepFrom(log.position)\n', '')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'snapshot-under-load' },
  },
  {
    name: 'stale-snapshot',
    what: 'a snapshot is given though the log after it is gone',
    edits: [inGroup('state-transfer', 'if (!snapshot || !log.has(snapshot.position)) return', 'if (!snapshot) return')],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'stale-snapshot' },
  },

  // ---- around it

  {
    name: 'deaf-under-its-new-name',
    what: 'who takes a fresh incarnation does not listen to what is sent to it',
    edits: [
      {
        file: 'driver.ts',
        right: "if (output.type === 'reincarnated') this.parts.fabric.address(output.incarnation)",
        put: '',
      },
    ],
    caughtBy: ['SCRIPT', 'G10'],
    shownBy: { scenario: 'long-pause' },
  },

  // ---- early delivery

  {
    name: 'shown-unasked',
    what: 'slots are shown before they are safe whether or not somebody wants to see them',
    edits: [inGroup('member', "!this.earlyWanted || this.role !== 'member'", "this.role !== 'member'")],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'first-early-reader' },
  },
  {
    name: 'shown-later',
    what: 'what there is when somebody wants to see it is shown with what comes next',
    edits: [
      inGroup('member', 'this.earlyWanted = input.wanted\n        this.showEarly()', 'this.earlyWanted = input.wanted'),
    ],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'first-early-reader' },
  },
  {
    name: 'shown-while-wedged',
    what: 'a member whose view is ending shows also what has come after it said what it holds',
    edits: [inGroup('member', 'this.wedged ? this.heldAtWedge : undefined', 'undefined')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'first-early-reader-in-a-change' },
  },
  {
    name: 'hidden-while-wedged',
    what: 'a member whose view is ending shows nothing to who comes now',
    edits: [inGroup('member', 'this.heldAtWedge = this.order.heldPayloads()', '')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'first-early-reader-in-a-change' },
  },
  {
    name: 'trim-by-minimum',
    what: 'the trim is what all that go on hold, not what any of them holds',
    edits: [inGroup('proposal', 'Math.max(...answers.map(', 'Math.min(...answers.map(')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'causal-by-arrival',
    what: 'a slot is shown as causal when its sender is in order, whatever its causes',
    edits: [inGroup('total-order', "(EARLY_LEVELS[level] === 'fifo' || this.causesShown(slot, level))", '(this)')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'agreed-by-arrival',
    what: 'a slot is shown as agreed when it is the next one held, whatever may still come before it',
    edits: [
      inGroup(
        'total-order',
        'const next = this.nextKnown((lane) => lane.shown[level]!)',
        'const next = this.nextAfter((lane) => lane.shown[level]!)',
      ),
    ],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 20 },
  },
  {
    name: 'shown-for-good',
    what: 'who is put out does not take back what it had shown',
    edits: [inGroup('member', "if (this.role === 'member') this.retract(this.view, this.order)", '')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 50 },
  },
  {
    name: 'cut-and-still-shown',
    what: 'who goes on does not take back what it had shown and the trim cut',
    edits: [inGroup('member', 'this.retract(old, order)', '')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 200 },
  },

  {
    name: 'divergence-unnoticed',
    what: "what the others say of their state is not compared with one's own [G8]",
    edits: [inGroup('agreement', 'own === undefined || own === digest ||', 'own !== undefined ||')],
    caughtBy: ['SCRIPT'],
    shownBy: { scenario: 'diverged' },
  },

  // ---- early subscriptions

  {
    name: 'kept-and-given',
    what: 'what a subscriber was shown is given once more when it has its place',
    edits: [{ file: 'ahead.ts', right: 'return first ? placeOf(first).seq : ', put: 'return first && false ? 0 : ' }],
    caughtBy: ['G12', 'G7'],
    shownBy: { from: 1, within: 20 },
  },
  {
    name: 'shown-and-forgotten',
    what: 'what the group takes back is not taken back from subscribers',
    edits: [
      { file: 'early-slots.ts', right: 'this.forget(request)\n      this.void(request)', put: 'this.forget(request)' },
    ],
    caughtBy: ['G12'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'shown-though-there',
    what: 'an event is shown early whether or not its number is taken',
    edits: [{ file: 'early-slots.ts', right: '|| sequence < next) continue', put: ') continue' }],
    caughtBy: ['G12'],
    shownBy: { from: 1, within: 50 },
  },
  {
    name: 'shown-out-of-turn',
    what: 'an event is shown early whatever its publisher has numbered before it',
    edits: [
      { file: 'early-slots.ts', right: '(sequence > Math.max(next, FIRST_NUMBER) && !gapsAllowed)', put: 'false' },
    ],
    caughtBy: ['G12'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'early-before-the-log',
    what: 'a subscriber is shown what is open before it has read what has its place',
    edits: [{ file: 'cursor.ts', right: 'this.after === state.seq) all', put: 'true) all' }],
    caughtBy: ['G12', 'G7'],
    shownBy: { from: 1, within: 50 },
  },
  {
    name: 'early-from-behind',
    what: 'a subscriber that has come from a replica further on is shown what it has had',
    edits: [{ file: 'cursor.ts', right: 'this.after === state.seq) all', put: 'this.after >= state.seq) all' }],
    caughtBy: ['G12', 'G7'],
    shownBy: { from: 1, within: 200 },
  },
  {
    name: 'contradiction-unnoticed',
    what: 'what was shown stays shown when another request has its numbers in the log',
    edits: [{ file: 'early-slots.ts', right: "if (verdict !== 'applied') return", put: 'if (verdict) return' }],
    caughtBy: ['G12'],
    shownBy: { from: 228, within: 10 },
  },
  {
    name: 'void-and-followed',
    what: 'what a publisher numbered after something that is taken back stays shown',
    edits: [{ file: 'early-slots.ts', right: "        other.fate = 'void'\n", put: '' }],
    caughtBy: ['G12'],
    shownBy: { from: 228, within: 10 },
  },
  {
    name: 'chain-of-the-void',
    what: 'what follows something that is taken back is shown as if it were still there',
    edits: [
      {
        file: 'early-slots.ts',
        right: 'if ((nextOf.get(publisher) ?? 0) > from) nextOf.set(publisher, from)',
        put: 'void from',
      },
    ],
    caughtBy: ['G12'],
    shownBy: { from: 1391, within: 10 },
  },
  {
    name: 'depends-on-the-void',
    what: 'causal and agreed: what was shown after something that is taken back stays shown',
    edits: [{ file: 'ahead.ts', right: 'if (from !== -1) this.voids', put: 'if (from < -1) this.voids' }],
    caughtBy: ['G12'],
    shownBy: { from: 981, within: 10 },
  },

  // ---- the replicated state

  {
    name: 'no-publisher-memory',
    what: 'a retry is not known again',
    edits: [{ file: 'events/publishers.ts', right: 'if (publisher === undefined) return NEW', put: 'return NEW' }],
    caughtBy: ['G7'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'publishers-forgotten-by-time',
    what: 'a publisher is forgotten when it has said nothing for a while, not when there are too many',
    edits: [
      {
        file: 'events/publishers.ts',
        right: 'if (this.byId.size > this.publishersMax) this.forget(this.order.oldest!)',
        put: 'while (seq - this.order.oldest!.replies.at(-1)!.seq > 20) this.forget(this.order.oldest!)',
      },
    ],
    caughtBy: ['G7'],
    shownBy: { from: 1, within: 300 },
  },
  {
    name: 'snapshot-without-publishers',
    what: 'who joins from a snapshot knows no publishers',
    edits: [
      {
        file: 'events/publishers.ts',
        right: 'this.byId.set(id, publisher)\n      this.order.use(publisher)\n    }\n  }\n\n  private',
        put: 'void [publisher]\n    }\n  }\n\n  private',
      },
    ],
    caughtBy: ['G7', 'G8'],
    shownBy: { from: 1, within: 300 },
  },
]
