import type { LedgerRow } from "@mayfly/protocol"
import type { Http } from "./http.ts"
import { followEvents } from "./server-events.ts"

export interface LedgerFilter {
  readonly run?: string
  readonly decision?: LedgerRow["decision"]
  readonly origin?: string
  /** Epoch milliseconds. */
  readonly since?: number
  readonly until?: number
}

export interface LedgerPage {
  readonly rows: readonly LedgerRow[]
  /** For the page behind this one; null on the last. */
  readonly next: string | null
  /** For `follow`: behind the newest row. */
  readonly latest: string
}

/** Every egress attempt, allowed or denied. */
export class RemoteLedger {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** A page of rows, the newest first. */
  async query(query: LedgerFilter & { readonly limit?: number; readonly cursor?: string } = {}): Promise<LedgerPage> {
    return this.#http.json("GET", "/v1/ledger", { query: { ...query } })
  }

  /** Rows as they begin, and again when their outcome is known; behind `cursor`, else from now on. Goes on after a lost connection. */
  async *follow(
    options: LedgerFilter & { readonly cursor?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<LedgerRow, void, void> {
    const { cursor, signal, ...query } = options
    const call = { query, signal, ...(cursor === undefined ? {} : { cursor }) }
    for await (const { type, data } of followEvents(this.#http, "/v1/ledger", call))
      if (type === "row") yield data as LedgerRow
  }

  /** What a run did, in words. */
  async summary(
    run: string,
  ): Promise<{ readonly runId: string; readonly text: string; readonly [field: string]: unknown }> {
    return this.#http.json("GET", "/v1/ledger/summary", { query: { run } })
  }
}
