import { jsonModules, type ProgramOptions, type Run, runFromJson, toTaggedJson } from "@mayfly/protocol"
import { WorkflowBinding } from "./dynamic-workflow.ts"
import { Http } from "./http.ts"
import { RemoteApprovals } from "./remote-approvals.ts"
import { RemoteKeys } from "./remote-keys.ts"
import { RemoteLedger } from "./remote-ledger.ts"
import { RemoteRuns } from "./remote-runs.ts"
import { RemoteSecrets } from "./remote-secrets.ts"
import { RemoteTenants } from "./remote-tenants.ts"
import { RemoteUsage } from "./remote-usage.ts"
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
export interface RunRequest extends ProgramOptions {
  readonly input?: unknown
  readonly props?: unknown
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
    // In browsers the global one works only when it is not called as a method.
    this.#http = new Http({ ...options, maxRetries, fetch: (...request) => given(...request) })
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
    const { input, env, props, modules, ...rest } = request
    const tagged = Object.entries({ input, env, props }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, toTaggedJson(value)]],
    )
    const given = modules === undefined ? {} : { modules: jsonModules(modules) }
    const json = { ...rest, ...given, ...(Object.fromEntries(tagged) as object) }
    return runFromJson(await this.#http.json("POST", "/v1/run", { json, signal: options.signal }))
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
