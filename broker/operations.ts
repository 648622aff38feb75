// The broker as the HTTP side wants it: answers as promises. Where callbacks end and promises begin.

import type { Broker, Done } from './broker.ts'
import type { Changes } from './changes.ts'
import type { MetricsFormat, MetricsText, Operations } from './http/operations.ts'

export function operationsOf(
  broker: Broker,
  changes: Changes,
  metrics: (format: MetricsFormat) => Promise<MetricsText>,
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
    unready: () => broker.unready(),
    watchCluster: (tell) => changes.watch(tell),
    metrics,
  }
}

function promised<T>(call: (done: Done<T>) => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  call(doneOf(resolve, reject))
  return promise
}

/** By itself, so that whoever is to answer does not hold on to what was asked. */
function doneOf<T>(resolve: (result: T) => void, reject: (error: Error) => void): Done<T> {
  return (error, result) => (error === undefined ? resolve(result as T) : reject(error))
}
