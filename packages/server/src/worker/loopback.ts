import { provideStandIn, RpcTarget } from "@mayfly/platform"
import { type EntrypointClass, handlerNames, isDurableObjectClass, isEntrypointClass } from "./entrypoint.ts"
import { WorkerEntrypoint } from "./modules/cloudflare-workers.ts"

/** Calls a method of an export, with `props` in its context. */
export type CallExport = (
  exported: object,
  method: string,
  args: readonly unknown[],
  props: unknown,
) => Promise<unknown>

/** The namespace of an exported class of Durable Objects, or undefined when there can be none. */
export type ObjectsOf = (name: string, exported: EntrypointClass) => object | undefined

/**
 * The `exports` of a worker: a stub for each entrypoint among its exports, to be used as it is or called with `{ props }`. Stubs may go into a
 * guest's env, `globalOutbound` and `tails`; who holds one can call the entrypoint's methods and knows nothing of its props.
 * Classes of Durable Objects become their namespaces. Other kinds of exports (workflows) join here.
 */
export function loopbackExports(
  namespace: Readonly<Record<string, unknown>>,
  call: CallExport,
  objectsOf: ObjectsOf = () => undefined,
): object {
  const stubs = Object.create(null) as Record<string, unknown>
  for (const [name, exported] of Object.entries(namespace)) {
    const objects = isDurableObjectClass(exported) ? objectsOf(name, exported) : undefined
    if (objects !== undefined) {
      stubs[name] = objects
      continue
    }
    const methods = methodsOf(exported)
    if (methods.length > 0) stubs[name] = serviceStub(exported as object, methods, call)
  }
  return Object.freeze(stubs)
}

function serviceStub(exported: object, methods: readonly string[], call: CallExport): object {
  /** Its methods are all that it has: props are out of reach of whoever gets it. */
  class ServiceStub extends RpcTarget {
    readonly #props: unknown

    constructor(props: unknown) {
      super()
      this.#props = props
    }

    static {
      for (const name of methods) {
        const value = function (this: ServiceStub, ...args: readonly unknown[]): Promise<unknown> {
          return call(exported, name, name === "fetch" ? [asRequest(args)] : args, this.#props)
        }
        Object.defineProperty(this.prototype, name, { value })
      }
    }
  }
  const plain = new ServiceStub(undefined)
  const withProps = (options: { readonly props?: unknown } = {}): ServiceStub => new ServiceStub(options.props)
  for (const name of methods) {
    const value = (plain as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.bind(plain)
    Object.defineProperty(withProps, name, { value, configurable: true })
  }
  // A guest that got the function itself could choose its own props.
  provideStandIn(withProps, plain)
  return withProps
}

function asRequest([input, init]: readonly unknown[]): Request {
  if (input instanceof Request && init === undefined) return input
  return new Request(input as string, init as RequestInit | undefined)
}

function methodsOf(exported: unknown): string[] {
  if (isEntrypointClass(exported)) return prototypeMethods(exported.prototype as object)
  if (typeof exported !== "object" || exported === null) return []
  const handler = exported as Record<string, unknown>
  const isHandler = handlerNames.some((name) => typeof handler[name] === "function")
  if (!isHandler) return []
  const names = new Set([...handlerNames, ...Object.keys(handler)])
  return [...names].filter((name) => typeof handler[name] === "function")
}

/** What the author wrote, up to the class that comes from us; no accessor is read. */
function prototypeMethods(prototype: object): string[] {
  const names = new Set<string>()
  for (
    let at: object | null = prototype;
    at !== null && at !== WorkerEntrypoint.prototype && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === "function" && name !== "constructor") names.add(name)
  }
  return [...names]
}
