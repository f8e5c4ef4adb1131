import { DurableObjectNamespace, type Platform, type WorkflowClasses } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { callEntrypoint, type EntrypointClass, hasFetch, isWorkflowClass } from "./entrypoint.ts"
import { ExecutionContext } from "./execution-context.ts"
import { loadFailure } from "./load-failure.ts"
import { loopbackExports } from "./loopback.ts"
import { type KeptRequest, requestAgain } from "./kept-request.ts"
import { currentOrigin, type Invocation, invoke } from "./modules/invocation.ts"
import { PendingTasks } from "./pending-tasks.ts"
import { moduleBeside, openWorkerModules, type WorkerModules } from "./worker-modules.ts"
import { WorkflowStep } from "./workflow-step.ts"

export interface ServedWorkerOptions {
  /** The main module. Absolute. */
  readonly path: string
  /** The worker's `env`, made anew for each version of it. */
  bindings(): Record<string, unknown>
  /** What stands in `env` in place of those when the worker acts for one tenant. */
  tenantBindings?(tenant: string): Record<string, unknown>
  /** Where the worker's Durable Objects have their facets. Without it `ctx.exports` has none of them. */
  readonly platform?: Platform
  /** More specifiers, and the URLs of the modules that they stand for. */
  readonly modules?: Readonly<Record<string, string>>
  /** Told what fails where no caller hears of it. */
  readonly onFailure: (what: string, error: unknown) => void
}

/** What can be imported besides files and packages. */
const ownModules = {
  "cloudflare:workers": moduleBeside("cloudflare-workers"),
  "cloudflare:workflows": moduleBeside("cloudflare-workflows"),
  "@cloudflare/dynamic-workflows": moduleBeside("dynamic-workflows"),
}

/** A workflow instance that waits for functions which a process that has ended took with it. */
export interface WorkflowToResume {
  readonly id: string
  readonly params: unknown
  readonly tenant: string
}

type ResumeWorkflow = (instance: WorkflowToResume, env: unknown, ctx: unknown) => unknown

interface Version {
  readonly main: object
  /** Brings the functions of a workflow back. */
  readonly resume: ResumeWorkflow | undefined
  /** Exported workflow classes by name. */
  readonly workflows: ReadonlyMap<string, EntrypointClass>
  readonly env: Record<string, unknown>
  readonly exports: object
}

/**
 * A worker of the user's own, in this process: it is trusted, guests are not. It can be loaded again when its files change; calls under way end
 * with the version that they began with. Whoever makes it disposes it; one per process at a time.
 */
export class ServedWorker implements Disposable {
  readonly #options: ServedWorkerOptions
  readonly #modules: WorkerModules
  readonly #tasks: PendingTasks
  #version: Version | undefined
  #loads = 0

  constructor(options: ServedWorkerOptions) {
    this.#options = options
    this.#modules = openWorkerModules({ ...options.modules, ...ownModules })
    this.#tasks = new PendingTasks((error) => options.onFailure("waitUntil", error))
  }

  /**
   * Imports the worker; from then on it answers. Rejects with `worker.syntax`, `worker.module-not-found`, `worker.no-entrypoint` or
   * `server.worker-failed`, and the version before stays.
   */
  async load(): Promise<void> {
    const load = ++this.#loads
    const env = this.#options.bindings()
    let exports: object = Object.freeze({})
    try {
      // Modules may use env while they are evaluated.
      const namespace = await invoke({ env, exports, ctx: undefined }, () => this.#modules.import(this.#options.path))
      exports = loopbackExports(
        namespace,
        (exported, method, args, props) => this.#call(exported, { method, args, props }, { env, exports }),
        (name, exported) => this.#objects(name, exported, env),
      )
      const main = mainOf(namespace)
      // A module that waited for long must not replace a newer one.
      if (load === this.#loads) {
        this.#version = { main, resume: resumeOf(namespace), workflows: workflowsOf(namespace), env, exports }
      }
    } catch (error) {
      throw loadFailure(error, this.files())
    }
  }

  #objects(name: string, exported: EntrypointClass, env: object): object | undefined {
    const { platform } = this.#options
    // The worker's own base class has the same shape as the platform's.
    const constructor = exported as unknown as ConstructorParameters<typeof DurableObjectNamespace>[0]
    return platform === undefined ? undefined : new DurableObjectNamespace(constructor, { platform, name, env })
  }

  /** The files of the version loaded last, or of the failed attempt to load it. */
  files(): readonly string[] {
    return this.#modules.files()
  }

