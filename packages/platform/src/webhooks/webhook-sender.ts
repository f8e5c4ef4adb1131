import { randomUUID } from "node:crypto"
import { postWebhook } from "./post-webhook.ts"
import type { ParsedWebhook } from "./webhook-options.ts"
import { webhookHeaders } from "./webhook-secret.ts"

export interface WebhookEvent {
  readonly type: "approval.asked" | "approval.decided" | "budget.reached" | "secret.alert"
  /** What `tenant` causes can't take the places of others. */
  readonly data: { readonly tenant: string }
}

export interface SenderLimits {
  /** Before the second, third, … try. */
  readonly retryMs: readonly number[]
  /** Of one try. */
  readonly timeoutMs: number
  /** Tries at once. */
  readonly concurrency: number
  /** Events that have not arrived yet; one more is lost. */
  readonly maxEvents: number
  readonly maxEventsOfTenant: number
  /** How long closing waits for tries that are due. */
  readonly drainMs: number
}

const usual: SenderLimits = {
  // Eleven minutes in all: a question is mostly of no use later, and can still be listed.
  retryMs: [1_000, 5_000, 30_000, 120_000, 480_000],
  timeoutMs: 15_000,
  concurrency: 8,
  maxEvents: 1_000,
  maxEventsOfTenant: 200,
  drainMs: 1_000,
}

interface Message {
  readonly id: string
  readonly tenant: string
  readonly body: string
  tries: number
}

/** Brings events to one receiver, again when that fails. Nothing waits for it, and nothing of it is kept beyond this process. */
export class WebhookSender {
  readonly #webhook: ParsedWebhook
  readonly #limits: SenderLimits
  readonly #due: Message[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #closing = new AbortController()
  readonly #byTenant = new Map<string, number>()
  #count = 0
  #sending = 0
  #isFailing = false
  #isClosed = false
  #onIdle: (() => void) | undefined

  constructor(webhook: ParsedWebhook, limits: Partial<SenderLimits> = {}) {
    this.#webhook = webhook
    this.#limits = { ...usual, ...limits }
  }

  /** Takes an event over; it is sent when there is room. Never throws. */
  send({ type, data }: WebhookEvent): void {
    if (this.#isClosed) return
    const { tenant } = data
    const ofTenant = this.#byTenant.get(tenant) ?? 0
    if (this.#count >= this.#limits.maxEvents) return this.#lost(`${this.#count} events wait for it`)
    if (ofTenant >= this.#limits.maxEventsOfTenant)
      return this.#lost(`${ofTenant} events of tenant ${JSON.stringify(tenant.slice(0, 100))} wait for it`)
    this.#count++
    this.#byTenant.set(tenant, ofTenant + 1)
    const body = JSON.stringify({ type, time: new Date().toISOString(), data })
    this.#due.push({ id: `msg_${randomUUID().replaceAll("-", "")}`, tenant, body, tries: 0 })
    this.#sendDue()
  }

  /** What is due has a moment to leave, what waits for another try is dropped. Closing twice is safe. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    if (this.#sending === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onIdle = resolve
    const timer = setTimeout(() => this.#closing.abort(), this.#limits.drainMs)
    await promise
    clearTimeout(timer)
  }

  #sendDue(): void {
    while (this.#sending < this.#limits.concurrency && !this.#closing.signal.aborted) {
      const message = this.#due.shift()
      if (message === undefined) break
      this.#sending++
      void this.#try(message)
    }
    if (this.#sending === 0) this.#onIdle?.()
  }

  async #try(message: Message): Promise<void> {
    const { url, key } = this.#webhook
    const { id, body } = message
    message.tries++
    let problem: string | undefined
    try {
      const timestamp = Math.floor(Date.now() / 1_000)
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#limits.timeoutMs)])
      const status = await postWebhook(url, { headers: webhookHeaders(key, { id, timestamp, body }), body, signal })
      if (status < 200 || status > 299) problem = `it answers ${status}`
    } catch (error) {
      problem = reasonOf(error)
    }
    this.#sending--
    if (problem === undefined) this.#arrived(message)
    else this.#tryAgain(message, problem)
    this.#sendDue()
  }

  #arrived(message: Message): void {
    this.#isFailing = false
    this.#forget(message)
  }

  #tryAgain(message: Message, problem: string): void {
    const waitMs = this.#limits.retryMs[message.tries - 1]
    if (waitMs === undefined || this.#isClosed) {
      this.#forget(message)
      return this.#lost(problem)
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        this.#due.push(message)
        this.#sendDue()
      },
      // Apart from each other: a receiver that comes back must not get all at once.
      waitMs * (0.8 + 0.4 * Math.random()),
    ).unref()
    this.#timers.add(timer)
  }

  #forget({ tenant }: Message): void {
    this.#count--
    const left = (this.#byTenant.get(tenant) ?? 1) - 1
    if (left === 0) this.#byTenant.delete(tenant)
    else this.#byTenant.set(tenant, left)
  }

  /** Once: a guest that causes many events must not fill its operator's log. */
  #lost(reason: string): void {
    if (this.#isFailing) return
    this.#isFailing = true
    this.#webhook.onFailure({ origin: this.#webhook.url.origin, reason })
  }
}

/** The code says enough; the text may hold what the receiver sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "it can't be reached"
  if (error.name === "TimeoutError" || (error.cause as Error | undefined)?.name === "TimeoutError")
    return "it does not answer in time"
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? "it can't be reached" : `it can't be reached (${code})`
}
