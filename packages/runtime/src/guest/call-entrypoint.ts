import { NoEntrypoint } from "./guest-error.ts"
import type { GuestJob } from "./job.ts"

export interface CallContext {
  readonly env: unknown
  readonly ctx: unknown
}

type Callable = (...args: unknown[]) => unknown
export type Namespace = Readonly<Record<string, unknown>>

// Taken at evaluation, before guest code can replace it.
const { apply, construct } = Reflect
const functionToString = Function.prototype.toString

/** Calls the program the way its shape asks for. Throws NoEntrypoint when there is nothing to call. */
export function callEntrypoint(namespace: Namespace, job: GuestJob, argument: unknown, context: CallContext): unknown {
  if (job.entry !== undefined) return callEntry(namespace, job, job.entry, argument, context)
  if (job.shape !== "module") return callText(namespace["default"] as Callable, job, argument, context)
  return job.call === "fetch" ? callFetch(namespace, argument, context) : callRun(namespace, argument, context)
}

/** An expression or body stands in a function of ours. What it gives may be what is meant to be called. */
async function callText(text: Callable, job: GuestJob, argument: unknown, context: CallContext): Promise<unknown> {
  const value = await text(argument, context.env, context.ctx)
  if (job.call === "fetch") return isResponseLike(value) ? value : callFetch({ default: value }, argument, context)
  const isCallable = typeof value === "function" || (isObject(value) && typeof value["run"] === "function")
  return isCallable ? callRun({ default: value }, argument, context) : value
}

/** A body may answer the request by itself. */
function isResponseLike(value: unknown): boolean {
  return isObject(value) && typeof value["fetch"] !== "function" && typeof value["arrayBuffer"] === "function"
}

const hiddenNames = new Set([...Reflect.ownKeys(Object.prototype), "then"])

/** A method of a named export, as the worker loader calls it. `fetch` gets the request, other methods their arguments. */
function callEntry(
  namespace: Namespace,
  job: GuestJob,
  entry: string,
  argument: unknown,
  context: CallContext,
): unknown {
  if (job.call === "fetch") return callMember(namespace, { entry, method: "fetch", args: [argument] }, context)
  return callMember(namespace, { entry, method: job.method ?? "", args: argument as unknown[] }, context)
}

export interface MemberCall {
  readonly entry: string
  readonly method: string
  readonly args: unknown[]
}

/** Calls a method of an export: of a fresh instance, when that is a class. */
export function callMember(
  namespace: Namespace,
  { entry, method, args }: MemberCall,
  { ctx, env }: CallContext,
): unknown {
  const exported = namespace[entry]
  if (exported === undefined)
    throw new NoEntrypoint(`the worker has no ${entry === "default" ? "default entrypoint" : `entrypoint "${entry}"`}`)
  const target = isClass(exported) ? (construct(exported, [ctx, env]) as object) : exported
  const call: unknown = hiddenNames.has(method) ? undefined : (target as Record<string, unknown> | null)?.[method]
  if (typeof call !== "function") throw new NoEntrypoint(`the entrypoint "${entry}" has no method "${method}"`)
  // Plain handlers get env and ctx as arguments; classes have them as fields.
  return apply(call, target, method === "fetch" && target === exported ? [args[0], env, ctx] : args)
}

function callRun(namespace: Namespace, input: unknown, context: CallContext): unknown {
  const main = namespace["default"]
  if (typeof main === "function") return callDefault(main as Callable, input, context)
  if (isObject(main) && typeof main["run"] === "function") return callMethod(main, "run", input, context)
  if (typeof namespace["run"] === "function") return (namespace["run"] as Callable)(input, context.env, context.ctx)
  throw new NoEntrypoint(missing(namespace, main))
}

function callFetch(namespace: Namespace, request: unknown, context: CallContext): unknown {
  const main = namespace["default"]
  if (isObject(main) && typeof main["fetch"] === "function") return callMethod(main, "fetch", request, context)
  if (typeof main === "function") {
    if (!isClass(main)) return (main as Callable)(request, context.env, context.ctx)
    const instance = construct(main, [context.ctx, context.env]) as Record<string, unknown>
    if (typeof instance["fetch"] === "function") return callMethod(instance, "fetch", request, context)
  }
  if (typeof namespace["fetch"] === "function")
    return (namespace["fetch"] as Callable)(request, context.env, context.ctx)
  throw new NoEntrypoint("the program has no fetch handler: export default { fetch(request, env, ctx) {} }")
}

function callDefault(main: Callable, input: unknown, context: CallContext): unknown {
  if (!isClass(main)) return main(input, context.env, context.ctx)
  const instance = construct(main, [context.ctx, context.env]) as Record<string, unknown>
  if (typeof instance["run"] === "function") return callMethod(instance, "run", input, context)
  throw new NoEntrypoint("the default export is a class without a run method")
}

function callMethod(target: Record<string, unknown>, name: string, argument: unknown, context: CallContext): unknown {
  return apply(target[name] as Callable, target, [argument, context.env, context.ctx])
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}

function isClass(value: unknown): value is new (...args: unknown[]) => unknown {
  return typeof value === "function" && (apply(functionToString, value, []) as string).startsWith("class")
}

function missing(namespace: Namespace, main: unknown): string {
  if (isObject(main) && typeof main["fetch"] === "function") {
    return "the program exports a fetch handler and no run: send it a request instead of an input"
  }
  if (main !== undefined)
    return `the default export is ${describe(main)}, not a function or an object with run or fetch`
  const names = Object.keys(namespace)
  const has = names.length === 0 ? "it exports nothing" : `it exports only ${names.slice(0, 10).join(", ")}`
  return `the program has no default export (${has})`
}

function describe(value: unknown): string {
  if (value === null) return "null"
  return isObject(value) ? "an object without run or fetch" : `of type ${typeof value}`
}
