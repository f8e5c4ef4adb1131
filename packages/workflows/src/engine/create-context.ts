import type { NewInstance } from "../store/workflow-store.ts"

/** What a create is part of. */
export type WorkflowOrigin =
  /** A request that, handled again, creates the same: kept beside instances that have functions, until they end. */
  | { readonly kind: "request"; readonly text: string }
  /** Such a request, handled again. */
  | { readonly kind: "again" }

/** Who creates an instance. */
export interface CreateContext {
  readonly origin?: WorkflowOrigin | undefined
  /** Whether it may name a class of the host's instead of giving code. */
  readonly mayNameClasses?: boolean
}

/** The instance with what can bring its functions back, where it has some. */
export function withOrigin(instance: NewInstance, origin: WorkflowOrigin | undefined): NewInstance {
  if (instance.functions === undefined || origin?.kind !== "request") return instance
  return { ...instance, functions: { origin: origin.text } }
}
