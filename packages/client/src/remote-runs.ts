import {
  errorFromJson,
  type ListedRun,
  pathSegment,
  type RunDetails,
  type RunPage,
  type RunQuery,
  valueFromJson,
} from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** Runs under way, to be cancelled, and those that are over. */
export class RemoteRuns {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Those under way first, then the one that ended last, and so on. */
  async list(query: RunQuery = {}): Promise<RunPage> {
    const { entries, cursor = null } = await this.#http.page<ListedRun>("/v1/runs", "runs", { query: { ...query } })
    return { runs: entries, cursor }
  }

  /** Rejects with `run.not-found`. */
  async get(id: string, query: { readonly tenant?: string } = {}): Promise<RunDetails> {
    const run = await this.#http.json<RunDetails>("GET", at(id), { query })
    const { error, result, ...facts } = run
    const failure = errorFromJson(error)
    return {
      ...facts,
      ...(failure === undefined ? {} : { error: failure }),
      ...(result === undefined ? {} : { result: valueFromJson(result) }),
    }
  }

  /** Cancels it, also while it waits: it ends as `worker.aborted`. Rejects with `run.not-found`, `run.ended`. */
  async cancel(id: string, query: { readonly tenant?: string } = {}): Promise<void> {
    await this.#http.json("POST", at(id, "/cancel"), { query })
  }
}

function at(id: string, rest = ""): string {
  return `/v1/runs/${pathSegment(id)}${rest}`
}
