import { activeSpan, type Span, startSpan } from "@mayfly/protocol"
import type { Store, Tables } from "@mayfly/store"
import type { InstanceNumber, InstanceRow } from "../store/workflow-store.ts"

/**
 * What instances are part of, as `traceparent`: their activations, also those after a restart, belong to the trace of the request that created them. Nothing is
 * stored, and nothing asked, where nothing is traced. A context that can't be kept is lost: an instance does not fail for it.
 */
export class TraceContexts {
  readonly #store: Store
  #opening: Promise<Tables> | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The caller's span becomes the instance's. */
  async remember(instance: InstanceNumber): Promise<void> {
    const span = activeSpan()
    if (span === undefined) return
    await this.#write("INSERT OR REPLACE INTO traces_instances (instance, traceparent) VALUES (?, ?)", [
      instance,
      span.traceparent,
    ])
  }

  /** An activation's span. Without a context it begins a trace of its own: what happens to run it is not what it is part of. */
  async start({ number, tenant, id, run }: InstanceRow): Promise<Span | undefined> {
    const attributes = { "mayfly.workflow.id": id, "mayfly.tenant": tenant, "mayfly.workflow.run": run }
    return startSpan("workflow.activation", { attributes, parent: (await this.#find(number)) ?? null })
  }

  async #find(instance: InstanceNumber): Promise<string | undefined> {
    try {
      const tables = await this.#open()
      const sql = "SELECT traceparent FROM traces_instances WHERE instance = ?"
      const [row] = await tables.read<{ readonly traceparent: string }>(sql, [instance])
      return row?.traceparent
    } catch {
      return undefined
    }
  }

  async forget(instance: InstanceNumber): Promise<void> {
    await this.#write("DELETE FROM traces_instances WHERE instance = ?", [instance])
  }

  async #write(sql: string, parameters: readonly (string | number)[]): Promise<void> {
    try {
      await (await this.#open()).write([{ sql, parameters }])
    } catch {
      // Lost, as said above.
    }
  }

  #open(): Promise<Tables> {
    return (this.#opening ??= this.#store.attach({ name: "traces", migrations }))
  }
}

const migrations = ["CREATE TABLE traces_instances (instance INTEGER PRIMARY KEY, traceparent TEXT NOT NULL)"]
