import {
  jsonModules,
  type NamedWorkerInfo,
  pathSegment,
  type Run,
  type RunEvent,
  runEvents,
  runFromJson,
  type RunOptions,
  toTaggedJson,
  type WorkerDefinition,
  type WorkerVersion,
} from "@mayfly/protocol"
import { eventsOf } from "./follow-events.ts"
import type { Http } from "./http.ts"

/** Of a run's options those that a named worker takes; whether it is `reuse`d stands in its definition. */
export type NamedRunOptions = Pick<RunOptions, "signal" | "props" | "limits">

/** These routes take the tenant in their body. */
const query = { tenant: undefined }

/** Workers that are deployed once and called by name. */
export class RemoteWorkers {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Stores a new version, or finds that it is the one that is there. What does not compile is refused, and nothing is stored. */
  async deploy(name: string, { env, modules, ...definition }: WorkerDefinition): Promise<NamedWorkerInfo> {
    const json = {
      ...definition,
      ...(modules === undefined ? {} : { modules: jsonModules(modules) }),
      ...(env === undefined ? {} : { env: toTaggedJson(env) }),
      ...this.#tenant,
    }
    return this.#http.json("PUT", at(name), { json, query })
  }

  /** Rejects with `worker.not-found`. */
  async get(name: string): Promise<NamedWorkerInfo> {
    return this.#http.json("GET", at(name))
  }

  async list(): Promise<readonly NamedWorkerInfo[]> {
    return this.#http.all("/v1/workers", "workers")
  }

  /** The newest first; at most twenty are kept. */
  async versions(name: string): Promise<readonly WorkerVersion[]> {
    return (await this.#http.page<WorkerVersion>(at(name, "/versions"), "versions")).entries
  }

  /** Makes an earlier version the one that is called. */
  async rollback(name: string, version: string): Promise<NamedWorkerInfo> {
    return this.#http.json("POST", at(name, "/rollback"), { json: { version, ...this.#tenant }, query })
  }

  /** Removes it with all versions. Runs under way go on. */
  async remove(name: string): Promise<void> {
    await this.#http.json("DELETE", at(name))
  }

  /** Calls it once. Never rejects for what the program did. */
  async execute(name: string, input?: unknown, options: NamedRunOptions = {}): Promise<Run> {
    const { signal } = options
    return runFromJson(
      await this.#http.json("POST", at(name, "/run"), { json: this.#call(input, options), signal, query }),
    )
  }

  /** The same as events. Leaving the loop cancels the run. */
  async *stream(name: string, input?: unknown, options: NamedRunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    const call = { json: this.#call(input, options), signal: options.signal, query, accept: "text/event-stream" }
    yield* runEvents(eventsOf(await this.#http.send("POST", at(name, "/run"), { ...call, retry: false })))
  }

  /** Calls its fetch handler; bodies stream in both directions. Gives every answer as it comes, those of the server itself too. */
  async fetch(name: string, request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    return this.#http.pass(`${at(name, "/fetch")}${pathname}${search}`, request)
  }

  #call(input: unknown, { props, limits }: NamedRunOptions): object {
    return {
      ...(input === undefined ? {} : { input: toTaggedJson(input) }),
      ...(props === undefined ? {} : { props: toTaggedJson(props) }),
      ...(limits === undefined ? {} : { limits }),
      ...this.#tenant,
    }
  }

  get #tenant(): { readonly tenant?: string } {
    return this.#http.tenant === undefined ? {} : { tenant: this.#http.tenant }
  }
}

function at(name: string, rest = ""): string {
  return `/v1/workers/${pathSegment(name)}${rest}`
}
