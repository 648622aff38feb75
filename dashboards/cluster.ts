// The group as a whole: what to look at first.

import { type Dashboard, stat, states, table, target, timeseries } from './grafana.ts'
import { GROUP, quantile, sumIncrease, sumRate } from './promql.ts'
import { GROUP_VARIABLE, RED_IF_ANY, RED_IF_NONE, VIEW_CHANGES } from './variables.ts'

export const CLUSTER: Dashboard = {
  uid: 'lockstep-cluster',
  title: 'Lockstep: cluster',
  description: 'Is the group well, who is in it, and who holds it up. Begin here; a replica that stands out has more.',
  variables: [GROUP_VARIABLE],
  annotations: [VIEW_CHANGES],
  rows: [
    {
      title: 'Is it well?',
      panels: [
        stat(
          'Takes publishes',
          'Replicas that are in a primary view. 0: publishes are refused everywhere; bring back enough of the last view, see the runbook on LockstepNoPrimaryComponent.',
          [target(`sum(lockstep_primary{${GROUP}})`, '')],
          { steps: RED_IF_NONE },
        ),
        stat(
          'Missing from the view',
          'Replicas that are scraped, dead or alive, and are not in the primary view. Above 0: start them again; until then fewer crashes are survived.',
          [
            target(
              `count(up{${GROUP}}) - max(lockstep_view_members{${GROUP}} and lockstep_primary{${GROUP}} == 1)`,
              '',
            ),
          ],
          { steps: RED_IF_ANY },
        ),
        stat(
          'Not ready',
          'Replicas that answer and would not make a publish safe soon. Above 0: their /readyz says why, in words.',
          [target(`count(lockstep_healthy{${GROUP}}) - sum(lockstep_healthy{${GROUP}})`, '')],
          { steps: RED_IF_ANY },
        ),
        stat(
          'Diverged',
          'Times that states differed at an equal place of the order. Above 0: a bug or faulty memory; keep the logs, and see the runbook on LockstepStateDiverged.',
          [target(`sum(lockstep_divergence_total{${GROUP}})`, '')],
          { steps: RED_IF_ANY },
        ),
        stat(
          'Versions',
          'Versions of Lockstep that replicas of this group run. Above 1 for longer than an upgrade takes: finish it.',
          [target(`count(count by (version) (lockstep_build_info{${GROUP}}))`, '')],
          {
            steps: [
              [null, 'green'],
              [2, 'yellow'],
            ],
          },
        ),
        stat(
          'Nothing became safe for',
          'The longest at any replica, while something waits. Above a second: no progress; see below which member is waited for.',
          [target(`max(lockstep_stability_stalled_seconds{${GROUP}})`, '')],
          {
            unit: 's',
            steps: [
              [null, 'green'],
              [1, 'yellow'],
              [5, 'red'],
            ],
          },
        ),
        states(
          'Ready, by replica',
          'Green: in the primary view, with stability advancing. Red: it answers and takes no publishes; ask its /readyz. Nothing at all: it is dead, or cannot be scraped.',
          [target(`lockstep_healthy{${GROUP}}`, '{{instance}}')],
          { steps: RED_IF_NONE, unit: 'bool_yes_no' },
        ),
        table(
          'Alerts',
          'What fires or is about to. Each alert has its section in the runbook: what it means, how to see it, what to do.',
          [target(`ALERTS{${GROUP}}`, '')],
          { width: 12, height: 6 },
        ),
      ],
    },
    {
      title: 'What goes through',
      panels: [
        timeseries(
          'Events published',
          'Events a second that became safe, by the replica where they came in. Zero while clients publish: see the refusals beside it.',
          [target(sumRate('instance', 'lockstep_events_published_total', GROUP), '{{instance}}')],
          { unit: 'cps', stacked: true },
        ),
        timeseries(
          'From publish to acknowledgement',
          'At all replicas. High: a member is slow (see below), more is published than is ordered (see the queues of the replicas), or views change.',
          [
            target(quantile(0.5, 'lockstep_publish_duration_seconds', GROUP), 'half take no longer'),
            target(quantile(0.99, 'lockstep_publish_duration_seconds', GROUP), '99 of 100 take no longer'),
          ],
          { unit: 's' },
        ),
        timeseries(
          'Publishes refused',
          'By reason. NOT_PRIMARY: too few replicas are in reach of one another. OVERLOADED: slow publishers down. INVALID_EVENT, NOT_FOUND, CONFLICT: mistakes of publishers.',
          [target(sumRate('code', 'lockstep_publish_refusals_total', GROUP), '{{code}}')],
          { unit: 'cps' },
        ),
      ],
    },
    {
      title: 'The view',
      panels: [
        timeseries(
          'Number of the view',
          'As each replica has it. Lines that stay apart: a replica is cut off, or there are two groups of one name. Stairs: see why views change.',
          [target(`lockstep_view_number{${GROUP}}`, '{{instance}}')],
        ),
        timeseries(
          'Members',
          'Of the view at each replica, and how many replicas the roster names. Below what you run: bring the missing ones back.',
          [
            target(`lockstep_view_members{${GROUP}}`, '{{instance}}'),
            target(`max(lockstep_roster_members{${GROUP}})`, 'in the roster'),
          ],
        ),
        timeseries(
          'Changes of view',
          'By what they were for. exclude: a member crashed or was paused for too long; many: short of CPU, or a bad fabric. join, leave: restarts.',
          [target(`max by (reason) (increase(lockstep_view_changes_total{${GROUP}}[$__rate_interval]))`, '{{reason}}')],
        ),
        timeseries(
          'How long a change takes',
          'For so long publishes stand still. Above a second: members answer slowly, or a host vanished and was waited for (suspectAfterMs).',
          [
            target(quantile(0.5, 'lockstep_view_change_duration_seconds', GROUP), 'half take no longer'),
            target(quantile(0.99, 'lockstep_view_change_duration_seconds', GROUP), '99 of 100 take no longer'),
          ],
          { unit: 's' },
        ),
        timeseries(
          'Changes tried, and members put out',
          'Attempts that far exceed the changes: they do not come through, since members do not hear each other. Members put out that you did not stop: look at their logs.',
          [
            target(sumIncrease('job', 'lockstep_view_change_attempts_total', GROUP), 'attempts'),
            target(`max(increase(lockstep_members_excluded_total{${GROUP}}[$__rate_interval]))`, 'put out'),
          ],
        ),
        timeseries(
          'Time stood still or outside',
          'The share of time in which a member stood still for a change of view, or a replica was outside the primary component. Near 1 for long: a change hangs, or it does not get in; its log says why.',
          [
            target(sumRate('instance', 'lockstep_wedged_seconds_total', GROUP), '{{instance}} stands still'),
            target(
              sumRate('instance, reason', 'lockstep_blocked_seconds_total', GROUP),
              '{{instance}} outside: {{reason}}',
            ),
          ],
          { unit: 'percentunit' },
        ),
      ],
    },
    {
      title: 'Who holds it up',
      panels: [
        timeseries(
          'Time that others wait for a member',
          'What is safe is what all members hold. One far above the others: that replica or its link is slow; mend it, or stop it, and the others go on.',
          [target(`max by (member) (lockstep_member_lag_seconds{${GROUP}})`, '{{member}}')],
          { unit: 's' },
        ),
        timeseries(
          'Batches that a member lacks',
          'Of each other member, at most. At the limit of the window (64) for long: publishers everywhere wait for this one; see its processor and link.',
          [target(`max by (member) (lockstep_member_lag_slots{${GROUP}})`, '{{member}}')],
        ),
        timeseries(
          'Who is suspected',
          'By how many members. One by all others: it is gone, and is put out at once if a quorum is left. Several by each other: links between some are cut.',
          [
            target(`sum by (member) (lockstep_member_suspected{${GROUP}})`, '{{member}}'),
            target(`max(lockstep_suspected_members{${GROUP}})`, 'at a time, by one'),
          ],
        ),
        timeseries(
          'Suspicions',
          'Raised, and withdrawn since the member was heard again. Many withdrawn: processes pause, or suspectAfterMs is too small for this network.',
          [target(sumIncrease('outcome', 'lockstep_suspicions_total', GROUP), '{{outcome}}')],
        ),
        timeseries(
          'Stability stalled',
          'How long nothing became safe at each replica, while something waits. Rising at all: the member that is waited for is on the left. Rising at one: look at that one.',
          [target(`lockstep_stability_stalled_seconds{${GROUP}}`, '{{instance}}')],
          { unit: 's' },
        ),
        timeseries(
          'Behind in the order',
          'Events that the most advanced replica has and this one has not. Above 0 for long: it catches up or is stuck; see its own dashboard.',
          [
            target(
              `max by (job) (lockstep_seq{${GROUP}}) - on (job) group_right () lockstep_seq{${GROUP}}`,
              '{{instance}}',
            ),
          ],
        ),
      ],
    },
  ],
}
