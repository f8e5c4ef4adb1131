import { createHash, randomBytes } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import { defaultRuntime } from "../default-runtime.ts"
import type { Entrypoint } from "../loader/worker-stub.ts"
import type { Runtime } from "../runtime.ts"
import { parseTenant } from "../worker/worker-options.ts"
import { DurableObjectId } from "./durable-object-id.ts"
import type { DurableObject, DurableObjectState } from "./durable-object.ts"
import { Facets } from "./facets.ts"
import { ParentObject } from "./parent-object.ts"

export interface DurableObjectNamespaceOptions<Env> {
  /** `this.env` of the objects. */
  readonly env?: Env
  /** Tells namespaces of one platform apart; facets are kept under it. Default: the class's name. */
  readonly name?: string
  readonly platform?: { readonly runtime: Runtime }
  /** Whose workers the facets are. Default "default". */
  readonly tenant?: string
}

export type DurableObjectConstructor<Env> = new (ctx: DurableObjectState, env: Env) => DurableObject<Env>

const maxName = 1_024
/** Parents in memory; the ones used longest ago go first, unless a call is under way. */
const maxParents = 10_000
const maxTimerMs = 2_147_483_647

/**
 * A namespace of trusted Durable Objects, for code written for Cloudflare's: `getByName(name).fetch(request)`. The objects live in this process, one per id,
 * each with `this.ctx.facets`. They have no storage of their own here.
 */
export class DurableObjectNamespace<Env = unknown> {
  readonly #class: DurableObjectConstructor<Env>
  readonly #options: DurableObjectNamespaceOptions<Env>
  readonly #name: string
  readonly #tenant: string
  readonly #parents = new Map<string, ParentObject>()

  constructor(constructor: DurableObjectConstructor<Env>, options: DurableObjectNamespaceOptions<Env> = {}) {
    if (typeof constructor !== "function") throw invalid("class", "must be a class that extends DurableObject")
    const { name = constructor.name } = options
    if (typeof name !== "string" || name === "" || name.length > maxName)
      throw invalid("name", `must be a string of 1 to ${maxName} characters`)
    this.#class = constructor
    this.#options = options
    this.#name = name
    this.#tenant = parseTenant(options.tenant)
    void this.#wakeForAlarms()
  }

  /** The same id for the same name, always. */
  idFromName(name: string): DurableObjectId {
    if (typeof name !== "string" || name.length > maxName)
      throw invalid("name", `must be a string of at most ${maxName} characters`)
    return new DurableObjectId(
      createHash("sha256")
        .update(JSON.stringify([this.#name, name]))
        .digest("hex"),
      name,
    )
  }

  /** An id that was turned into text before. */
  idFromString(text: string): DurableObjectId {
    if (/^[0-9a-f]{64}$/.test(text)) return new DurableObjectId(text)
    throw new TypeError("Invalid Durable Object ID: must be 64 hex digits")
  }

  newUniqueId(): DurableObjectId {
    return new DurableObjectId(randomBytes(32).toString("hex"))
  }

  getByName(name: string): Entrypoint {
    return this.get(this.idFromName(name))
  }

  get(id: DurableObjectId): Entrypoint {
    if (!(id instanceof DurableObjectId))
      throw invalid("id", "must be what idFromName, idFromString or newUniqueId gave")
    const call = (method: string, args: readonly unknown[]): Promise<unknown> => this.#parent(id).call(method, args)
    const fetchParent = (request: Request | string | URL, init?: RequestInit): Promise<unknown> =>
      call("fetch", [new Request(request, init)])
    return new Proxy({} as Entrypoint, {
      get: (_target, method) => {
        if (typeof method === "symbol" || method === "then") return undefined
        return method === "fetch" ? fetchParent : (...args: unknown[]) => call(method, args)
      },
    })
  }

  #parent(id: DurableObjectId): ParentObject {
    const text = String(id)
    const known = this.#parents.get(text)
    if (known !== undefined) {
      this.#parents.delete(text)
      this.#parents.set(text, known)
      return known
    }
    const facets = new Facets(this.#runtime.objects, {
      tenant: this.#tenant,
      namespace: this.#name,
      parent: { id: text, ...(id.name === undefined ? {} : { name: id.name }) },
    })
    const parent = new ParentObject(id, facets, (state) => new this.#class(state, this.#options.env as Env))
    this.#parents.set(text, parent)
    this.#forgetIdle()
    return parent
  }

  get #runtime(): Runtime {
    return this.#options.platform?.runtime ?? defaultRuntime()
  }

  #forgetIdle(): void {
    if (this.#parents.size <= maxParents) return
    for (const [text, parent] of this.#parents) if (parent.isIdle) return void this.#parents.delete(text)
  }

  /**
   * Facets of an earlier life of this process may have alarms. Their parents are made again when the first one is due: one that gets its facets in its
   * constructor has them fire then; others when they get them.
   */
  async #wakeForAlarms(): Promise<void> {
    // What was not needed before must not be started by looking.
    if (this.#options.platform === undefined) return
    try {
      for (const { key, at } of await this.#runtime.objects.alarms(this.#tenant, this.#name)) {
        const ms = Math.min(Math.max(at - Date.now(), 0), maxTimerMs)
        setTimeout(() => this.#parent(new DurableObjectId(key.parent)).wake(), ms).unref()
      }
    } catch {
      // No folder, no alarms.
    }
  }
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
