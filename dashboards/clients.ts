// Those who publish and subscribe: how many there are, who falls behind or has stopped, how long they wait.

import { type Dashboard, target, timeseries } from './grafana.ts'
import { CHOSEN, quantile, sumIncrease, sumRate, used } from './promql.ts'
import { FILLING, GROUP_VARIABLE, REPLICA_VARIABLE, VIEW_CHANGES } from './variables.ts'

export const CLIENTS: Dashboard = {
  uid: 'lockstep-clients',
  title: 'Lockstep: clients',
  description:
    'Who is connected, which subscribers fall behind or have stopped without a word, and how long publishers wait.',
  variables: [GROUP_VARIABLE, REPLICA_VARIABLE],
  annotations: [VIEW_CHANGES],
  rows: [
    {
      title: 'Who is there',
      panels: [
        timeseries(
          'Connections',
          'By replica. Falling at one and rising at others: clients have moved. All at one replica: give clients the addresses of all.',
          [target(`lockstep_connections{${CHOSEN}}`, '{{instance}}')],
        ),
        timeseries(
          'Connections, of those allowed',
          'At 1 more are turned away with 429: raise connectionsMax and the open files of the process, or add replicas and spread clients.',
          [target(used('lockstep_connections', CHOSEN), '{{instance}}')],
          { unit: 'percentunit', steps: FILLING },
        ),
        timeseries(
          'Streams',
          'Connections that last, by kind. Falling at once: clients lost them together; look for a change of view or a proxy that cuts them.',
          [target(`sum by (instance, kind) (lockstep_streams{${CHOSEN}})`, '{{instance}} {{kind}}')],
        ),
      ],
    },
    {
      title: 'Subscribers',
      panels: [
        timeseries(
          'Subscriptions',
          'Open ones, by replica. Fewer than your programs have: some did not come back; see the logs of those programs.',
          [target(`lockstep_subscribers{${CHOSEN}}`, '{{instance}}')],
        ),
        timeseries(
          'Events delivered',
          'A second, to all subscribers of a replica together. Flat while events are published: subscribers do not read, or have gone.',
          [target(sumRate('instance', 'lockstep_events_delivered_total', CHOSEN), '{{instance}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Behind, and stopped',
          'Subscriptions more than a second behind, and those of them that ask for nothing. Above 0 for long: those programs are too slow, or hang; retention will pass them.',
          [
            target(`lockstep_subscribers_behind{${CHOSEN}}`, '{{instance}} behind'),
            target(`lockstep_subscribers_stopped{${CHOSEN}}`, '{{instance}} stopped'),
          ],
        ),
        timeseries(
          'The slowest subscription',
          'Events that it is behind the order, by replica. Growing: its client reads too slowly, or not at all; it meets a gap when retention passes it.',
          [target(`lockstep_subscriber_lag_worst_events{${CHOSEN}}`, '{{instance}}')],
        ),
        timeseries(
          'Standing still for',
          'The longest that one that is behind has got nothing. reader: its client does not read, find and restart it. replica: it asks in vain, see the processor of that replica, and report it.',
          [target(`lockstep_subscriber_still_seconds{${CHOSEN}}`, '{{instance}} waits for {{waits_for}}')],
          { unit: 's' },
        ),
        timeseries(
          'How far subscribers are behind',
          'Half of them, and 99 of 100, sampled every second. All are far behind: the replica is short of CPU. A few: those programs are slow.',
          [
            target(quantile(0.5, 'lockstep_subscriber_lag_events', CHOSEN), 'half'),
            target(quantile(0.99, 'lockstep_subscriber_lag_events', CHOSEN), '99 of 100'),
          ],
        ),
        timeseries(
          'Gaps told',
          'By reason. retention: events were gone before a subscriber read them; keep more, or read faster. history-changed: it had a token of a group that is no more.',
          [target(sumIncrease('reason', 'lockstep_gaps_total', CHOSEN), '{{reason}}')],
        ),
        timeseries(
          'Taken back',
          'Events shown below safe that were taken back. A few at each change of view are the price of being early; many: views change under load, or use safe.',
          [target(sumIncrease('instance', 'lockstep_retracted_total', CHOSEN), '{{instance}}')],
        ),
      ],
    },
    {
      title: 'Publishers',
      panels: [
        timeseries(
          'Until an acknowledgement',
          'By replica, 99 of 100 publishes. High at one: that replica is short of CPU. High at all: a member or the fabric is slow, see the cluster.',
          [target(quantile(0.99, 'lockstep_publish_duration_seconds', CHOSEN, 'instance'), '{{instance}}')],
          { unit: 's' },
        ),
        timeseries(
          'Until an order is known',
          'From handing a request to the group until it is back, half of them, by level; below safe while somebody reads there. safe far above agreed: one member is slow to hold what it is sent.',
          [target(quantile(0.5, 'lockstep_order_duration_seconds', CHOSEN, 'level'), '{{level}}')],
          { unit: 's' },
        ),
        timeseries(
          'Refused, by replica',
          'Publishes refused or given up, by code. NOT_PRIMARY, OVERLOADED: of the group, and clients come again. The others are mistakes in what they publish.',
          [target(sumRate('instance, code', 'lockstep_publish_refusals_total', CHOSEN), '{{instance}} {{code}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Publishers remembered',
          'Whose numbers are known, so that a retry is found. Growing fast: programs take a new publisher id for each event; at the limit the oldest are forgotten.',
          [
            target(`lockstep_publishers{${CHOSEN}}`, '{{instance}}'),
            target(`max(lockstep_publishers_limit{${CHOSEN}})`, 'at most'),
          ],
        ),
      ],
    },
  ],
}
