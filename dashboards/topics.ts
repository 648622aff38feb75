// What is published, by topic. Past a hundred topics at a replica the others are one, `other`.

import { type Dashboard, table, target, timeseries } from './grafana.ts'
import { GROUP, sumIncrease, sumRate } from './promql.ts'
import { GROUP_VARIABLE, TOPIC_VARIABLE, VIEW_CHANGES } from './variables.ts'

const TOPIC = `${GROUP}, topic=~"$topic"`

export const TOPICS: Dashboard = {
  uid: 'lockstep-topics',
  title: 'Lockstep: topics',
  description:
    'Which topics carry how much, which publishers send what does not fit, and what it takes to keep it all.',
  variables: [GROUP_VARIABLE, TOPIC_VARIABLE],
  annotations: [VIEW_CHANGES],
  rows: [
    {
      title: 'What is published',
      panels: [
        timeseries(
          'Events, by topic',
          'Published a second, safe. One that falls to zero: its publishers have stopped, or are refused. other: topics past the hundred that have a line of their own at each replica.',
          [target(sumRate('topic', 'lockstep_events_published_total', TOPIC), '{{topic}}')],
          { unit: 'cps', width: 12, stacked: true },
        ),
        timeseries(
          'Bytes, by topic',
          'Of those events, as their publishers gave them. Each replica holds them all and each fabric link carries them: a topic that leaps fills memory for all.',
          [target(sumRate('topic', 'lockstep_published_bytes_total', TOPIC), '{{topic}}')],
          { unit: 'Bps', width: 12, stacked: true },
        ),
        timeseries(
          'Size of an event',
          'On average, by topic. One that grows: its publisher has changed what it sends; the most is eventBytesMax, 256 KiB by default.',
          [
            target(
              `${sumRate('topic', 'lockstep_published_bytes_total', TOPIC)} / ${sumRate('topic', 'lockstep_events_published_total', TOPIC)}`,
              '{{topic}}',
            ),
          ],
          { unit: 'bytes', width: 12 },
        ),
        timeseries(
          'Where events come in',
          'By replica. All at one: clients do not spread over replicas; give them all addresses, since that one is what limits.',
          [target(sumRate('instance', 'lockstep_events_published_total', TOPIC), '{{instance}}')],
          { unit: 'cps', width: 12, stacked: true },
        ),
      ],
    },
    {
      title: 'What does not fit',
      panels: [
        timeseries(
          'Publishes that do not fit the schema',
          'By topic. Growing: a publisher is out of date, or the schema was changed under it. The answer it got names the failing path; lockstep schema TOPIC shows what is asked for.',
          [target(sumRate('topic', 'lockstep_schema_rejections_total', TOPIC), '{{topic}}')],
          { unit: 'cps', width: 12 },
        ),
        table(
          'Refused since the beginning of the time shown',
          'For each topic and replica, the publishes that did not fit. Those that stand out: find who publishes them there, by the log of the publishing program.',
          [target(`sum by (topic, instance) (increase(lockstep_schema_rejections_total{${TOPIC}}[$__range])) > 0`, '')],
          { width: 12 },
        ),
      ],
    },
    {
      title: 'What it takes to keep it',
      panels: [
        timeseries(
          'Topics in the group',
          'And how many there may be. Growing without end: some program makes a topic for each of its things; keys are made for that.',
          [
            target(`max(lockstep_topics{${GROUP}})`, 'topics'),
            target(`max(lockstep_topics_limit{${GROUP}})`, 'at most'),
          ],
        ),
        timeseries(
          'Memory for all topics',
          'What is retained, as it is counted, and how much may be. At the limit the oldest events of all topics go first, whatever the retention of theirs says: shorten that of the largest.',
          [
            target(`max(lockstep_log_cost_bytes{${GROUP}})`, 'retained'),
            target(`max(lockstep_log_cost_bytes_limit{${GROUP}})`, 'at most'),
          ],
          { unit: 'bytes' },
        ),
        timeseries(
          'Subscribers passed by retention',
          'Gaps that subscribers were told of, by reason. retention: they read too slowly, or topics keep too little for them. topic-deleted: somebody deleted what they read.',
          [target(sumIncrease('reason', 'lockstep_gaps_total', GROUP), '{{reason}}')],
        ),
      ],
    },
  ],
}
