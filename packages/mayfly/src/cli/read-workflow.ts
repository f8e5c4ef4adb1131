import { extname } from "node:path"
import { jsonModules } from "@mayfly/protocol"
import { invalid } from "./command-error.ts"
import { readProgram } from "./read-program.ts"

/** What `create` takes, from FILE: its JSON, or a script, with what that imports. Rejects with `input.invalid`. */
export async function readWorkflow(file: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const { source } = await readProgram(file, signal)
  const text = source.script ?? onlyText(source.modules)
  if (text === undefined) return { ...source, modules: jsonModules(source.modules ?? {}) }
  const definition = text.trimStart().startsWith("{") ? parse(text) : undefined
  if (definition !== undefined) return definition
  if (extname(file) === ".json") throw invalid("FILE", "must hold a JSON object with steps or script")
  return { script: text, ...(/\.m?ts$/.test(file) ? { language: "typescript" } : {}) }
}

/** A file that imports none of its neighbours is a script: it may be a bare function. */
function onlyText(modules: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const [only, ...more] = Object.values(modules ?? {})
  return typeof only === "string" && more.length === 0 ? only : undefined
}

/** Undefined for what is no JSON: code may begin with a brace too. */
function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
