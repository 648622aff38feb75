// One replica, or some beside each other: its place in the group, its queues, its memory, its fabric, its process.

import { type Dashboard, stat, states, table, target, timeseries } from './grafana.ts'
import { CHOSEN, quantile, rate, slope, sumIncrease, sumRate, used } from './promql.ts'
import { FILLING, GROUP_VARIABLE, RED_IF_NONE, REPLICA_VARIABLE, VIEW_CHANGES } from './variables.ts'

export const REPLICA: Dashboard = {
  uid: 'lockstep-replica',
  title: 'Lockstep: replica',
  description:
    'What one replica does and holds, and how near it is to its limits. For one that stands out in the group.',
  variables: [GROUP_VARIABLE, REPLICA_VARIABLE],
  annotations: [VIEW_CHANGES],
  rows: [
    {
      title: 'Its place in the group',
      panels: [
        states(
          'What it is',
          'member: in the view. observer: outside, catching up or asking to be let in. founding: waits for the roster. An observer for minutes: its log says who does not let it in, and why.',
          [target(`lockstep_role{${CHOSEN}} == 1`, '{{instance}} {{role}}')],
        ),
        states(
          'Reaches the fabric',
          'Red: it has no connection to NATS, and so to no other replica. Look at the nats-server and at what is between; the replica connects again by itself.',
          [target(`lockstep_fabric_linked{${CHOSEN}}`, '{{instance}}')],
          { steps: RED_IF_NONE, unit: 'bool_yes_no' },
        ),
        timeseries(
          'Catching up',
          'How much it has of what it must take over, which is all of it in a member. Below 1 and flat: no member answers it, or all need a snapshot larger than the link carries in time.',
          [
            target(`lockstep_catch_up_ratio{${CHOSEN}}`, '{{instance}}'),
            target(`lockstep_catching_up{${CHOSEN}}`, '{{instance}} is outside'),
          ],
          { unit: 'percentunit' },
        ),
        timeseries(
          'Snapshot taken over',
          'Bytes that are there, and bytes of all of it. Flat above 0: the member that gives it does not answer; another is asked by itself.',
          [
            target(`lockstep_catch_up_snapshot_received_bytes{${CHOSEN}}`, '{{instance}} there'),
            target(`lockstep_catch_up_snapshot_bytes{${CHOSEN}}`, '{{instance}} of'),
          ],
          { unit: 'bytes' },
        ),
        timeseries(
          'Order delivered',
          'Batches a second, as delivered here and as known to exist. Flat here while the other grows: this replica is stuck; see its process below.',
          [
            target(slope('lockstep_order_position', CHOSEN), '{{instance}} delivered'),
            target(slope('lockstep_order_head', CHOSEN), '{{instance}} exists'),
          ],
          { unit: 'cps' },
        ),
      ],
    },
    {
      title: 'What waits, and how much may',
      panels: [
        timeseries(
          'How full the queues are',
          'Of what they may hold. Above half for minutes: more is published here than is ordered; find the slow member, or slow publishers down. At 1 publishes are refused.',
          [
            target(used('lockstep_submit_queue_events', CHOSEN), '{{instance}} queue, requests'),
            target(used('lockstep_submit_queue_bytes', CHOSEN), '{{instance}} queue, bytes'),
            target(used('lockstep_pending_requests', CHOSEN), '{{instance}} pending, requests'),
            target(used('lockstep_pending_bytes', CHOSEN), '{{instance}} pending, bytes'),
          ],
          { unit: 'percentunit', steps: FILLING },
        ),
        timeseries(
          'How full the window is',
          'Own batches under way that not all members are known to hold, of the most there may be. Full under load is usual; full and little goes through: a member or the fabric is slow.',
          [
            target(used('lockstep_slots_unstable', CHOSEN), '{{instance}} slots'),
            target(used('lockstep_window_bytes', CHOSEN), '{{instance}} bytes'),
          ],
          { unit: 'percentunit' },
        ),
        timeseries(
          'Requests that are not answered',
          'Taken, and not safe yet. Growing: the group is slow, changes its view, or has no quorum. They are answered as unknown after publishTimeoutMs.',
          [target(`lockstep_pending_requests{${CHOSEN}}`, '{{instance}}')],
        ),
      ],
    },
    {
      title: 'What it holds in memory',
      panels: [
        timeseries(
          'Events retained',
          'Of all topics; equal at all replicas. Growing without end: give topics a retention (lockstep topics NAME --keep-events N).',
          [target(`lockstep_log_events{${CHOSEN}}`, '{{instance}}')],
        ),
        timeseries(
          'Bytes retained',
          'Of the events, and as held against retainedBytesMax, each publish counting a kilobyte besides. Near the memory of the machine: shorten retention.',
          [
            target(`lockstep_log_bytes{${CHOSEN}}`, '{{instance}} events'),
            target(`lockstep_log_cost_bytes{${CHOSEN}}`, '{{instance}} as counted'),
          ],
          { unit: 'bytes' },
        ),
        timeseries(
          'How full what it remembers is',
          'At 1: of the log the oldest events go, whatever retention says; of publishers the oldest are forgotten, and their late retries come twice; further topics are refused. Raise the limit, or have less.',
          [
            target(used('lockstep_log_cost_bytes', CHOSEN), '{{instance}} log'),
            target(used('lockstep_publishers', CHOSEN), '{{instance}} publishers'),
            target(used('lockstep_topics', CHOSEN), '{{instance}} topics'),
          ],
          { unit: 'percentunit', steps: FILLING },
        ),
        timeseries(
          'How full the log for repairs is',
          'Batches kept for replicas that catch up. Full is usual. One that is behind by more needs a snapshot: if restarts are slow, raise logBytesMax and logEntriesMax.',
          [
            target(used('lockstep_repair_log_bytes', CHOSEN), '{{instance}} bytes'),
            target(used('lockstep_repair_log_entries', CHOSEN), '{{instance}} batches'),
          ],
          { unit: 'percentunit' },
        ),
      ],
    },
    {
      title: 'Its fabric',
      panels: [
        timeseries(
          'Datagrams sent',
          'By kind. Many want and repair: datagrams are lost. Many of a view change for long: a change does not come through. Only headers: nothing is published.',
          [target(sumRate('kind', 'lockstep_datagrams_total', `${CHOSEN}, direction="sent"`), '{{kind}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Datagrams received',
          'By kind. None at all while others send: this replica is cut off, though it may reach its NATS server; see the cluster of servers.',
          [target(sumRate('kind', 'lockstep_datagrams_total', `${CHOSEN}, direction="received"`), '{{kind}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Bytes on the fabric',
          'In both directions. Near what the network carries: that is the limit; events may be large, or too many replicas share one link.',
          [
            target(
              sumRate('instance, direction', 'lockstep_datagram_bytes_total', CHOSEN),
              '{{instance}} {{direction}}',
            ),
          ],
          { unit: 'Bps' },
        ),
        timeseries(
          'Repairs',
          'Missing batches asked of others, and given to them. lost, and many: the fabric loses datagrams, see those dropped beside. view-change and join: usual.',
          [target(sumRate('direction, cause', 'lockstep_repairs_total', CHOSEN), '{{direction}}: {{cause}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Datagrams dropped',
          'By reason. undecodable, malformed or of another history: somebody else sends under these subjects. fabric-backlog, fabric-overflow: this replica or its server cannot keep up.',
          [target(sumRate('reason', 'lockstep_datagrams_dropped_total', CHOSEN), '{{reason}}')],
          { unit: 'cps' },
        ),
        timeseries(
          'Trouble with NATS',
          'Connections made, and attempts or connections that failed. More than one at each start: the server or the way to it comes and goes; the log has its words.',
          [
            target(sumIncrease('instance', 'lockstep_fabric_links_total', CHOSEN), '{{instance}} connected'),
            target(sumIncrease('instance', 'lockstep_fabric_problems_total', CHOSEN), '{{instance}} problems'),
          ],
        ),
      ],
    },
    {
      title: 'Its process',
      panels: [
        timeseries(
          'Lateness of the event loop',
          'How late ticks come. Above 0.1 s: short of CPU, or one long piece of work; above a second the others put this replica out. Give it a core of its own.',
          [
            target(quantile(0.99, 'lockstep_event_loop_lag_seconds', CHOSEN, 'instance'), '{{instance}} 99 of 100'),
            target(quantile(1, 'lockstep_event_loop_lag_seconds', CHOSEN, 'instance'), '{{instance}} the latest'),
          ],
          { unit: 's' },
        ),
        timeseries(
          'Work of the event loop',
          'The share of time in which it is at work, and the processor that all of the process uses. Near 1: this replica can do no more; spread clients over replicas, or publish larger batches.',
          [
            target(rate('lockstep_event_loop_active_seconds_total', CHOSEN), '{{instance}} event loop'),
            target(rate('process_cpu_seconds_total', CHOSEN), '{{instance}} processor'),
          ],
          { unit: 'percentunit' },
        ),
        timeseries(
          'Memory',
          'Resident, the heap of JavaScript, and what is outside of it, where events lie. Growing while what is retained does not: a leak, report it. Near that of the machine: shorten retention.',
          [
            target(`process_resident_memory_bytes{${CHOSEN}}`, '{{instance}} resident'),
            target(`nodejs_heap_size_used_bytes{${CHOSEN}}`, '{{instance}} heap'),
            target(`nodejs_external_memory_bytes{${CHOSEN}}`, '{{instance}} outside the heap'),
          ],
          { unit: 'bytes' },
        ),
        timeseries(
          'Garbage collection',
          'The share of time that it takes, by kind. Above a tenth: the heap is too small for what is held, or very many small events are published one by one.',
          [
            target(
              `sum by (instance, kind) (rate(nodejs_gc_duration_seconds_sum{${CHOSEN}}[$__rate_interval]))`,
              '{{instance}} {{kind}}',
            ),
          ],
          { unit: 'percentunit' },
        ),
        timeseries(
          'Open files',
          'Connections are files, too. Near the limit that the system sets: further clients are turned away; raise it for this process (ulimit -n).',
          [
            target(`process_open_fds{${CHOSEN}}`, '{{instance}}'),
            target(`process_max_fds{${CHOSEN}}`, '{{instance}} at most'),
          ],
        ),
        stat(
          'Running for',
          'Since the process began. Small at one that nobody restarted: it crashed or was killed and was started again; look at what its log ends with.',
          [target(`time() - process_start_time_seconds{${CHOSEN}}`, '{{instance}}')],
          { unit: 's', width: 8, height: 4 },
        ),
        table(
          'Versions in use',
          'Of Lockstep, and of the Node.js below it. Different ones for longer than an upgrade takes: finish it.',
          [target(`lockstep_build_info{${CHOSEN}}`, ''), target(`nodejs_version_info{${CHOSEN}}`, '')],
          { width: 8, height: 4 },
        ),
      ],
    },
  ],
}
