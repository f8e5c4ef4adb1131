import { CloneError, CloneTooLargeError } from "@mayfly/protocol/clone"

/** What a guest may know of a failure: no stack, no cause. */
export interface CallFailure {
  readonly name: string
  readonly message: string
  readonly code?: string
}

/** Never throws: what was thrown may be made of the guest's own arguments, whose parts throw when they are read. */
export function callFailure(error: unknown): CallFailure {
  if (error instanceof CloneError)
    return { name: "DataCloneError", message: error.message, code: "worker.not-serializable" }
  if (error instanceof CloneTooLargeError) {
    return {
      name: "RangeError",
      message: "the answer is larger than limits.memoryMb allows",
      code: "worker.memory-limit",
    }
  }
  try {
    if (!(error instanceof Error)) return { name: "Error", message: String(error) }
    const { name, message, code } = error as { name: unknown; message: unknown; code?: unknown }
    return { name: String(name), message: String(message), ...(typeof code === "string" ? { code } : {}) }
  } catch {
    return { name: "Error", message: "the call failed with something that can't be shown" }
  }
}

/** An error for a guest's failure text. Name, message and code only, each cut: they are a guest's words. */
export function errorOfGuest(text: string): Error {
  const failure = JSON.parse(text) as Record<string, unknown> | null
  const field = (name: string): string => (typeof failure?.[name] === "string" ? failure[name].slice(0, maxText) : "")
  const error = new Error(field("message"))
  Object.defineProperty(error, "name", { value: field("name") || "Error", enumerable: false })
  return field("code") === "" ? error : Object.assign(error, { code: field("code") })
}

const maxText = 16_384
