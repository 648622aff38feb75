// The client of Lockstep, for browsers and Node.js alike.

export { Client, type ConnectOptions, connect, type EarlyOptions, type PublishOptions, type Topic } from './client.ts'
export type { WebSocketClass, WebSocketLike } from './connection.ts'
export { type ErrorCode, type Fault, LockstepError } from './errors.ts'
export type {
  EarlyEvent,
  EarlyItem,
  EarlyOrder,
  Event,
  Extensions,
  Gap,
  Item,
  Kept,
  Retract,
  View,
} from './items.ts'
export type { Cluster, GapReason, Member } from './messages.ts'
export type { Published } from './publisher.ts'
export type { SubscribeOptions, Subscription } from './subscription.ts'
