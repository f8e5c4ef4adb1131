import { commonJsExportNames, looksLikeCommonJs, requiredSpecifiers } from "./commonjs.ts"
import { CompileError } from "./compile-error.ts"
import { compileModule, type ReadyModule } from "./compile-module.ts"
import { isModule } from "./detect-shape.ts"
import { neededChunks } from "./needed-chunks.ts"
import { firstError, parse, parses, type SourceLanguage } from "./parse.ts"
import type { CompileAnswer, CompiledModule, CompileRequest, ModulePositions, ModuleSource } from "./program.ts"
import { resolveModule } from "./resolve-module.ts"
import { syntaxProblem } from "./syntax-check.ts"
import { unfence } from "./unfence.ts"

/** Compiles a whole program: shapes, TypeScript, module kinds, static imports. Never throws. */
export function compileProgram(request: CompileRequest): CompileAnswer {
  try {
    return new ProgramCompiler(request).compile()
  } catch (error) {
    if (error instanceof CompileError) return { failure: error.failure }
    return { failure: { code: "worker.syntax", message: `the program can't be compiled: ${(error as Error).message}` } }
  }
}

interface Source {
  readonly kind: "js" | "ts" | "cjs" | "text" | "json" | "data" | "wasm"
  readonly text: string
}

class ProgramCompiler {
  readonly #sources = new Map<string, Source>()
  readonly #languages: readonly SourceLanguage[]
  readonly #main: string
  readonly #prefix: string
  readonly #modules: CompiledModule[] = []
  readonly #positions: ModulePositions[] = []
  readonly #imports: [string, string][] = []
  readonly #metas: [string, string, boolean][] = []
  #shape: ReadyModule["shape"] = "module"

  constructor(request: CompileRequest) {
    this.#languages = languagesOf(request.language)
    this.#main = request.script === undefined ? this.#takeModules(request) : this.#takeScript(request.script, request.language)
    this.#prefix = unusedPrefix([...this.#sources.values()])
  }

  compile(): CompileAnswer {
    for (const [name, source] of this.#sources) this.#compileSource(name, source)
    const sources = [...this.#sources.values()].filter(({ kind }) => kind === "js" || kind === "ts" || kind === "cjs")
    const program = {
      main: this.#main,
      shape: this.#shape,
      modules: this.#modules,
      names: [...this.#sources.keys()],
      chunks: neededChunks(sources.map(({ text }) => text)),
      prefix: this.#prefix,
      hasHelpers: [...this.#sources].some(([name, source]) => this.#isRegistered(name, source)),
      imports: this.#imports,
      metas: this.#metas,
    }
    return { program, positions: this.#positions }
  }

  #takeScript(script: string, language: CompileRequest["language"]): string {
    const isProgram = (text: string): boolean => this.#languages.some((candidate) => parses(text, candidate))
    const { code, language: fenced } = unfence(script, isProgram)
    const kind = language === "typescript" || (language === "auto" && fenced === "typescript") ? "ts" : "js"
    const name = kind === "ts" || (language === "auto" && isTypescript(code)) ? "main.ts" : "main.js"
    this.#sources.set(name, { kind: name === "main.ts" ? "ts" : "js", text: code })
    return name
  }

  #takeModules(request: CompileRequest): string {
    const main = request.main ?? ""
    for (const [name, source] of Object.entries(request.modules ?? {})) this.#sources.set(name, sourceOf(name, source))
    const found = this.#sources.has(main) ? main : resolveModule(main, "", (name) => this.#sources.has(name))
    if (found === undefined) {
      throw new CompileError({ code: "worker.module-not-found", message: `the main module "${main}" is not among the modules`, specifier: main })
    }
    const kind = this.#sources.get(found)?.kind
    if (kind === "js" || kind === "ts" || kind === "cjs") return found
    throw new CompileError({ code: "worker.no-entrypoint", message: `the main module "${found}" is ${kind ?? "nothing"}, not code` })
  }

  #compileSource(name: string, source: Source): void {
    switch (source.kind) {
      case "js":
      case "ts":
        return this.#isCommonJs(name, source) ? this.#commonJs(name, source.text) : this.#module(name, source)
      case "cjs":
        return this.#commonJs(name, source.text)
      case "text":
        return this.#value(name, JSON.stringify(source.text))
      case "json":
        return this.#value(name, `JSON.parse(${JSON.stringify(source.text)})`)
      case "data":
        return this.#value(name, `${this.#prefix}_bytes(${JSON.stringify(source.text)})`)
      case "wasm":
        return this.#value(name, `new WebAssembly.Module(${this.#prefix}_bytes(${JSON.stringify(source.text)}))`)
    }
  }

  #isCommonJs(name: string, source: Source): boolean {
    if (source.kind !== "js" || !looksLikeCommonJs(source.text)) return false
    const parsed = parse(source.text, "js")
    if (firstError(parsed) !== undefined || isModule(parsed)) return false
    return name !== this.#main || /\bmodule\.exports\b|\bexports\.\w/.test(source.text)
  }

  #module(name: string, source: Source): void {
    const isMain = name === this.#main
    const self = `${this.#prefix}_self`
    const module = compileModule({
      name,
      source: source.text,
      languages: source.kind === "ts" ? ["ts"] : this.#languages,
      isMain,
      index: this.#modules.length,
      ...(isMain ? { epilogue: `import*as ${self} from"${self}";${this.#prefix}_start(${self})` } : {}),
    })
    const imports = this.#resolveAll(name, module.specifiers)
    if (isMain) {
      this.#shape = module.shape
      imports[self] = name
    }
    if (module.importIdentifier !== undefined) this.#imports.push([module.importIdentifier, name])
    if (module.metaIdentifier !== undefined) this.#metas.push([module.metaIdentifier, name, isMain])
    this.#modules.push({ name, code: module.code, imports })
    this.#positions.push(module.positions)
  }

