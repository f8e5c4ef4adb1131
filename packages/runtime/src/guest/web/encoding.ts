import type { Kernel } from "../kernel.ts"
import { defineLazily, named } from "./define-global.ts"
import { createTextDecoder } from "./text-decoder.ts"
import { createTextEncoder } from "./text-encoder.ts"

export function installEncoding(kernel: Kernel): void {
  const ask: Kernel["ask"] = (question, text) => kernel.ask(question, text)
  defineLazily(kernel, ["TextEncoder"], () => ({ TextEncoder: named("TextEncoder", createTextEncoder()) }))
  defineLazily(kernel, ["TextDecoder"], () => ({ TextDecoder: named("TextDecoder", createTextDecoder(ask)) }))
}
