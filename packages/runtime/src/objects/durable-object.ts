import type { DurableObjectId } from "./durable-object-id.ts"
import type { Facets } from "./facets.ts"

/** `ctx` of a trusted Durable Object: one that is made by a DurableObjectNamespace, in this process. */
export interface DurableObjectState {
  readonly id: DurableObjectId
  readonly facets: Facets
  readonly props: Readonly<Record<string, unknown>>
  readonly exports: Readonly<Record<string, unknown>>
  /** No call is delivered before `act` is over. When it throws, the object is made anew for the next call. */
  blockConcurrencyWhile<T>(act: () => Promise<T>): Promise<T>
  /** Work that goes on after the answer; what it throws is its own affair. */
  waitUntil(promise: Promise<unknown>): void
  /** The object is made anew for the next call; calls under way fail with the reason. */
  abort(reason?: unknown): void
}

/**
 * The base of trusted Durable Objects, as that of `cloudflare:workers`. Your own code extends it and runs in your process; what programs extend is
 * their own.
 */
export abstract class DurableObject<Env = unknown> {
  protected readonly ctx: DurableObjectState
  protected readonly env: Env

  constructor(ctx: DurableObjectState, env: Env) {
    this.ctx = ctx
    this.env = env
  }
}
