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
        'this.view.number === 0 ? ranks === everyRank(size) : isQuorum(ranks, size)',
        'isQuorum(ranks, size)',
      ),
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
        'this.view.number === 0 ? ranks === everyRank(size) : isQuorum(ranks, size)',
        'this.view.number === 0 ? ranks === everyRank(size) : isQuorum(ranks, Math.max(size, 5))',
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

  // ---- joiners

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
        'const batchBytesMax = Math.min(bytesMax, this.settings.batchBytesMax)',
        'const { batchBytesMax } = this.settings',
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
    name: 'trim-by-minimum',
    what: 'the trim is what all that go on hold, not what any of them holds',
    edits: [inGroup('proposal', 'Math.max(...answers.map(', 'Math.min(...answers.map(')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'causal-by-arrival',
    what: 'a slot is shown as causal when its sender is in order, whatever its causes',
    edits: [inGroup('total-order', "(EARLY_LEVELS[level] === 'fifo' || this.causesShown(slot, level))", 'this')],
    caughtBy: ['G11'],
    shownBy: { from: 1, within: 100 },
  },
  {
    name: 'agreed-by-arrival',
    what: 'a slot is shown as agreed when it is the next one held, whatever may still come before it',
    edits: [
      inGroup(
        'total-order',
        'return this.nextKnown((lane) => lane.shown[level]!)',
        'return this.nextAfter((lane) => lane.shown[level]!)',
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
