import type {
  FollowedRow,
  FollowOptions,
  LedgerPage,
  LedgerQuery,
  RecordedRow,
  RunSummary,
  Verification,
} from "@mayfly/protocol"
import { followEvents } from "./follow-events.ts"
import type { Http } from "./http.ts"

/** Every egress attempt, allowed or denied. */
export class RemoteLedger {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** A page of rows, the newest first. */
  async query(query: LedgerQuery = {}): Promise<LedgerPage> {
    return this.#http.json("GET", "/v1/ledger", { query: { ...query } })
  }

  /** Rows as they begin, and again when their outcome is known; behind `cursor`, else from now on. Goes on after a lost connection. */
  async *follow(options: FollowOptions = {}): AsyncGenerator<FollowedRow, void, void> {
    const { cursor, signal, ...query } = options
    const call = { query, signal, ...(cursor === undefined ? {} : { cursor }) }
    for await (const { event, data, id = "" } of followEvents(this.#http, "/v1/ledger", call))
      if (event === "row") yield { row: data as RecordedRow, cursor: id }
  }

  /** Recomputes the chain on the server. Needs a key of all tenants. */
  async verify({ signal }: { readonly signal?: AbortSignal } = {}): Promise<Verification> {
    return this.#http.json("GET", "/v1/ledger/verify", { query: { tenant: undefined }, signal })
  }

  /** What a run did, in words. */
  async summary(run: string): Promise<RunSummary> {
    return this.#http.json("GET", "/v1/ledger/summary", { query: { run } })
  }
}
