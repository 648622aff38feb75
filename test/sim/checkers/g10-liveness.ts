// G10: when faults stop and a quorum can talk, all processes come to be in one view, everything submitted is delivered,
// and an idle group falls silent but for heartbeats.

import type { Checker, Observation } from '../observation.ts'

export class Liveness implements Checker {
  readonly id = 'G10'
  readonly guarantee = 'liveness'

  see(observation: Observation): string | undefined {
    if (observation.type !== 'ended' || observation.excused) return undefined
    const { processes, undelivered, complaints, idle, heartbeatMs } = observation
    if (complaints.length > 0) return complaints.join('; ')
    const [first] = processes
    for (const process of processes) {
      if (process.role !== 'member') return `${process.process} is ${process.role} and no member`
      if (process.history !== first?.history || process.view !== first.view)
        return `${process.process} is in view ${process.view}, ${first?.process} in ${first?.view}`
      if (!process.members.includes(process.incarnation)) return `${process.process} is not in its own view`
      if (process.position !== first.position)
        return `${process.process} is at position ${process.position}, ${first.process} at ${first.position}`
    }
    if (first !== undefined && first.members.length !== processes.length)
      return `view ${first.view} has ${first.members.length} members, and ${processes.length} processes live`
    if (undelivered.length > 0)
      return `${undelivered.length} requests were taken by members that live and never delivered, such as ${undelivered[0]}`
    if (idle === undefined) return 'the group never fell silent'
    for (const kind of Object.keys(idle.sent))
      if (kind !== 'header') return `idle, ${idle.sent[kind]} datagrams of kind ${kind} were sent in ${idle.ms} ms`
    // One more each than fit, for where the time begins.
    const most = processes.length * (Math.ceil(idle.ms / heartbeatMs) + 1)
    const headers = idle.sent['header'] ?? 0
    for (const { process, slotsKept = 0 } of processes)
      if (slotsKept > 0) return `idle, ${process} keeps ${slotsKept} slots that everybody has`
    if (headers > most) return `idle, ${headers} headers were sent in ${idle.ms} ms, more than ${most} heartbeats`
    return undefined
  }
}
