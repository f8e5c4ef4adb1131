import { DurableObject, WorkerEntrypoint, WorkflowEntrypoint } from "./modules/cloudflare-workers.ts"

export type EntrypointClass = new (ctx: unknown, env: unknown) => object

/** Methods that Cloudflare calls by itself; on plain objects they get env and ctx as arguments. */
export const handlerNames = ["fetch", "tail", "scheduled", "queue", "email"]

export function isEntrypointClass(exported: unknown): exported is EntrypointClass {
  return typeof exported === "function" && exported.prototype instanceof WorkerEntrypoint
}

export function isDurableObjectClass(exported: unknown): exported is EntrypointClass {
  return typeof exported === "function" && exported.prototype instanceof DurableObject
}

export function isWorkflowClass(exported: unknown): exported is EntrypointClass {
  return typeof exported === "function" && exported.prototype instanceof WorkflowEntrypoint
}

/** Whether requests can be sent to a default export: a class, or an object, with a fetch method. */
export function hasFetch(exported: unknown): exported is object {
  const holder: unknown = typeof exported === "function" ? exported.prototype : exported
  return typeof holder === "object" && holder !== null && "fetch" in holder && typeof holder.fetch === "function"
}

/** Calls a method: of a new instance when the export is a class, as at Cloudflare, where no instance sees two calls. */
export function callEntrypoint(
  exported: object,
  method: string,
  args: readonly unknown[],
  { ctx, env }: { readonly ctx: unknown; readonly env: unknown },
): unknown {
  if (typeof exported === "function") {
    const instance = new (exported as EntrypointClass)(ctx, env)
    return Reflect.apply(Reflect.get(instance, method) as () => unknown, instance, args)
  }
  const given = handlerNames.includes(method) ? [args[0], env, ctx] : args
  return Reflect.apply(Reflect.get(exported, method) as () => unknown, exported, given)
}
