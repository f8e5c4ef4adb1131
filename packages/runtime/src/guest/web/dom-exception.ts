import type { Kernel } from "../kernel.ts"
import { defineLazily, named } from "./define-global.ts"

/** Legacy code by name: https://webidl.spec.whatwg.org/#dfn-error-names-table. Newer names have code 0. */
const codes: Readonly<Record<string, number>> = Object.freeze({
  __proto__: null,
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25,
}) as unknown as Readonly<Record<string, number>>

/** The constants, in the order of their values from 1. */
const constants =
  "INDEX_SIZE DOMSTRING_SIZE HIERARCHY_REQUEST WRONG_DOCUMENT INVALID_CHARACTER NO_DATA_ALLOWED NO_MODIFICATION_ALLOWED " +
  "NOT_FOUND NOT_SUPPORTED INUSE_ATTRIBUTE INVALID_STATE SYNTAX INVALID_MODIFICATION NAMESPACE INVALID_ACCESS VALIDATION " +
  "TYPE_MISMATCH SECURITY NETWORK ABORT URL_MISMATCH QUOTA_EXCEEDED TIMEOUT INVALID_NODE_TYPE DATA_CLONE"

const { deleteProperty } = Reflect

/** https://webidl.spec.whatwg.org/#idl-DOMException */
export class DOMException extends Error {
  #name: string
  #message: string

  constructor(message: unknown = "", options: unknown = "Error") {
    const text = `${message}`
    super(text)
    finish()
    // V8 took the text for the first line of the stack; the property would hide the accessor.
    deleteProperty(this, "message")
    this.#message = text
    if (typeof options === "object" && options !== null) {
      const { name } = options as { name?: unknown }
      this.#name = name === undefined ? "Error" : `${name}`
      if ("cause" in options) defineCause(this, options.cause)
    } else this.#name = `${options}`
  }

  override get name(): string {
    return this.#name
  }

  override get message(): string {
    return this.#message
  }

  get code(): number {
    return codes[this.#name] ?? 0
  }
}

export function installDOMException(kernel: Kernel): void {
  defineLazily(kernel, ["DOMException"], () => {
    finish()
    return { DOMException }
  })
}

let isFinished = false

/** Fifty constants that nobody uses cost more than the rest of the class: they wait for the first touch of either. */
function finish(): void {
  if (isFinished) return
  isFinished = true
  const descriptors = constantDescriptors()
  Object.defineProperties(named("DOMException", DOMException), descriptors)
  Object.defineProperties(DOMException.prototype, descriptors)
}

function constantDescriptors(): PropertyDescriptorMap {
  const descriptors: PropertyDescriptorMap = {}
  let value = 0
  for (const constant of constants.split(" ")) descriptors[`${constant}_ERR`] = { value: ++value, enumerable: true }
  return descriptors
}

function defineCause(error: DOMException, value: unknown): void {
  Object.defineProperty(error, "cause", { value, writable: true, configurable: true })
}
