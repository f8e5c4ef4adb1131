import type { Kernel } from "../kernel.ts"
import { argumentError } from "./argument-error.ts"
import { defineFunctions } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"

/**
 * Copies a value and moves what is in `transfer` into the copy. Refuses with an Error whose `name` is "DataCloneError";
 * what guest getters throw passes through.
 */
export type Clone = (value: unknown, transfer: readonly unknown[]) => unknown

/** https://html.spec.whatwg.org/#dom-structuredclone */
export function installStructuredClone(kernel: Kernel, clone: Clone): void {
  defineFunctions(kernel, {
    structuredClone(...values: unknown[]): unknown {
      if (values.length === 0) throw argumentError('The "value" argument must be specified', "ERR_MISSING_ARGS")
      const transfer = readTransfer(values[1])
      try {
        return clone(values[0], transfer)
      } catch (error) {
        throw asDataCloneError(error)
      }
    },
  })
}

const failed = "Failed to execute 'structuredClone':"

function readTransfer(options: unknown): readonly unknown[] {
  if (options === undefined || options === null) return []
  if (typeof options !== "object" && typeof options !== "function") {
    throw argumentError(`${failed} Options cannot be converted to a dictionary`)
  }
  const { transfer } = options as { transfer?: unknown }
  if (transfer === undefined) return []
  if (typeof (transfer as Iterable<unknown> | null)?.[Symbol.iterator] !== "function" || typeof transfer === "string") {
    throw argumentError(`${failed} transfer in Options cannot be converted to sequence.`)
  }
  return checkTransfer([...(transfer as Iterable<unknown>)])
}

function checkTransfer(values: readonly unknown[]): readonly unknown[] {
  values.forEach((value, index) => {
    if (value !== null && (typeof value === "object" || typeof value === "function")) return
    throw argumentError(`${failed} transfer in Options[${index}] is not an object.`)
  })
  if (new Set(values).size === values.length) return values
  throw new DOMException("A value is in the transfer list twice", "DataCloneError")
}

function asDataCloneError(error: unknown): unknown {
  try {
    if (!(error instanceof Error) || error instanceof DOMException || error.name !== "DataCloneError") return error
    return new DOMException(error.message, "DataCloneError")
  } catch {
    // Guest code threw something whose parts throw too.
    return error
  }
}
