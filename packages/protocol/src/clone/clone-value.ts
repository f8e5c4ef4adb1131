import { flatten } from "./flatten.ts"
import { unflatten } from "./unflatten.ts"

/** A structured clone within one realm. Throws CloneError for what can't be cloned. */
export function cloneValue(value: unknown): unknown {
  return unflatten(flatten(value))
}
