import { readFileSync } from "node:fs"
import { extname } from "node:path"
import { pathToFileURL } from "node:url"
import { transformSync } from "oxc-transform"
import { SourceError } from "./source-error.ts"

export interface LoadedSource {
  readonly format: "module" | "commonjs" | "json"
  readonly source: string
}

const languages: Readonly<Record<string, "ts" | "tsx" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".jsx": "jsx",
}
const textEndings = [".txt", ".html", ".sql", ".md"]

/**
 * What Node shall evaluate for a file of the worker, or undefined to leave the file to Node. TypeScript is transformed, not only stripped, so that enums,
 * parameter properties and imports of types work; texts, bytes and WebAssembly are modules, as with wrangler.
 */
export function loadSource(path: string, format: string | undefined): LoadedSource | undefined {
  const ending = extname(path)
  const language = languages[ending]
  if (language !== undefined)
    return { format: ending === ".cts" ? "commonjs" : "module", source: transform(path, language) }
  if (ending === ".js" && format !== "commonjs" && looksLikeModule(path))
    return { format: "module", source: read(path) }
  if (textEndings.includes(ending)) return exporting(JSON.stringify(read(path)))
  if (ending === ".json") return { format: "json", source: read(path) }
  const bytes = `(await import("node:fs")).readFileSync(${JSON.stringify(path)})`
  if (ending === ".wasm") return exporting(`new WebAssembly.Module(${bytes})`)
  if (ending === ".bin") return exporting(`Uint8Array.from(${bytes}).buffer`)
  return undefined
}

function exporting(expression: string): LoadedSource {
  return { format: "module", source: `export default ${expression}\n` }
}

function read(path: string): string {
  return readFileSync(path, "utf8")
}

/** Looks for what an engine said is there in one of several JavaScript files, without saying where. */
export function findSyntaxError(path: string): SourceError | undefined {
  if (!/\.m?js$/.test(path)) return undefined
  const code = read(path)
  const [error] = transformSync(path, code, { lang: "js", sourceType: "module" }).errors
  return error === undefined ? undefined : SourceError.at(path, code, error.labels[0]?.start, error.message)
}

/** Node would find out too, and warn that it had to. */
function looksLikeModule(path: string): boolean {
  return /^\s*(?:import|export)\b/m.test(read(path))
}

function transform(path: string, language: "ts" | "tsx" | "jsx"): string {
  const code = read(path)
  const {
    code: transformed,
    map,
    errors,
  } = transformSync(path, code, {
    lang: language,
    sourceType: "module",
    sourcemap: true,
    target: "esnext",
  })
  const error = errors.find(({ severity }) => severity === "Error")
  if (error !== undefined) throw SourceError.at(path, code, error.labels[0]?.start, error.message)
  const url = pathToFileURL(path).href
  const text = JSON.stringify({ ...map, sources: [url], sourcesContent: [] })
  const comment = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(text).toString("base64")}`
  return `${transformed}\n${comment}\n`
}