  /** The worker's answer. Rejects with what the worker threw, or `server.no-worker`. */
  async fetch(request: Request, origin?: KeptRequest | "again"): Promise<Response> {
    const version = this.#version
    if (version === undefined) throw new MayflyError("server.no-worker", "the worker is not loaded")
    const call = { method: "fetch", args: [request], props: undefined, ...(origin !== undefined && { origin }) }
    const answer = await this.#call(version.main, call, version)
    if (answer instanceof Response) return answer
    throw new TypeError(`fetch of the worker gave ${describe(answer)}, not a Response`)
  }

  /**
   * Handles a request again that was kept beside a workflow: it brings functions back, and can't start what is not there. Nobody gets the answer. Rejects
   * with what the worker threw.
   */
  async fetchAgain(text: string, base: string): Promise<void> {
    const { body } = await this.fetch(requestAgain(text, base), "again")
    await body?.cancel()
  }

  get canResume(): boolean {
    return this.#version?.resume !== undefined
  }

  /** Asks the worker's `resume` to create the instance again. Rejects with what the worker threw. */
  async resume(instance: WorkflowToResume): Promise<void> {
    const version = this.#version
    if (version?.resume === undefined) return
    const { resume } = version
    await this.#actFor(instance.tenant, version, async ({ env, ctx }) => resume(instance, env, ctx))
  }

  /** The workflow classes of the version that is loaded. Those that run go on with it, also when another is loaded. */
  get workflowClasses(): WorkflowClasses {
    const version = this.#version
    return {
      names: [...(version?.workflows.keys() ?? [])],
      run: async (name, event, steps, tenant) => {
        const found = version?.workflows.get(name)
        if (version === undefined || found === undefined) throw new Error(`the worker exports no workflow "${name}"`)
        const args = [event, new WorkflowStep(steps)]
        return this.#actFor(tenant, version, async (given) => callEntrypoint(found, "run", args, given))
      },
    }
  }

  /** Code of the worker's that no request asks for. */
  #actFor<T>(
    tenant: string,
    { env: own, exports }: Version,
    act: (given: { readonly env: object; readonly ctx: ExecutionContext }) => Promise<T>,
  ): Promise<T> {
    const env = { ...own, ...this.#options.tenantBindings?.(tenant) }
    const ctx = new ExecutionContext({ exports, props: undefined, tasks: this.#tasks })
    return invoke({ env, exports, ctx }, () => act({ env, ctx }))
  }

  /** Resolves when all that was given to waitUntil has settled. */
  settle(): Promise<void> {
    return this.#tasks.settle()
  }

  async #call(
    exported: object,
    {
      method,
      args,
      props,
      origin,
    }: { method: string; args: readonly unknown[]; props: unknown; origin?: KeptRequest | "again" },
    { env, exports }: Pick<Version, "env" | "exports">,
  ): Promise<unknown> {
    const ctx = new ExecutionContext({ exports, props, tasks: this.#tasks })
    // A worker that calls itself still serves the same request.
    const from = origin ?? currentOrigin()
    const invocation: Invocation = { env, exports, ctx, ...(from !== undefined && { origin: from }) }
    const called = invoke(invocation, async () => callEntrypoint(exported, method, args, { env, ctx }))
    // Who watches a guest must not disturb it: the loader tells nobody that a tail failed.
    if (method === "tail") called.catch((error: unknown) => this.#options.onFailure("tail", error))
    return called
  }

  [Symbol.dispose](): void {
    this.#modules[Symbol.dispose]()
  }
}

function resumeOf(namespace: Readonly<Record<string, unknown>>): ResumeWorkflow | undefined {
  const { resume } = namespace
  if (resume === undefined) return undefined
  if (typeof resume === "function") return resume as ResumeWorkflow
  throw new MayflyError("worker.no-entrypoint", "the worker's export `resume` is not a function", {
    fix: "Write `export function resume({ id, params }, env) { … }`, or give the export another name.",
  })
}

function workflowsOf(namespace: Readonly<Record<string, unknown>>): ReadonlyMap<string, EntrypointClass> {
  const found = new Map<string, EntrypointClass>()
  for (const [name, exported] of Object.entries(namespace)) if (isWorkflowClass(exported)) found.set(name, exported)
  return found
}

function mainOf(namespace: Readonly<Record<string, unknown>>): object {
  const main = namespace["default"]
  if (hasFetch(main)) return main
  const message =
    main === undefined ? "the worker has no default export" : "the worker's default export has no fetch method"
  throw new MayflyError("worker.no-entrypoint", message, {
    fix: "Write `export default { async fetch(request, env, ctx) { … } }`, or a WorkerEntrypoint class with a fetch method.",
  })
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === "object" ? `an object of class ${value.constructor?.name ?? "unknown"}` : `a ${typeof value}`
}
