import { bytesToBase64 } from "./clone/bytes.ts"
import type { GivenModule } from "./program.ts"

/** Modules as the API takes them: bytes are base64. */
export function jsonModules(modules: Readonly<Record<string, GivenModule>>): Record<string, unknown> {
  const entries = Object.entries(modules).map(([name, module]): [string, unknown] => {
    if (typeof module !== "object" || module === null) return [name, module]
    const fields = Object.entries(module).map(([kind, content]): [string, unknown] => {
      const bytes = bytesOf(content)
      return [kind, bytes === undefined ? content : bytesToBase64(bytes)]
    })
    return [name, Object.fromEntries(fields)]
  })
  return Object.fromEntries(entries)
}

function bytesOf(content: unknown): Uint8Array | undefined {
  if (content instanceof ArrayBuffer) return new Uint8Array(content)
  if (!ArrayBuffer.isView(content)) return undefined
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
}
