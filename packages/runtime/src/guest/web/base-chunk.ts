import type { Kernel } from "../kernel.ts"
import { installBase } from "./base.ts"
import { installStructuredClone } from "./structured-clone.ts"

/** Installs its globals itself. One chunk, not several: its parts throw the same DOMException. */
export default function loadBase(kernel: Kernel): Record<string, unknown> {
  installBase(kernel)
  installStructuredClone(kernel, (value, transfer) => kernel.clone(value, transfer))
  const { AbortController, AbortSignal, DOMException } = globalThis as unknown as Record<string, unknown>
  return { AbortController, AbortSignal, DOMException }
}
