// The broker as the HTTP side wants it: answers as promises. Where callbacks end and promises begin.

import type { Broker, Done } from './broker.ts'
import type { Operations } from './http/operations.ts'

export function operationsOf(
  broker: Broker,
  metrics: () => Promise<{ contentType: string; text: string }>,
): Operations {
  return {
    get limits() {
      return broker.limits
    },
    publish: (request) => promised((done) => broker.publish(request, done)),
    putTopic: (topic, settings) => promised((done) => broker.putTopic(topic, settings, done)),
    deleteTopic: (topic) => promised((done) => broker.deleteTopic(topic, done)),
    describeTopic: (topic) => broker.describeTopic(topic),
    listTopics: () => broker.listTopics(),
    schema: (topic, version) => broker.schema(topic, version),
    nextSequence: (publisher) => broker.nextSequence(publisher),
    subscribe: (patterns, from, options) => broker.subscribe(patterns, from, options),
    cluster: () => broker.cluster(),
    metrics,
  }
}

function promised<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === undefined ? resolve(result as T) : reject(error)))
  })
}
