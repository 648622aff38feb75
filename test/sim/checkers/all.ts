// The guarantees, in the order in which a broken one is best explained.

import type { Checker } from '../observation.ts'
import { ViewAgreement } from './g1-view-agreement.ts'
import { VirtualSynchrony } from './g2-virtual-synchrony.ts'
import { TotalOrder } from './g3-total-order.ts'
import { Uniformity } from './g4-uniformity.ts'
import { Integrity } from './g5-integrity.ts'
import { NoLostAcknowledgement } from './g6-no-lost-acknowledgement.ts'
import { ExactlyOnce } from './g7-exactly-once.ts'
import { EqualState } from './g8-equal-state.ts'
import { OnePrimary } from './g9-one-primary.ts'
import { Liveness } from './g10-liveness.ts'
import { EarlyDelivery } from './g11-early-delivery.ts'
import { EarlySubscriptions } from './g12-early-subscriptions.ts'

export function allCheckers(): Checker[] {
  return [
    new ViewAgreement(),
    new VirtualSynchrony(),
    new TotalOrder(),
    new Uniformity(),
    new Integrity(),
    new NoLostAcknowledgement(),
    new ExactlyOnce(),
    new EarlyDelivery(),
    new EarlySubscriptions(),
    new EqualState(),
    new OnePrimary(),
    new Liveness(),
  ]
}
