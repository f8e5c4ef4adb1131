import { MayflyError } from "@mayfly/protocol"
import type { Entrypoint } from "../loader/worker-stub.ts"
import { parseTenant } from "../worker/worker-options.ts"
import type { ObjectHost } from "./object-host.ts"
import type { ObjectCall } from "./object-instance.ts"
import type { ObjectKey } from "./object-key.ts"
import type { GetStartupOptions, ObjectSlot } from "./object-slot.ts"

export interface FacetScope {
  readonly tenant: string
  readonly namespace: string
  /** Names the parent among those of its namespace; facets see it as their id. */
  readonly parent: { readonly id: string; readonly name?: string }
}

const maxName = 2_048

/**
 * `ctx.facets` of a trusted parent: Durable Objects whose code is a dynamic worker's, each with storage of its own, by name. As Cloudflare's, see
 * https://developers.cloudflare.com/dynamic-workers/usage/durable-object-facets/.
 */
export class Facets {
  readonly #host: ObjectHost
  readonly #scope: FacetScope

  constructor(host: ObjectHost, scope: FacetScope) {
    this.#host = host
    this.#scope = scope
  }

  /**
   * The facet with this name. `getStartupOptions` is called on the first call when the facet is not running, also later when it was put to rest or
   * has crashed. What it throws reaches each caller.
   */
  get(name: string, getStartupOptions: GetStartupOptions): Entrypoint {
    checkName(name)
    if (typeof getStartupOptions !== "function")
      throw invalid("getStartupOptions", "must be a function that gives { class }")
    const { aborts } = this.#provided(name, getStartupOptions)
    const call = (given: ObjectCall): Promise<unknown> => {
      const slot = this.#provided(name, getStartupOptions)
      return slot.aborts === aborts ? slot.call(given) : Promise.reject(slot.reason as Error)
    }
    return facetStub(call)
  }

  #provided(name: string, getStartupOptions: GetStartupOptions): ObjectSlot {
    const slot = this.#slot(name)
    slot.provide(getStartupOptions)
    return slot
  }

  /** Stops the facet. Its storage stays, stubs from before throw `reason`, and calls under way fail with it. The next `get` starts it anew. */
  abort(name: string, reason?: unknown): void {
    checkName(name)
    this.#slot(name).abort(reason ?? new MayflyError("object.aborted", `the facet ${JSON.stringify(name)} was aborted`))
  }

  /** Stops the facet and deletes its storage. The promise says when that is done; a `get` that comes before waits for it. */
  delete(name: string): Promise<void> {
    checkName(name)
    const reason = new MayflyError("object.aborted", `the facet ${JSON.stringify(name)} was deleted`)
    const erased = this.#slot(name).erase(reason)
    // Cloudflare's gives nothing, so callers may not look at it.
    erased.catch(() => {})
    return erased
  }

  #slot(name: string): ObjectSlot {
    const { tenant, namespace, parent } = this.#scope
    const key: ObjectKey = { tenant, namespace, parent: parent.id, name }
    return this.#host.slot(key, parent)
  }
}

function facetStub(call: (call: ObjectCall) => Promise<unknown>): Entrypoint {
  const fetchFacet = async (request: Request | string | URL, init?: RequestInit): Promise<Response> => {
    const response = await call({ kind: "fetch", method: "fetch", args: [new Request(request, init)] })
    if (response instanceof Response) return response
    throw new MayflyError("worker.not-serializable", "the facet's fetch handler did not give a Response", {
      details: { path: "result" },
    })
  }
  return new Proxy({} as Entrypoint, {
    get: (_target, method) => {
      if (typeof method === "symbol" || method === "then") return undefined
      if (method === "fetch") return fetchFacet
      return (...args: unknown[]) => call({ kind: "rpc", method, args })
    },
  })
}

/** Facets of a parent that is only a name. Throws `input.invalid`. */
export function facetScope(parent: string, tenant: string | undefined): FacetScope {
  checkName(parent, "parent")
  return { tenant: parseTenant(tenant), namespace: "", parent: { id: parent } }
}

function checkName(name: unknown, path = "name"): void {
  if (typeof name === "string" && name !== "" && name.length <= maxName) return
  throw invalid(path, `must be a string of 1 to ${maxName} characters`)
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
