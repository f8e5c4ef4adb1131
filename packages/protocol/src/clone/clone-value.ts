import { bufferLength } from "./brand.ts"
import { CloneError } from "./clone-error.ts"
import { flatten } from "./flatten.ts"
import { unflatten } from "./unflatten.ts"

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { apply } = Reflect
const transferBuffer = ArrayBuffer.prototype.transfer

/**
 * A structured clone within one realm. Buffers in `transfer` are detached once the copy is made.
 * Throws CloneError for what can't be cloned or transferred, and what getters throw.
 */
export function cloneValue(value: unknown, transfer: readonly unknown[] = []): unknown {
  for (let at = 0; at < transfer.length; at++) {
    if (!isBuffer(transfer[at])) throw new CloneError(`transfer[${at}]`, "can't be transferred: only ArrayBuffers can")
  }
  const copy = unflatten(flatten(value, { rethrow: true }))
  for (let at = 0; at < transfer.length; at++) apply(transferBuffer, transfer[at], [])
  return copy
}

function isBuffer(value: unknown): boolean {
  try {
    bufferLength(value as object)
    return true
  } catch {
    return false
  }
}
