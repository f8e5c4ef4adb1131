import type { Kernel } from "../kernel.ts"

const { construct, defineProperty, getOwnPropertyDescriptor } = Reflect

/**
 * Replaces the constructor by one that ignores `maxByteLength`: resizable buffers reserve and commit memory that the
 * isolate's limit does not count (3.6 GB with a limit of 64 MB), and V8 has no flag against them.
 */
export function hardenArrayBuffer(kernel: Kernel): void {
  const Native = ArrayBuffer
  const Hardened = function (length: unknown): object {
    if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'")
    return construct(Native, [length], new.target)
  }
  for (const key of ["name", "prototype", "isView", Symbol.species]) {
    const descriptor = getOwnPropertyDescriptor(Native, key)
    if (descriptor !== undefined) defineProperty(Hardened, key, descriptor)
  }
  defineProperty(Native.prototype, "constructor", { value: Hardened, writable: true, configurable: true })
  kernel.define("ArrayBuffer", Hardened)
}
