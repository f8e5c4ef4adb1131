import { type Approval, type Decision, type ListApprovals, MayflyError, pathSegment } from "@mayfly/protocol"
import { checkedEventsOf } from "./follow-events.ts"
import type { Http } from "./http.ts"

/** Questions about requests that a policy leaves open (`ask`). */
export class RemoteApprovals {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** A page, the newest first. */
  async list(query: ListApprovals = {}): Promise<readonly Approval[]> {
    return (await this.#http.page<Approval>("/v1/approvals", "approvals", { query: { ...query } })).entries
  }

  async get(id: string): Promise<Approval | null> {
    try {
      return await this.#http.json<Approval>("GET", at(id))
    } catch (error) {
      if (error instanceof MayflyError && error.code === "mesh.approval-unknown") return null
      throw error
    }
  }

  /** Rejects with `mesh.approval-unknown` when there is no such question, or it is decided or expired. */
  async decide(id: string, { decision, tenant, ...rest }: Decision): Promise<Approval> {
    return this.#http.json("POST", at(id, `/${decision}`), { json: rest, query: { tenant } })
  }

  /** Those that there are, the oldest first, then each one that is asked or decided. Ends when the signal fires; a connection that breaks rejects. */
  async *follow({
    signal,
    ...query
  }: Omit<ListApprovals, "cursor"> & { readonly signal?: AbortSignal } = {}): AsyncGenerator<Approval, void, void> {
    const call = { query: { ...query }, accept: "text/event-stream", signal }
    try {
      const response = await this.#http.send("GET", "/v1/approvals", call)
      for await (const { event, data } of checkedEventsOf(response)) if (event === "approval") yield data as Approval
    } catch (error) {
      if (signal?.aborted !== true) throw error
    }
  }
}

function at(id: string, rest = ""): string {
  return `/v1/approvals/${pathSegment(id)}${rest}`
}
