// Requests over HTTP, at whichever replica answers: every one of them knows the same.

import type { Problem, TopicInfo } from './contract.ts'

export class Refusal extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'Refusal'
    this.problem = problem
  }
}

const ANSWER_MS = 10_000

export class Api {
  private readonly addresses: () => readonly string[]

  /** `addresses`: of replicas, the best first. */
  constructor(addresses: () => readonly string[]) {
    this.addresses = addresses
  }

  /** At most `limit` of them, by name, those behind `after`. */
  async topics(
    limit: number,
    after?: string,
  ): Promise<{ readonly topics: readonly TopicInfo[]; readonly next?: string }> {
    const query = new URLSearchParams({ limit: String(limit), ...(after !== undefined && { after }) })
    return (await this.ask(`/v1/topics?${query}`)) as { topics: TopicInfo[]; next?: string }
  }

  async topic(name: string): Promise<TopicInfo> {
    return (await this.ask(`/v1/topics/${encodeURIComponent(name)}`)) as TopicInfo
  }

  async schema(topic: string, version: number): Promise<unknown> {
    const found = await this.ask(`/v1/topics/${encodeURIComponent(topic)}/schemas/${version}`)
    return (found as { schema: unknown }).schema
  }

  async putTopic(topic: string, settings: object): Promise<TopicInfo> {
    return (await this.ask(`/v1/topics/${encodeURIComponent(topic)}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(settings),
    })) as TopicInfo
  }

  /** Throws a `Refusal` for an answer that is one, and the last failure when no replica answers. */
  private async ask(path: string, init: RequestInit = {}): Promise<unknown> {
    let failure: unknown
    for (const address of this.addresses()) {
      let response: Response
      try {
        response = await fetch(new URL(path, address), { ...init, signal: AbortSignal.timeout(ANSWER_MS) })
      } catch (error) {
        failure = error // It is gone, or too slow: the next one.
        continue
      }
      if (response.ok) return await response.json()
      throw new Refusal((await response.json()) as Problem)
    }
    throw new Error('No replica answers.', { cause: failure })
  }
}
