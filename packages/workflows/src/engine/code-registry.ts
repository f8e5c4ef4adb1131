import { needsCode, type WorkflowDefinition } from "../define/definition.ts"
import type { Closures } from "../define/parse-steps.ts"
import type { WorkflowClasses } from "../define/workflow-classes.ts"

/** Instances that have ended keep their functions for a restart, this many of them. */
const maxEnded = 1_000
const none: Closures = new Map()

const noClasses: WorkflowClasses = { names: [], run: () => Promise.reject(new Error("there are no classes")) }

/** Code of the host's: functions by instance, and classes by name. It lives in this process only: after a restart somebody brings it again. */
export class CodeRegistry {
  classes: WorkflowClasses = noClasses
  readonly #live = new Map<string, Closures>()
  readonly #ended = new Map<string, Closures>()

  set(tenant: string, id: string, closures: Closures): void {
    if (closures.size === 0) return
    this.#ended.delete(keyOf(tenant, id))
    this.#live.set(keyOf(tenant, id), closures)
  }

  /** Whether an instance can't go on before its functions or its class are here. */
  lacks(definition: WorkflowDefinition, tenant: string, id: string): boolean {
    if (definition.kind === "class") return !this.classes.names.includes(definition.name)
    return needsCode(definition) && !this.#live.has(keyOf(tenant, id))
  }

  /** Also of an instance that has ended. */
  get(tenant: string, id: string): Closures {
    const key = keyOf(tenant, id)
    return this.#live.get(key) ?? this.#ended.get(key) ?? none
  }

  /** The instance has ended. */
  retire(tenant: string, id: string): void {
    const key = keyOf(tenant, id)
    const closures = this.#live.get(key)
    if (closures === undefined) return
    this.#live.delete(key)
    this.#ended.set(key, closures)
    const oldest = this.#ended.keys().next().value
    if (this.#ended.size > maxEnded && oldest !== undefined) this.#ended.delete(oldest)
  }

  /** It starts again. */
  revive(tenant: string, id: string): void {
    const key = keyOf(tenant, id)
    const closures = this.#ended.get(key)
    if (closures === undefined) return
    this.#ended.delete(key)
    this.#live.set(key, closures)
  }

  delete(tenant: string, id: string): void {
    this.#live.delete(keyOf(tenant, id))
    this.#ended.delete(keyOf(tenant, id))
  }
}

function keyOf(tenant: string, id: string): string {
  return `${tenant}\n${id}`
}
