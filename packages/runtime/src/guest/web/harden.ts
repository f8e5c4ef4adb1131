import type { Kernel } from "../kernel.ts"
import { hardenArrayBuffer } from "./harden-array-buffer.ts"
import { hardenWebAssembly } from "./harden-web-assembly.ts"
import { createInertFinalizationRegistry } from "./inert-finalization-registry.ts"
import { defineLazily, named } from "./define-global.ts"

/**
 * Takes away what would let a program use memory or time that nobody counts: buffers that grow, memory that is shared,
 * and callbacks that the engine runs by itself, outside the entries whose CPU time is charged.
 */
export function harden(kernel: Kernel): void {
  hardenArrayBuffer(kernel)
  hardenWebAssembly(kernel)
  defineLazily(kernel, ["FinalizationRegistry"], () => ({
    FinalizationRegistry: named("FinalizationRegistry", createInertFinalizationRegistry()),
  }))
  Reflect.deleteProperty(globalThis, "SharedArrayBuffer")
  Reflect.deleteProperty(Atomics, "waitAsync")
}
