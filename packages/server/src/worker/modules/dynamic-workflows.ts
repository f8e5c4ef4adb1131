// `@cloudflare/dynamic-workflows` for the worker that `mayfly serve` runs: a workflow binding that remembers which of the guests made an
// instance, and an entrypoint that hands the instance to that guest. Written from the library's documented behaviour.
import { WorkerEntrypoint, WorkflowEntrypoint } from "./cloudflare-workers.ts"
import { currentInvocation } from "./invocation.ts"

export type DispatcherMetadata = Readonly<Record<string, unknown>>

interface CreateOptions {
  readonly id?: unknown
  readonly params?: unknown
  readonly retention?: unknown
}

/** A workflow binding, and an instance of one, as far as they are used here. */
interface Workflow {
  create(options: object): Promise<Instance>
  createBatch(batch: readonly object[]): Promise<readonly Instance[]>
  get(id: string): Promise<Instance>
}

type Instance = { readonly id: string } & Record<(typeof forwarded)[number], (...args: readonly unknown[]) => unknown>

interface Envelope {
  readonly __dispatcherMetadata: DispatcherMetadata
  readonly params: unknown
}

interface WorkflowEvent {
  readonly payload: unknown
  readonly [field: string]: unknown
}

export interface WorkflowRunner {
  run(event: WorkflowEvent, step: unknown): unknown
}

export type LoadWorkflowRunner = (context: {
  readonly metadata: DispatcherMetadata
  readonly env: unknown
  readonly ctx: unknown
}) => WorkflowRunner | Promise<WorkflowRunner>

const forwarded = ["status", "pause", "resume", "terminate", "restart", "sendEvent"] as const

export class MissingDispatcherMetadataError extends Error {
  constructor() {
    super("the workflow was not created through wrapWorkflowBinding, so nobody knows whose it is")
    this.name = "MissingDispatcherMetadataError"
  }
}

/** The binding that guests get. The worker's main module must export it under this name. */
export class DynamicWorkflowBinding extends WorkerEntrypoint {
  async create(options: CreateOptions = {}): Promise<unknown> {
    return forGuest(await this.#binding().create(this.#marked(options)))
  }

  async createBatch(batch: readonly CreateOptions[]): Promise<unknown[]> {
    const instances = await this.#binding().createBatch(batch.map((options) => this.#marked(options)))
    return instances.map(forGuest)
  }

  async get(id: string): Promise<unknown> {
    return forGuest(await this.#binding().get(id))
  }

  #binding(): Workflow {
    const { bindingName } = this.#props()
    const binding = (this.env as Record<string, Workflow | undefined>)[bindingName]
    if (binding === undefined) throw new Error(`env has no workflow binding "${bindingName}"`)
    return binding
  }

  /** Only what a guest may choose: with code or a network policy of its own it would be more than the worker lets it be. */
  #marked({ id, params: given, retention }: CreateOptions): object {
    const { metadata, entry } = this.#props()
    const params: Envelope = { __dispatcherMetadata: metadata, params: given }
    return {
      ...(id !== undefined && { id }),
      params,
      ...(retention !== undefined && { retention }),
      ...(entry !== undefined && { entry }),
    }
  }

  #props(): BindingProps {
    return (this.ctx as { props: BindingProps }).props
  }
}

interface BindingProps {
  readonly bindingName: string
  readonly metadata: DispatcherMetadata
  readonly entry?: string
}

/** An instance for a guest: the id as data, and these methods. */
function forGuest(instance: Instance): Record<string, unknown> {
  const methods = forwarded.map((name) => [name, (...args: readonly unknown[]) => instance[name](...args)])
  return { id: instance.id, ...(Object.fromEntries(methods) as object) }
}

/**
 * A binding for the env of one guest: what it creates carries `metadata`, which the guest neither sees nor chooses. `entry` is the workflow class that runs it,
 * for a worker that exports several.
 */
export function wrapWorkflowBinding(
  metadata: DispatcherMetadata,
  { bindingName = "WORKFLOWS", entry }: { readonly bindingName?: string; readonly entry?: string } = {},
): unknown {
  const { DynamicWorkflowBinding: make } = currentInvocation().exports as Record<string, unknown>
  if (typeof make !== "function")
    throw new Error("export DynamicWorkflowBinding from the main module: export { DynamicWorkflowBinding } from …")
  return (make as (options: object) => unknown)({
    props: { bindingName, metadata, ...(entry !== undefined && { entry }) },
  })
}

/** Loads the guest that an instance belongs to, and runs it there with the params that the guest gave. */
export async function dispatchWorkflow(
  context: { readonly env: unknown; readonly ctx: unknown },
  event: WorkflowEvent,
  step: unknown,
  loadRunner: LoadWorkflowRunner,
): Promise<unknown> {
  if (!isEnvelope(event.payload)) throw new MissingDispatcherMetadataError()
  const { __dispatcherMetadata: metadata, params } = event.payload
  const runner = await loadRunner({ metadata, env: context.env, ctx: context.ctx })
  return runner.run({ ...event, payload: params }, step)
}

/** A workflow class that hands every instance to the guest that made it. */
export function createDynamicWorkflowEntrypoint(loadRunner: LoadWorkflowRunner): typeof WorkflowEntrypoint {
  return class DynamicWorkflow extends WorkflowEntrypoint {
    run(event: WorkflowEvent, step: unknown): Promise<unknown> {
      return dispatchWorkflow({ env: this.env, ctx: this.ctx }, event, step, loadRunner)
    }
  }
}

function isEnvelope(payload: unknown): payload is Envelope {
  return typeof payload === "object" && payload !== null && "__dispatcherMetadata" in payload && "params" in payload
}
