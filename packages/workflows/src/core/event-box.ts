import type { PendingEvent } from "./journal.ts"
import type { StepKey } from "./step-key.ts"

export interface EventWaiter {
  readonly key: StepKey
  readonly type: string
  /** Events that came later are not for this waiter, even if its timeout was noticed late. */
  readonly until: number
}

export interface Match {
  readonly waiter: EventWaiter
  readonly event: PendingEvent
}

/** Events that wait for a step, and steps that wait for an event: first come, first served, by type. */
export class EventBox {
  #events: PendingEvent[] = []
  #waiters: EventWaiter[] = []
  /** The newest event that was seen. Whoever stores a newer one has to wake the instance. */
  lastSeq = 0

  constructor(events: readonly PendingEvent[]) {
    for (const event of events) this.add(event)
  }

  /** An event that was seen already is ignored. */
  add(event: PendingEvent): void {
    if (event.seq <= this.lastSeq) return
    this.lastSeq = event.seq
    this.#events.push(event)
  }

  wait(waiter: EventWaiter): void {
    this.#waiters.push(waiter)
  }

  /** The waiter's timeout has come. False when it has its event already. */
  leave(key: StepKey): boolean {
    const at = this.#waiters.findIndex((waiter) => waiter.key === key)
    if (at !== -1) this.#waiters.splice(at, 1)
    return at !== -1
  }

  /** Takes out a waiter and its event. */
  match(): Match | undefined {
    for (const waiter of this.#waiters) {
      const event = this.#events.find(({ type, receivedAt }) => type === waiter.type && receivedAt <= waiter.until)
      if (event === undefined) continue
      this.leave(waiter.key)
      this.#events = this.#events.filter((other) => other !== event)
      return { waiter, event }
    }
    return undefined
  }
}
