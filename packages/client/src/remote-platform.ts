import { fromTaggedJson, type Limits, type NetworkPolicy, type RunJson, toTaggedJson } from "@mayfly/protocol"
import { errorFromJson } from "./api-error.ts"
import type { Run } from "./dynamic-worker.ts"
import { WorkflowBinding } from "./dynamic-workflow.ts"
import { Http } from "./http.ts"
import { RemoteKeys, RemoteRuns, RemoteTenants, RemoteUsage } from "./remote-accounts.ts"
import { RemoteApprovals } from "./remote-approvals.ts"
import { RemoteLedger } from "./remote-ledger.ts"
import { RemoteSecrets } from "./remote-secrets.ts"
import { RemoteWorkers } from "./remote-workers.ts"
import { Sandboxes } from "./sandboxes.ts"
import { Session } from "./session.ts"

export interface ConnectOptions {
  /** Where the server is, such as `http://127.0.0.1:8787`. */
  readonly url: string
  /** `mf_…`. */
  readonly key?: string
  /** For whom things are done, with a key of all tenants. Default: the key's, else "default". */
  readonly tenant?: string
  /** How often a request is sent again when the network fails, or the server is busy. Default 3. */
  readonly maxRetries?: number
  /** Default: the global one. */
  readonly fetch?: typeof fetch
}

/** One program and the one call that is made to it, as data. */
export interface RunRequest {
  readonly script?: string
  readonly modules?: Readonly<Record<string, unknown>>
  readonly mainModule?: string
  readonly language?: "auto" | "javascript" | "typescript"
  readonly input?: unknown
  readonly env?: Readonly<Record<string, unknown>>
  readonly props?: unknown
  readonly limits?: Partial<Limits>
  readonly network?: NetworkPolicy
}

/** A Mayfly server, as a platform: give it to `DynamicWorker.create({ platform })` and the others. */
export class RemotePlatform implements AsyncDisposable {
  readonly #http: Http
  readonly env: { readonly WORKFLOWS: WorkflowBinding; readonly SANDBOX: Sandboxes }
  readonly ledger: RemoteLedger
  readonly approvals: RemoteApprovals
  readonly secrets: RemoteSecrets
  readonly usage: RemoteUsage
  readonly runs: RemoteRuns
  readonly keys: RemoteKeys
  readonly tenants: RemoteTenants
  /** Named workers of the platform's tenant. */
  readonly namedWorkers: RemoteWorkers
  /** The WebSocket on which workers with functions in their `env` live. */
  readonly session: Session

  /** Callers use `connect`. */
  constructor({ maxRetries = 3, fetch: given = fetch, ...options }: ConnectOptions) {
    this.#http = new Http({ ...options, maxRetries, fetch: given })
    this.env = { WORKFLOWS: new WorkflowBinding(this.#http), SANDBOX: new Sandboxes(this.#http) }
    this.ledger = new RemoteLedger(this.#http)
    this.approvals = new RemoteApprovals(this.#http)
    this.secrets = new RemoteSecrets(this.#http)
    this.usage = new RemoteUsage(this.#http)
    this.runs = new RemoteRuns(this.#http)
    this.keys = new RemoteKeys(this.#http)
    this.tenants = new RemoteTenants(this.#http)
    this.namedWorkers = new RemoteWorkers(this.#http)
    this.session = new Session(this.#http)
  }

  /** The workflows of one tenant, with a key of all. */
  workflows(tenant: string): WorkflowBinding {
    return new WorkflowBinding(this.#http.forTenant(tenant))
  }

  /** The named workers of one tenant, with a key of all. */
  workers(tenant: string): RemoteWorkers {
    return new RemoteWorkers(this.#http.forTenant(tenant))
  }

  /** The sandboxes of one tenant, with a key of all. */
  sandboxes(tenant: string): Sandboxes {
    return new Sandboxes(this.#http.forTenant(tenant))
  }

  /** `POST /v1/run`: compiles a program and calls it once. Sent again when the network fails, and run once all the same. */
  async run(request: RunRequest, options: { readonly signal?: AbortSignal } = {}): Promise<Run> {
    const { input, env, props, ...rest } = request
    const tagged = Object.entries({ input, env, props }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, toTaggedJson(value)]],
    )
    const json = { ...rest, ...(Object.fromEntries(tagged) as object) }
    return runFromJson(await this.#http.json<RunJson>("POST", "/v1/run", { json, signal: options.signal }))
  }

  /** Closes the connection. What runs on the server for workers of it is cancelled; workflows go on. */
  async dispose(): Promise<void> {
    this.session.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** Makes no request yet: the first one shows whether the server can be reached. Throws `input.invalid` for a wrong URL. */
export function connect(options: ConnectOptions): RemotePlatform {
  return new RemotePlatform(options)
}

function runFromJson({ ok, result, error, ...run }: RunJson): Run {
  if (ok) return { ...run, ok, result: fromTaggedJson(result) }
  const known = errorFromJson(error)
  if (known === undefined) throw new TypeError("a failed run without an error")
  return { ...run, ok, error: known }
}
