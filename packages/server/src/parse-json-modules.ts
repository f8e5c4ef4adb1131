import type { GivenModule } from "./given-module.ts"
import { asRecord, invalid } from "./parse-fields.ts"

/** Modules as they stand in JSON: bytes are base64. What else may be wrong with them the library says. Throws `input.invalid`. */
export function parseJsonModules(value: unknown): Record<string, GivenModule> {
  return Object.fromEntries(
    Object.entries(asRecord(value, "modules")).map(([name, module]) => [name, parseModule(name, module)]),
  )
}

function parseModule(name: string, module: unknown): GivenModule {
  if (typeof module === "string") return module
  const path = `modules[${JSON.stringify(name)}]`
  const fields = asRecord(module, path)
  const bytes = Object.entries(fields).map(([kind, content]): [string, unknown] =>
    kind === "data" || kind === "wasm" ? [kind, parseBase64(`${path}.${kind}`, content)] : [kind, content],
  )
  return Object.fromEntries(bytes) as unknown as GivenModule
}

function parseBase64(path: string, content: unknown): Uint8Array {
  const isBase64 = typeof content === "string" && content.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(content)
  if (!isBase64) throw invalid(path, "must be base64 text")
  return Buffer.from(content, "base64")
}
