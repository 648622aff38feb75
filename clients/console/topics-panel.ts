// The topics: which there are, what one of them is like, and publishing to it.

import { type ComponentChild, h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useConsole } from './context.ts'
import { NewTopic } from './new-topic.ts'
import { short } from './numbers-as-text.ts'
import { Panel } from './panel.ts'
import { coloured } from './topic-colour.ts'
import { TopicDetails } from './topic-details.ts'
import { type Found, findTopics } from './topic-list.ts'

const EVERY_MS = 3000

export function TopicsPanel(): ComponentChild {
  const { api } = useConsole()
  const [search, setSearch] = useState('')
  const [found, setFound] = useState<Found | undefined>(undefined)
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const [fault, setFault] = useState('')
  const [asked, askAgain] = useState(0)
  useEffect(() => {
    let over = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (): Promise<void> => {
      if (!document.hidden) {
        try {
          const topics = await findTopics(api, search)
          if (over) return
          setFound(topics)
          setFault('')
        } catch (error) {
          if (!over) setFault((error as Error).message)
        }
      }
      if (!over) timer = setTimeout(look, EVERY_MS)
    }
    void look()
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [api, search, asked])
  const info = found?.topics.find(({ topic }) => topic === chosen)
  return h(Panel, { id: 'topics', title: 'Topics', hint: 'Each with its type, a JSON Schema.' }, [
    h('div', { class: 'topic-tools' }, [
      h('label', { class: 'search' }, [
        h('span', { class: 'unseen' }, 'Search topics'),
        h('input', {
          type: 'search',
          placeholder: 'Search topics',
          value: search,
          onInput: (event: Event) => setSearch((event.currentTarget as HTMLInputElement).value),
        }),
      ]),
      h(NewTopic, {
        onMade: (topic) => {
          setSearch('')
          setChosen(topic)
          askAgain(asked + 1)
        },
      }),
    ]),
    fault === '' ? null : h('p', { class: 'refused', role: 'alert' }, fault),
    found?.topics.length === 0
      ? h('p', { class: 'hint' }, search === '' ? 'There is no topic yet. Make one.' : 'No topic matches.')
      : null,
    h(
      'ul',
      { class: 'topic-list', 'aria-label': 'Topics' },
      found?.topics.map(({ topic, schemaVersion, offset }) =>
        h('li', { key: topic }, [
          h(
            'button',
            {
              type: 'button',
              class: 'topic',
              style: coloured(topic),
              'aria-pressed': topic === chosen,
              onClick: () => setChosen(topic === chosen ? undefined : topic),
            },
            [
              h('span', { class: 'topic-name' }, topic),
              h(
                'span',
                { class: 'topic-about' },
                `${schemaVersion === 0 ? 'untyped' : `schema ${schemaVersion}`} · ${short(offset)}`,
              ),
            ],
          ),
        ]),
      ),
    ),
    found?.more ? h('p', { class: 'hint' }, 'There are more: search for the beginning of a name.') : null,
    info === undefined ? null : h(TopicDetails, { key: info.topic, info }),
  ])
}
