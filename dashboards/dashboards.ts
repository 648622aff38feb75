// All of them.

import { CLIENTS } from './clients.ts'
import { CLUSTER } from './cluster.ts'
import type { Dashboard } from './grafana.ts'
import { REPLICA } from './replica.ts'
import { TOPICS } from './topics.ts'

export const DASHBOARDS: readonly Dashboard[] = [CLUSTER, REPLICA, TOPICS, CLIENTS]
