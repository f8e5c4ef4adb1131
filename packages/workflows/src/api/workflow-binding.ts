import { MayflyError, instanceStatuses, type ListOptions, type WorkflowPage, type DeletedBatch } from "@mayfly/protocol"
import { instanceId, invalid, nameOf, only, record } from "../define/check.ts"
import type { WorkflowOptions } from "../define/parse-workflow.ts"
import type { WorkflowOrigin } from "../engine/create-context.ts"
import type { LackingCode, WorkflowEngine } from "../engine/engine.ts"
import { DynamicWorkflow } from "./dynamic-workflow.ts"
import { WorkflowIntrospector } from "./workflow-introspector.ts"

/** What a binding needs: the engine when it is ready, and whose instances it may see. */
export interface BindingParts {
  engine(): Promise<WorkflowEngine>
  readonly tenant: string
  /** What the create that runs now is part of. */
  origin?(): WorkflowOrigin | undefined
  /** Whether `create` may name a class of the host's: only for its own, trusted code. */
  readonly mayNameClasses?: boolean
  /** What the engine calls the instance that a handle is for, where that is known. */
  readonly number?: number
}

const maxBatch = 100
const maxPage = 1_000

/** `env.WORKFLOWS`: Cloudflare's binding, for one tenant. Instances of other tenants do not exist here. */
export class WorkflowBinding {
  readonly #parts: BindingParts

  constructor(parts: BindingParts) {
    this.#parts = parts
  }

  /** Stores a new instance and starts it; the same id with the same content gives the one that is there. Rejects with `input.invalid`, `workflow.exists`, `worker.*`. */
  async create(options: WorkflowOptions): Promise<DynamicWorkflow> {
    const engine = await this.#parts.engine()
    const { tenant, mayNameClasses = false } = this.#parts
    const { id, number } = await engine.create(tenant, options, { origin: this.#parts.origin?.(), mayNameClasses })
    return new DynamicWorkflow({ ...this.#parts, number }, id)
  }

  /** All of them or an error; those before the failing one are there. At most 100. */
  async createBatch(batch: readonly WorkflowOptions[]): Promise<DynamicWorkflow[]> {
    checkBatch(batch, "batch")
    return Promise.all(batch.map((options) => this.create(options)))
  }

  /** Rejects with `workflow.not-found`. */
  async get(id: string): Promise<DynamicWorkflow> {
    const engine = await this.#parts.engine()
    await engine.get(this.#parts.tenant, instanceId(id))
    return new DynamicWorkflow(this.#parts, id)
  }

  /** The newest first. */
  async list(options: ListOptions = {}): Promise<WorkflowPage> {
    const given = record(options, "options")
    only(given, ["status", "limit", "cursor"], "")
    const { status, limit = 100, cursor } = options
    if (status !== undefined && !instanceStatuses.includes(status))
      throw invalid("status", `must be one of ${instanceStatuses.join(", ")}`)
    if (!Number.isInteger(limit) || limit < 1 || limit > maxPage)
      throw invalid("limit", `must be a whole number from 1 to ${maxPage}`)
    const engine = await this.#parts.engine()
    const rows = await engine.list({
      tenant: this.#parts.tenant,
      limit,
      ...(status !== undefined && { status }),
      ...(cursor !== undefined && { after: parseCursor(cursor) }),
    })
    const last = rows.at(-1)
    return {
      workflows: rows.map(({ id, status: state, createdAt }) => ({ id, status: state, createdAt })),
      ...(rows.length === limit && last !== undefined && { cursor: String(last.number) }),
    }
  }

  /** Instances that wait for functions of an earlier process (`needs-code`): `create` with the same id brings them. */
  async *lackingCode(): AsyncGenerator<LackingCode> {
    const engine = await this.#parts.engine()
    yield* engine.lackingCode(this.#parts.tenant)
  }

  /** For tests: skips sleeps, replaces what steps do, sends events; in one instance, or in all of the tenant. */
  async introspect(id?: string): Promise<WorkflowIntrospector> {
    return new WorkflowIntrospector(await this.#parts.engine(), this.#parts.tenant, id)
  }

  /** Deletes instances with all they left; those that run are terminated first. At most 100. */
  async deleteBatch(ids: readonly string[]): Promise<DeletedBatch> {
    checkBatch(ids, "ids")
    const deleted: { id: string }[] = []
    const errors: { id: string; code: string; message: string }[] = []
    for (const id of ids) {
      try {
        await (await this.get(id)).delete()
        deleted.push({ id })
      } catch (error) {
        if (!(error instanceof MayflyError)) throw error
        errors.push({ id: String(id), code: error.code, message: error.message })
      }
    }
    return { deleted, errors }
  }
}

function checkBatch(batch: readonly unknown[], path: string): void {
  if (Array.isArray(batch) && batch.length > 0 && batch.length <= maxBatch) return
  throw invalid(path, `must be a list of 1 to ${maxBatch}`)
}

function parseCursor(cursor: unknown): number {
  const number = typeof cursor === "string" && /^\d{1,15}$/.test(cursor) ? Number(cursor) : NaN
  if (Number.isNaN(number)) throw invalid("cursor", `must be the cursor of an earlier page; it is ${nameOf(cursor)}`)
  return number
}
