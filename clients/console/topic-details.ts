// One topic: what is kept of it, the versions of its schema, and the form to publish to it.

import { type ComponentChild, h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useConsole } from './context.ts'
import type { TopicInfo } from './contract.ts'
import { bytes, duration, whole } from './numbers-as-text.ts'
import { PublishForm } from './publish-form.ts'

/** Versions are asked for one by one, and older ones than these seldom matter. */
const VERSIONS_MAX = 50

export function TopicDetails({ info }: { info: TopicInfo }): ComponentChild {
  const { watch } = useConsole()
  const { topic, schemaVersion, retention, compatibility, offset, oldestOffset, events } = info
  const schema = useSchema(topic, schemaVersion)
  const limits = [
    retention.events > 0 ? `${whole(retention.events)} events` : undefined,
    retention.bytes > 0 ? bytes(retention.bytes) : undefined,
    retention.ageMs > 0 ? duration(retention.ageMs) : undefined,
  ].filter((limit) => limit !== undefined)
  const facts: readonly (readonly [string, string])[] = [
    ['Newest offset', whole(offset)],
    ['Kept', events === 0 ? 'nothing' : `${whole(events)} from ${whole(oldestOffset)} on, ${bytes(info.bytes)}`],
    ['Keeps at most', limits.length === 0 ? 'everything' : limits.join(', ')],
    ['Compatibility', compatibility],
  ]
  return h('div', { class: 'topic-details', 'data-topic': topic }, [
    h('div', { class: 'form-head' }, [
      h('h3', null, topic),
      h(
        'button',
        {
          type: 'button',
          class: 'quiet small',
          onClick: () => watch.begin({ topics: [topic], order: 'safe', from: 'start' }),
        },
        'Watch it',
      ),
    ]),
    h(
      'dl',
      { class: 'facts' },
      facts.map(([name, value]) => h('div', { key: name }, [h('dt', null, name), h('dd', null, value)])),
    ),
    schemaVersion > 0 ? h(Versions, { topic, newest: schemaVersion }) : null,
    schemaVersion === 0 || schema !== undefined
      ? h(PublishForm, { key: schemaVersion, topic, schema: schemaVersion === 0 ? undefined : schema })
      : h('p', { class: 'hint' }, 'Fetching its schema…'),
  ])
}

function Versions({ topic, newest }: { topic: string; newest: number }): ComponentChild {
  const [version, setVersion] = useState(newest)
  const schema = useSchema(topic, version)
  const all = Array.from({ length: Math.min(newest, VERSIONS_MAX) }, (_, i) => newest - i)
  return h('details', { class: 'schema' }, [
    h('summary', null, `Schema, version ${newest}`),
    newest === 1
      ? null
      : h('label', null, [
          'Version ',
          h(
            'select',
            {
              value: version,
              onChange: (event: Event) => setVersion(Number((event.currentTarget as HTMLSelectElement).value)),
            },
            all.map((one) => h('option', { key: one, value: one }, one)),
          ),
        ]),
    h(
      'pre',
      { tabIndex: 0, 'aria-label': `Schema ${version} of ${topic}` },
      schema === undefined ? '…' : JSON.stringify(schema, undefined, 2),
    ),
  ])
}

/** Undefined: there is none, or it has not come yet. */
function useSchema(topic: string, version: number): unknown {
  const { api } = useConsole()
  const [fetched, setFetched] = useState<{ readonly version: number; readonly schema: unknown } | undefined>(undefined)
  useEffect(() => {
    if (version === 0) return
    let over = false
    api.schema(topic, version).then(
      (schema) => over || setFetched({ version, schema }),
      (error: Error) => over || setFetched({ version, schema: { description: `It cannot be read: ${error.message}` } }),
    )
    return () => {
      over = true
    }
  }, [api, topic, version])
  return fetched?.version === version ? fetched.schema : undefined
}
