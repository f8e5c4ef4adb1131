import { type Limits, MayflyError, type NetworkPolicy, parseLimits, type WorkerOptions } from "@mayfly/protocol"
import { bytesToBase64 } from "@mayfly/protocol/clone"
import type { CompileRequest, ModuleSource } from "../compile/program.ts"
import type { Runtime } from "../runtime.ts"
import { pinPolicy } from "./pin-policy.ts"

export interface DynamicWorkerOptions extends WorkerOptions {
  /** Where it runs. Default: one platform for the process, made on first use. */
  readonly platform?: { readonly runtime: Runtime }
}

export interface ParsedWorkerOptions {
  readonly source: CompileRequest
  readonly limits: Limits
  readonly network: NetworkPolicy
  readonly env: Readonly<Record<string, unknown>>
  readonly tenant: string
  readonly name?: string
  readonly typecheck: boolean
  readonly declarations?: string
}

/** Most bytes of code in all modules. */
export const maxCodeBytes = 64 << 20
const known = [
  "script",
  "modules",
  "mainModule",
  "language",
  "limits",
  "network",
  "env",
  "tenant",
  "name",
  "platform",
  "typecheck",
  "declarations",
]
const maxDeclarations = 1 << 20
const moduleKinds = ["js", "ts", "cjs", "text", "json", "data", "wasm"]
const languages = ["auto", "javascript", "typescript"]

/** Checks options in a fixed order: shape, program, language, limits, network, env, tenant. Throws `input.invalid` or `worker.code-too-large`. */
export function parseWorkerOptions(options: DynamicWorkerOptions): ParsedWorkerOptions {
  const given = record(options, "options")
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw invalid(name, `is not an option; the options are ${known.join(", ")}`)
  }
  const source = parseSource(given)
  const network = given["network"] === undefined ? {} : pinPolicy(record(given["network"], "network"))
  const env = given["env"] === undefined ? {} : record(given["env"], "env")
  const limits = parseLimits(given["limits"])
  const tenant = parseTenant(given["tenant"])
  return { source, limits, network, env, tenant, ...parseName(given["name"]), ...parseTypecheck(given) }
}

function parseName(name: unknown): Pick<ParsedWorkerOptions, "name"> {
  if (name === undefined) return {}
  if (typeof name === "string" && /^[\w.:@-]{1,128}$/.test(name)) return { name }
  throw invalid("name", "must be 1 to 128 letters, digits or . : @ _ -")
}

function parseTypecheck({
  typecheck,
  declarations,
}: Record<string, unknown>): Pick<ParsedWorkerOptions, "typecheck" | "declarations"> {
  if (typecheck !== undefined && typeof typecheck !== "boolean") throw invalid("typecheck", "must be true or false")
  if (declarations === undefined) return { typecheck: typecheck === true }
  if (typeof declarations !== "string") throw invalid("declarations", `must be a string, not ${nameOf(declarations)}`)
  if (declarations.length > maxDeclarations)
    throw invalid("declarations", `must not be longer than ${maxDeclarations} characters`)
  return { typecheck: typecheck === true, declarations }
}

export function parseTenant(tenant: unknown): string {
  if (tenant === undefined) return "default"
  if (typeof tenant === "string" && /^[\w.:@-]{1,128}$/.test(tenant)) return tenant
  throw invalid("tenant", "must be 1 to 128 letters, digits or . : @ _ -")
}

function parseSource(given: Record<string, unknown>): CompileRequest {
  const { script, modules, mainModule } = given
  const language = parseLanguage(given["language"])
  if (script !== undefined && modules !== undefined) throw invalid("script", "can't be given together with modules")
  if (script !== undefined) return { script: parseScript(script), language }
  if (modules === undefined) throw invalid("script", "is missing: give a program text, or modules and mainModule")
  if (typeof mainModule !== "string") throw invalid("mainModule", "must name the module that is called")
  const parsed = parseModules(record(modules, "modules"))
  return { modules: parsed, main: mainModule, language }
}

function parseScript(script: unknown): string {
  if (typeof script !== "string") throw invalid("script", `must be a string, not ${nameOf(script)}`)
  if (script.trim() === "") throw invalid("script", "is empty: there is nothing to run")
  checkSize(Buffer.byteLength(script))
  if (script.includes("\u0000")) throw invalid("script", "holds a NUL character: it is not program text")
  return script
}

function parseLanguage(language: unknown): CompileRequest["language"] {
  if (language === undefined) return "auto"
  if (typeof language === "string" && /^py(?:thon)?[\d.]*$/i.test(language)) throw pythonRefused()
  if (typeof language === "string" && languages.includes(language)) return language as CompileRequest["language"]
  throw invalid("language", `must be one of ${languages.join(", ")}`)
}

/** See docs/decisions/0016: no Python that runs in an isolate is the one that programs are written for. */
function pythonRefused(): MayflyError {
  return new MayflyError("input.invalid", "language is Python, which isolates do not run", {
    fix: 'Run it in a sandbox: `sandbox.runCode("python", code)`, or write the program in JavaScript or TypeScript.',
    details: { path: "language" },
  })
}

function parseModules(modules: Record<string, unknown>): Record<string, ModuleSource> {
  const parsed: [string, ModuleSource][] = []
  let size = 0
  for (const [name, module] of Object.entries(modules)) {
    if (name === "" || name.length > 512 || /[\u0000-\u001f]/.test(name))
      throw invalid("modules", `has a module with an unusable name`)
    const one = parseModule(`modules[${JSON.stringify(name)}]`, module)
    size += sizeOf(one)
    parsed.push([name, one])
  }
  if (parsed.length === 0) throw invalid("modules", "is empty: there is nothing to run")
  checkSize(size)
  return Object.fromEntries(parsed)
}

function parseModule(path: string, module: unknown): ModuleSource {
  if (typeof module === "string") return module
  const fields = record(module, path)
  const kinds = Object.keys(fields)
  const kind = kinds[0] ?? ""
  if (kinds.length !== 1 || !moduleKinds.includes(kind)) {
    throw invalid(path, `must be a string or an object with exactly one of ${moduleKinds.join(", ")}`)
  }
  const content = fields[kind]
  if (kind === "json") return { json: content }
  if (kind === "data" || kind === "wasm")
    return { [kind]: bytesToBase64(parseBytes(`${path}.${kind}`, content)) } as ModuleSource
  if (typeof content !== "string") throw invalid(`${path}.${kind}`, `must be a string, not ${nameOf(content)}`)
  return { [kind]: content } as unknown as ModuleSource
}

function parseBytes(path: string, content: unknown): Uint8Array {
  if (content instanceof ArrayBuffer) return new Uint8Array(content)
  if (ArrayBuffer.isView(content)) return new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
  throw invalid(path, `must be an ArrayBuffer or a Uint8Array, not ${nameOf(content)}`)
}

function sizeOf(module: ModuleSource): number {
  if (typeof module === "string") return Buffer.byteLength(module)
  const content: unknown = Object.values(module)[0]
  return typeof content === "string" ? Buffer.byteLength(content) : 0
}

function checkSize(size: number): void {
  if (size <= maxCodeBytes) return
  const message = `the program has ${size} bytes of code; the limit is ${maxCodeBytes}`
  throw new MayflyError("worker.code-too-large", message, { details: { limit: maxCodeBytes, used: size } })
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(path, `must be an object, not ${nameOf(value)}`)
}

function nameOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `of type ${typeof value}`
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
