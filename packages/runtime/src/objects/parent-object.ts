import { InputGate } from "../storage-api/input-gate.ts"
import type { DurableObjectId } from "./durable-object-id.ts"
import type { DurableObject, DurableObjectState } from "./durable-object.ts"
import type { Facets } from "./facets.ts"

interface Life {
  readonly object: DurableObject
  readonly gate: InputGate
  /** Rejects when the object is aborted. */
  readonly aborted: Promise<never>
}

/** Not methods for callers. */
const hiddenNames = new Set<string>([...Object.getOwnPropertyNames(Object.prototype), "alarm", "then"])

/** One trusted Durable Object: made on its first call, kept until it is aborted. */
export class ParentObject {
  readonly #id: DurableObjectId
  readonly #facets: Facets
  readonly #make: (state: DurableObjectState) => DurableObject
  #life: Life | undefined
  #calls = 0

  constructor(id: DurableObjectId, facets: Facets, make: (state: DurableObjectState) => DurableObject) {
    this.#id = id
    this.#facets = facets
    this.#make = make
  }

  get isIdle(): boolean {
    return this.#calls === 0
  }

  /** Makes the object, so that it can get its facets. Its failure is seen by the next caller. */
  wake(): void {
    try {
      this.#live()
    } catch {
      // Nobody has asked for it.
    }
  }

  async call(method: string, args: readonly unknown[]): Promise<unknown> {
    const life = this.#live()
    this.#calls++
    try {
      await Promise.race([life.gate.pass(), life.aborted])
      const call: unknown = hiddenNames.has(method) ? undefined : Reflect.get(life.object, method)
      if (typeof call !== "function") throw new TypeError(`the Durable Object has no method "${method}"`)
      return await Promise.race([Reflect.apply(call, life.object, args), life.aborted])
    } finally {
      this.#calls--
    }
  }

  #live(): Life {
    if (this.#life !== undefined) return this.#life
    const gate = new InputGate()
    let abort: (reason: unknown) => void = () => {}
    const aborted = new Promise<never>((_resolve, reject) => (abort = reject))
    aborted.catch(() => {})
    const end = (reason: unknown): void => {
      if (this.#life?.gate === gate) this.#life = undefined
      abort(reason)
    }
    const state: DurableObjectState = {
      id: this.#id,
      facets: this.#facets,
      props: {},
      exports: {},
      blockConcurrencyWhile: (act) => gate.whileClosed(() => act().catch((error: unknown) => rethrowAfter(end, error))),
      waitUntil: (promise) => void Promise.resolve(promise).catch(() => {}),
      abort: (reason) => end(reason ?? new Error("the Durable Object was aborted")),
    }
    this.#life = { object: this.#make(state), gate, aborted }
    return this.#life
  }
}

function rethrowAfter(end: (reason: unknown) => void, error: unknown): never {
  end(error)
  throw error
}