  #resolveAll(referrer: string, specifiers: readonly string[]): Record<string, string> {
    const imports: Record<string, string> = {}
    for (const specifier of specifiers) {
      const name = resolveModule(specifier, referrer, (candidate) => this.#sources.has(candidate))
      if (name === undefined) throw new CompileError(missingModule(specifier, referrer, [...this.#sources.keys()]))
      imports[specifier] = name
    }
    return imports
  }

  /** Importers get a facade; the code itself stands in a module of its own that only registers it, so that `require` finds it. */
  #commonJs(name: string, text: string): void {
    const prefix = this.#prefix
    const imports = Object.fromEntries(
      requiredSpecifiers(text)
        .map((specifier) => [specifier, resolveModule(specifier, name, (candidate) => this.#sources.has(candidate))])
        .filter((pair): pair is [string, string] => pair[1] !== undefined),
    )
    const head = `${prefix}_define(${JSON.stringify(name)},${JSON.stringify(imports)},function(exports,require,module,__filename,__dirname){`
    const code = `${head}${text}\n})`
    const insertions = [{ line: 1, column: 0, length: head.length }]
    const problem = syntaxProblem(name, code)
    if (problem !== undefined) throw new CompileError({ code: "worker.syntax", message: problem.message, file: name })
    this.#modules.push({ name: `${prefix}:${name}`, code, imports: {} })
    this.#positions.push({ name: `${prefix}:${name}`, insertions, lines: text.split("\n").length, source: text })
    this.#facade(name, commonJsExportNames(text))
  }

  #facade(name: string, exportNames: readonly string[]): void {
    const prefix = this.#prefix
    const registered = [...this.#sources].filter(([other, source]) => this.#isRegistered(other, source)).map(([other]) => other)
    const imports: Record<string, string> = {}
    let code = ""
    registered.forEach((other, index) => {
      imports[`${prefix}${index}`] = `${prefix}:${other}`
      code += `import"${prefix}${index}";`
    })
    code += `const ${prefix}_m=${prefix}_require(${JSON.stringify(name)});export default ${prefix}_m;`
    for (const exported of exportNames) code += `export const ${exported}=${prefix}_m?.${exported};`
    if (name === this.#main) {
      imports[`${prefix}_self`] = name
      code += `import*as ${prefix}_self from"${prefix}_self";${prefix}_start(${prefix}_self)`
    }
    this.#modules.push({ name, code, imports })
  }

  #isRegistered(name: string, source: Source): boolean {
    return source.kind !== "js" && source.kind !== "ts" ? true : this.#isCommonJs(name, source)
  }

  #value(name: string, expression: string): void {
    const prefix = this.#prefix
    const usesCommonJs = [...this.#sources].some(([other, source]) => source.kind === "cjs" || this.#isCommonJs(other, source))
    this.#modules.push({ name, code: `export default ${expression}`, imports: {} })
    if (!usesCommonJs) return
    const code = `import v from"${prefix}v";${prefix}_provide(${JSON.stringify(name)},v)`
    this.#modules.push({ name: `${prefix}:${name}`, code, imports: { [`${prefix}v`]: name } })
  }
}

function languagesOf(language: CompileRequest["language"]): readonly SourceLanguage[] {
  return language === "auto" ? ["js", "ts"] : language === "typescript" ? ["ts"] : ["js"]
}

/** JavaScript where it can be read as such, in any shape. */
function isTypescript(code: string): boolean {
  if (parses(code, "js") || parses(`(${code.replace(/[;\s]+$/, "")}\n)`, "js")) return false
  const asBody = (language: SourceLanguage): boolean => parses(`async()=>{{${code}\n}}`, language)
  if (asBody("js")) return false
  return parses(code, "ts") || asBody("ts") || parses(`(${code.replace(/[;\s]+$/, "")}\n)`, "ts")
}

function sourceOf(name: string, source: ModuleSource): Source {
  if (typeof source !== "string") return explicitSource(name, source)
  const ending = /\.[a-z]+$/i.exec(name)?.[0].toLowerCase() ?? ""
  if (ending === ".ts" || ending === ".mts") return { kind: "ts", text: source }
  if (ending === ".cjs") return { kind: "cjs", text: source }
  if (ending === ".json") return { kind: "json", text: checkedJson(name, source) }
  if (ending === "" || ending === ".js" || ending === ".mjs") return { kind: "js", text: source }
  return { kind: "text", text: source }
}

function explicitSource(name: string, source: Exclude<ModuleSource, string>): Source {
  if ("js" in source) return { kind: /\.m?ts$/.test(name) ? "ts" : "js", text: source.js }
  if ("ts" in source) return { kind: "ts", text: source.ts }
  if ("cjs" in source) return { kind: "cjs", text: source.cjs }
  if ("text" in source) return { kind: "text", text: source.text }
  if ("data" in source) return { kind: "data", text: source.data }
  if ("wasm" in source) return { kind: "wasm", text: source.wasm }
  return { kind: "json", text: JSON.stringify(source.json) ?? "null" }
}

function checkedJson(name: string, text: string): string {
  try {
    JSON.parse(text)
    return text
  } catch (error) {
    throw new CompileError({ code: "worker.syntax", message: `${name} is not JSON: ${(error as Error).message}`, file: name })
  }
}

function missingModule(specifier: string, referrer: string, names: readonly string[]): CompileErrorFailure {
  const given = names.slice(0, 20).join(", ")
  return {
    code: "worker.module-not-found",
    message: `"${specifier}", imported by "${referrer}", is not among the modules (${given})`,
    file: referrer,
    specifier,
  }
}

type CompileErrorFailure = CompileError["failure"]

function unusedPrefix(sources: readonly Source[]): string {
  for (let attempt = 0; ; attempt++) {
    const prefix = `$mayfly${attempt === 0 ? "" : attempt}`
    if (!sources.some(({ text }) => text.includes(prefix))) return prefix
  }
}
