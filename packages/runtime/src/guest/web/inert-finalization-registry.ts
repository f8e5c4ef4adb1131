import type { GuestClass } from "./define-global.ts"

/**
 * Has the shape of FinalizationRegistry and never calls back, which the standard allows. The engine runs such callbacks
 * in tasks of its own, where a loop would burn time that no run is charged for.
 */
export const createInertFinalizationRegistry = (): GuestClass =>
  class {
    #tokens = new WeakSet<WeakKey>()

    constructor(cleanup: unknown) {
      if (typeof cleanup !== "function") throw new TypeError("FinalizationRegistry: cleanup must be callable")
    }

    register(target: unknown, held?: unknown, token?: unknown): void {
      if (!isWeakKey(target)) throw new TypeError("FinalizationRegistry.prototype.register: invalid target")
      if (target === held)
        throw new TypeError("FinalizationRegistry.prototype.register: target and held value are the same")
      if (isWeakKey(token)) this.#tokens.add(token)
      else if (token !== undefined) throw invalidToken("register")
    }

    unregister(token: unknown): boolean {
      if (!isWeakKey(token)) throw invalidToken("unregister")
      return this.#tokens.delete(token)
    }
  }

function isWeakKey(value: unknown): value is WeakKey {
  if (typeof value === "symbol") return Symbol.keyFor(value) === undefined
  return typeof value === "function" || (typeof value === "object" && value !== null)
}

function invalidToken(method: string): TypeError {
  return new TypeError(`FinalizationRegistry.prototype.${method}: invalid unregister token`)
}
