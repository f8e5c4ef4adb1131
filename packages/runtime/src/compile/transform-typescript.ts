import { transformSync } from "oxc-transform"

export interface Transformed {
  readonly code: string
  /** Source map, version 3, as JSON. */
  readonly map: string
  /** The transformer's complaint, if any. */
  readonly error?: string
}

/** Takes the types out. Enums, namespaces, parameter properties and decorators become JavaScript; unused imports (of types) go. */
export function transformTypescript(name: string, code: string): Transformed {
  const result = transformSync(name.endsWith(".ts") || name.endsWith(".mts") ? name : `${name}.ts`, code, {
    lang: "ts",
    sourceType: "module",
    sourcemap: true,
    target: "esnext",
    decorator: { legacy: true },
  })
  const error = result.errors.find((found) => found.severity === "Error")
  const map = result.map === undefined ? "" : JSON.stringify({ ...result.map, sourcesContent: [] })
  return { code: result.code, map, ...(error === undefined ? {} : { error: error.message }) }
}
