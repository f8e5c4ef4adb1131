import type { Kernel } from "../kernel.ts"
import { illegalConstructor } from "./argument-error.ts"
import { typedArrayName } from "./buffer-bytes.ts"
import { defineLazily, named } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"
import { createEntropyPool } from "./entropy-pool.ts"
import type { TakeEntropy } from "./entropy-pool.ts"

const maxBytes = 65_536
const integerArray = /^(Big)?(Ui|I)nt\d+(Clamped)?Array$/
const key = Symbol("Crypto")

/** https://w3c.github.io/webcrypto/#crypto-interface */
const createCrypto = (kernel: Kernel, take: TakeEntropy) =>
  class {
    constructor(secret?: unknown) {
      if (secret !== key) throw illegalConstructor()
    }

    get subtle(): unknown {
      return kernel.chunk<{ subtle: unknown }>("subtle").subtle
    }

    getRandomValues(array: ArrayBufferView): ArrayBufferView {
      if (!integerArray.test(typedArrayName(array) ?? "")) {
        throw new DOMException("The data argument must be an integer-type TypedArray", "TypeMismatchError")
      }
      const { buffer, byteOffset, byteLength } = array
      if (byteLength > maxBytes) {
        throw new DOMException("The requested length exceeds 65,536 bytes", "QuotaExceededError")
      }
      if (byteLength > 0) new Uint8Array(buffer, byteOffset, byteLength).set(take(byteLength))
      return array
    }

    randomUUID(): string {
      const bytes = take(16)
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
      let text = ""
      for (let index = 0; index < 16; index++) {
        if (index === 4 || index === 6 || index === 8 || index === 10) text += "-"
        text += ((bytes[index] ?? 0) + 0x100).toString(16).slice(1)
      }
      return text
    }
  }

export function installCrypto(kernel: Kernel): void {
  defineLazily(kernel, ["Crypto", "crypto"], () => {
    const Crypto = named("Crypto", createCrypto(kernel, createEntropyPool(kernel)))
    return { Crypto, crypto: new Crypto(key) }
  })
}
