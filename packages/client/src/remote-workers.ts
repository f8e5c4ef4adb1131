import { fromTaggedJson, pathSegment, type RunJson, toTaggedJson } from "@mayfly/protocol"
import type { RunOptions } from "./dynamic-worker.ts"
import type { Http } from "./http.ts"

export interface NamedWorker {
  readonly tenant: string
  readonly name: string
  /** The content hash of all that was deployed. */
  readonly version: string
  readonly hash: string
  readonly bytes: number
  readonly createdAt: number
  readonly updatedAt: number
}

export interface WorkerDefinition {
  readonly script?: string
  readonly modules?: Readonly<Record<string, unknown>>
  readonly mainModule?: string
  readonly language?: "auto" | "javascript" | "typescript"
  readonly env?: Readonly<Record<string, unknown>>
  readonly limits?: object
  readonly network?: object
  readonly reuse?: boolean
}

/** Workers that are deployed once and called by name. */
export class RemoteWorkers {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Stores a new version, or finds that it is the one that is there. What does not compile is refused, and nothing is stored. */
  async deploy(name: string, { env, ...definition }: WorkerDefinition): Promise<NamedWorker> {
    const json = { ...definition, ...(env === undefined ? {} : { env: toTaggedJson(env) }), ...this.#tenant }
    return this.#http.json("PUT", at(name), { json, query: { tenant: undefined } })
  }

  async get(name: string): Promise<NamedWorker> {
    return this.#http.json("GET", at(name))
  }

  async list(
    query: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<{ readonly workers: readonly NamedWorker[]; readonly cursor?: string }> {
    return this.#http.json("GET", "/v1/workers", { query: { ...query } })
  }

  async rollback(name: string, version: string): Promise<NamedWorker> {
    const json = { version, ...this.#tenant }
    return this.#http.json("POST", at(name, "/rollback"), { json, query: { tenant: undefined } })
  }

  /** The program's result as `POST /v1/run` gives it. */
  async run(
    name: string,
    input?: unknown,
    { signal, props, limits }: Pick<RunOptions, "signal" | "props" | "limits"> = {},
  ): Promise<RunJson & { readonly result?: unknown }> {
    const json = {
      ...(input === undefined ? {} : { input: toTaggedJson(input) }),
      ...(props === undefined ? {} : { props: toTaggedJson(props) }),
      ...(limits === undefined ? {} : { limits }),
      ...this.#tenant,
    }
    const run = await this.#http.json<RunJson>("POST", at(name, "/run"), { json, signal, query: { tenant: undefined } })
    return run.result === undefined ? run : { ...run, result: fromTaggedJson(run.result) }
  }

  async delete(name: string): Promise<void> {
    await this.#http.json("DELETE", at(name))
  }

  get #tenant(): { readonly tenant?: string } {
    return this.#http.tenant === undefined ? {} : { tenant: this.#http.tenant }
  }
}

function at(name: string, rest = ""): string {
  return `/v1/workers/${pathSegment(name)}${rest}`
}
