// Who wants which topics, as a tree of the tokens of their patterns. Whom a topic concerns is found in about as many steps
// as its name has tokens, however many others there are whom it does not concern.

import { isSystemTopic } from './events/patterns.ts'

export interface Interested {
  /** Each without a fault. */
  readonly patterns: readonly string[]
}

class Node<T> {
  /** By the next token of a pattern, wildcards too. */
  readonly next = new Map<string, Node<T>>()
  /** Those of whom a pattern ends here. */
  readonly ends = new Set<T>()
}

export class Interests<T extends Interested> {
  private readonly root = new Node<T>()
  private readonly known = new Set<T>()

  /** Whoever is known already stays so. */
  add(one: T): void {
    if (this.known.has(one)) return
    this.known.add(one)
    for (const pattern of one.patterns) {
      let node = this.root
      for (const token of pattern.split('.')) {
        let next = node.next.get(token)
        if (next === undefined) {
          next = new Node()
          node.next.set(token, next)
        }
        node = next
      }
      node.ends.add(one)
    }
  }

  remove(one: T): void {
    if (!this.known.delete(one)) return
    for (const pattern of one.patterns) prune(this.root, pattern.split('.'), 0, one)
  }

  /** Calls with each whom the topic concerns, perhaps more than once; it may be removed meanwhile. */
  forEach(topic: string, call: (one: T) => void): void {
    visit(this.root, topic.split('.'), 0, isSystemTopic(topic), call)
  }
}

/** `literally`: wildcards do not stand for the next token. */
function visit<T>(
  node: Node<T>,
  tokens: readonly string[],
  at: number,
  literally: boolean,
  call: (one: T) => void,
): void {
  const token = tokens[at]
  if (token === undefined) return node.ends.forEach(call)
  if (!literally) {
    node.next.get('>')?.ends.forEach(call)
    const any = node.next.get('*')
    if (any !== undefined) visit(any, tokens, at + 1, false, call)
  }
  const same = node.next.get(token)
  if (same !== undefined) visit(same, tokens, at + 1, false, call)
}

/** Leaves no node behind at which no pattern ends any more. */
function prune<T>(node: Node<T>, tokens: readonly string[], at: number, one: T): void {
  const token = tokens[at]
  if (token === undefined) {
    node.ends.delete(one)
    return
  }
  const next = node.next.get(token)
  if (next === undefined) return
  prune(next, tokens, at + 1, one)
  if (next.ends.size === 0 && next.next.size === 0) node.next.delete(token)
}
