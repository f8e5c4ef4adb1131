import type { LoadChunk } from "../kernel.ts"
import { bufferOf, isBufferSource, viewOf } from "./bytes.ts"
import { CryptoKey, type KeyFields, keyId, makeKey } from "./crypto-key.ts"
import { installedKernel, installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"

/** What the host answers, see host/subtle.ts. */
type Answer =
  | { readonly kind: "error"; readonly name: string; readonly message: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "key"; readonly key: KeyFields }
  | { readonly kind: "pair"; readonly publicKey: KeyFields; readonly privateKey: KeyFields }

// Deep enough for every dictionary of the standard, and an end for cyclic ones.
const maxDepth = 5

let isConstructible = true

/** https://w3c.github.io/webcrypto/#subtlecrypto-interface. Every operation runs in the host. */
class SubtleCrypto {
  static {
    // The standard gives each method the number of its required parameters.
    for (const [name, parameters] of requiredParameters()) {
      const value = async function (this: unknown, ...values: unknown[]): Promise<unknown> {
        if (!(this instanceof SubtleCrypto)) throw new TypeError(`SubtleCrypto.${name}: illegal invocation`)
        if (values.length < parameters) throw new TypeError(`SubtleCrypto.${name}: ${parameters} arguments required`)
        return perform(name, values)
      }
      Object.defineProperty(value, "name", { value: name, configurable: true })
      Object.defineProperty(value, "length", { value: parameters, configurable: true })
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true })
    }
  }

  constructor() {
    if (!isConstructible) throw new TypeError("Illegal constructor")
  }

  get [Symbol.toStringTag](): string {
    return "SubtleCrypto"
  }
}

const loadSubtle: LoadChunk = (kernel) => {
  installKernel(kernel)
  const subtle = new SubtleCrypto()
  isConstructible = false
  return { ...nameClasses({ SubtleCrypto, CryptoKey }), subtle }
}

export default loadSubtle

function requiredParameters(): readonly (readonly [string, number])[] {
  return [
    ["digest", 2],
    ["encrypt", 3],
    ["decrypt", 3],
    ["sign", 3],
    ["verify", 4],
    ["generateKey", 3],
    ["importKey", 5],
    ["exportKey", 2],
    ["deriveKey", 5],
    ["deriveBits", 2],
    ["wrapKey", 4],
    ["unwrapKey", 7],
  ]
}

async function perform(method: string, values: readonly unknown[]): Promise<unknown> {
  const payload = installedKernel().encode({ method, args: values.map((value) => toWire(value, maxDepth)) })
  const answer = installedKernel().decode(await installedKernel().request("subtle", payload).answer) as Answer
  switch (answer.kind) {
    case "error":
      throw answer.name === "TypeError" ? new TypeError(answer.message) : new DOMException(answer.message, answer.name)
    case "bytes":
      return bufferOf(answer.bytes)
    case "value":
      return answer.value
    case "key":
      return makeKey(answer.key)
    case "pair":
      return { publicKey: makeKey(answer.publicKey), privateKey: makeKey(answer.privateKey) }
  }
}

/** Keys become handles, buffers bytes; dictionaries are read here, once, as Web IDL does. */
function toWire(value: unknown, depth: number): unknown {
  const id = keyId(value)
  if (id !== null) return { $key: id }
  if (isBufferSource(value)) return viewOf(value)
  if (typeof value !== "object" || value === null) return typeof value === "function" ? {} : value
  if (depth === 0) throw new TypeError("SubtleCrypto: an argument is nested too deeply")
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, (item) => toWire(item, depth - 1))
  const plain: Record<string, unknown> = {}
  // Members may be inherited, so own keys are not enough.
  for (const name in value) plain[name] = toWire(Reflect.get(value, name), depth - 1)
  return plain
}
