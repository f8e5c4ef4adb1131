import {
  absentBuiltin,
  builtinCall,
  builtinChunks,
  builtinFacade,
  builtinModule,
  builtinNames,
} from "./builtin-modules.ts"
import { commonJsNames, dynamicSpecifiers, looksLikeCommonJs, requiredSpecifiers } from "./commonjs.ts"
import { CompileError } from "./compile-error.ts"
import { checkSyntax, compileModule, type ReadyModule } from "./compile-module.ts"
import { isModule } from "./detect-shape.ts"
import { neededChunks } from "./needed-chunks.ts"
import { firstError, parse, parses, type SourceLanguage } from "./parse.ts"
import type { CompileAnswer, CompiledModule, CompileRequest, ModulePositions, ModuleSource } from "./program.ts"
import { resolveModule } from "./resolve-module.ts"
import { type ImportKind, PackageResolver, type Resolution } from "./resolve-package.ts"
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
  readonly #imports: [string, string, Record<string, string>][] = []
  readonly #metas: [string, string, boolean][] = []
  readonly #packages: PackageResolver
  /** Given modules that are compiled: all but those of packages, and of these what is imported. Grows while it is walked. */
  readonly #wanted = new Set<string>()
  readonly #builtins = new Set<string>()
  /** Builtin modules that the program names; the others of `#builtins` a computed import may reach. */
  readonly #named = new Set<string>()
  readonly #isCommonJsByName = new Map<string, boolean>()
  #shape: ReadyModule["shape"] = "module"

  constructor(request: CompileRequest) {
    this.#packages = new PackageResolver({
      has: (name) => this.#sources.has(name),
      json: (name) => (this.#sources.get(name)?.kind === "json" ? this.#sources.get(name)?.text : undefined),
    })
    this.#languages = languagesOf(request.language)
    this.#main =
      request.script === undefined ? this.#takeModules(request) : this.#takeScript(request.script, request.language)
    this.#prefix = unusedPrefix([...this.#sources.values()])
  }

  compile(): CompileAnswer {
    for (const name of this.#sources.keys())
      if (name === this.#main || !this.#packages.isInstalled(name)) this.#wanted.add(name)
    for (const name of this.#wanted) this.#compileSource(name, this.#sources.get(name) as Source)
    this.#registry()
    for (const name of this.#builtins)
      this.#modules.push({ name, code: builtinFacade(name, this.#prefix), imports: {} })
    const wanted = this.#wantedSources().map(([, source]) => source)
    const sources = wanted.filter(({ kind }) => kind === "js" || kind === "ts" || kind === "cjs")
    const chunks = [
      ...neededChunks(sources.map(({ text }) => text)),
      ...[...this.#named].flatMap((name) => builtinChunks(name)),
    ]
    const program = {
      main: this.#main,
      shape: this.#shape,
      modules: this.#modules,
      names: [...this.#wanted, ...this.#builtins],
      chunks: [...new Set(chunks)],
      prefix: this.#prefix,
      hasHelpers:
        this.#builtins.size > 0 || this.#wantedSources().some(([name, source]) => this.#isRegistered(name, source)),
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
      throw new CompileError({
        code: "worker.module-not-found",
        message: `the main module "${main}" is not among the modules`,
        specifier: main,
      })
    }
    const kind = this.#sources.get(found)?.kind
    if (kind === "js" || kind === "ts" || kind === "cjs") return found
    throw new CompileError({
      code: "worker.no-entrypoint",
      message: `the main module "${found}" is ${kind ?? "nothing"}, not code`,
    })
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
        return this.#value(name, `JSON.parse(${JSON.stringify(checkedJson(name, source.text))})`)
      case "data":
        return this.#value(name, `${this.#prefix}_bytes(${JSON.stringify(source.text)})`)
      case "wasm":
        return this.#value(name, `new WebAssembly.Module(${this.#prefix}_bytes(${JSON.stringify(source.text)}))`)
    }
  }

  #wantedSources(): [string, Source][] {
    return [...this.#wanted].map((name) => [name, this.#sources.get(name) as Source])
  }

  #isCommonJs(name: string, source: Source): boolean {
    let known = this.#isCommonJsByName.get(name)
    if (known === undefined) {
      known = this.#detectCommonJs(name, source)
      this.#isCommonJsByName.set(name, known)
    }
    return known
  }

  /** What the package says; in a package that says nothing, and outside of packages, what the code looks like. */
  #detectCommonJs(name: string, source: Source): boolean {
    if (source.kind !== "js" || name.endsWith(".mjs")) return false
    const type = this.#packages.typeOf(name)
    if (type === "module") return false
    if (!looksLikeCommonJs(source.text) && type !== "commonjs" && !this.#packages.isInstalled(name)) return false
    const parsed = parse(source.text, "js")
    if (firstError(parsed) !== undefined || isModule(parsed)) return false
    return name !== this.#main || /\bmodule\.exports\b|\bexports\.\w/.test(source.text)
  }

  #module(name: string, source: Source): void {
    const isMain = name === this.#main
    const self = `${this.#prefix}_self`
    const process = `${this.#prefix}_process`
    const readsProcess = this.#packages.isInstalled(name) && mentionsProcess(source.text)
    const module = compileModule({
      name,
      source: source.text,
      languages: source.kind === "ts" ? ["ts"] : this.#languages,
      isMain,
      index: this.#modules.length,
      ...(isMain ? { epilogue: `import*as ${self} from"${self}";${this.#prefix}_start(${self})` } : {}),
      ...(readsProcess && !isMain ? { epilogue: `import process from"${process}"` } : {}),
    })
    const imports = this.#resolveAll(name, module.specifiers)
    if (readsProcess && !isMain) imports[process] = this.#builtin("node:process")
    if (isMain) {
      this.#shape = module.shape
      imports[self] = name
    }
    if (module.importIdentifier !== undefined)
      this.#imports.push([module.importIdentifier, name, this.#dynamicTargets(name, source.text)])
    if (module.metaIdentifier !== undefined) this.#metas.push([module.metaIdentifier, name, isMain])
    this.#modules.push({ name, code: module.code, imports })
    this.#positions.push(module.positions)
  }

  #resolveAll(referrer: string, specifiers: readonly string[]): Record<string, string> {
    const imports: Record<string, string> = {}
    for (const specifier of specifiers) {
      const found = this.#resolve(specifier, referrer, "import")
      if (found === undefined || "problem" in found) {
        throw new CompileError(
          missingModule(specifier, referrer, found?.problem ?? absentBuiltin(specifier), [...this.#sources.keys()]),
        )
      }
      imports[specifier] = found.name
    }
    return imports
  }

  /** Given modules win over packages, packages over builtin modules; but `path` means a given "path.js" only where there is no builtin one. */
  #resolve(specifier: string, referrer: string, kind: ImportKind): Resolution | undefined {
    const found = this.#find(specifier, referrer, kind)
    if (found !== undefined && "name" in found && this.#sources.has(found.name)) this.#wanted.add(found.name)
    return found
  }

  #find(specifier: string, referrer: string, kind: ImportKind): Resolution | undefined {
    const has = (name: string): boolean => this.#sources.has(name)
    const isBare = !/^(?:\.{0,2}\/|\.{1,2}$|file:)/.test(specifier)
    if (isBare && has(specifier)) return { name: specifier }
    const inPackage = isBare ? this.#packages.resolve(specifier, referrer, kind) : undefined
    if (inPackage !== undefined && "name" in inPackage)
      return has(inPackage.name) ? inPackage : { name: this.#builtin(inPackage.name) }
    const builtin = isBare ? builtinModule(specifier) : undefined
    if (builtin !== undefined) return { name: this.#builtin(builtin) }
    const name = resolveModule(specifier, referrer, has)
    if (name !== undefined) return { name }
    return inPackage ?? (isBare ? undefined : this.#packages.resolve(specifier, referrer, kind))
  }

  #builtin(name: string): string {
    this.#builtins.add(name)
    this.#named.add(name)
    return name
  }

  /** What dynamic imports mean that the host can't know: it sees module names, not packages. A computed one may mean any builtin module. */
  #dynamicTargets(name: string, text: string): Record<string, string> {
    const { literal, isComputed } = dynamicSpecifiers(text)
    const targets: Record<string, string> = Object.create(null) as Record<string, string>
    if (isComputed) for (const builtin of builtinNames) this.#builtins.add(builtin)
    for (const specifier of literal) {
      const found = this.#resolve(specifier, name, "import")
      if (found !== undefined && "name" in found)
        targets[specifier] = /^[./]/.test(found.name) ? `file:///${found.name}` : found.name
    }
    return targets
  }

  /** Importers get a facade; the code itself stands in a module of its own that only registers it, so that `require` finds it. */
  #commonJs(name: string, text: string): void {
    const prefix = this.#prefix
    const imports: Record<string, string> = {}
    for (const specifier of requiredSpecifiers(text)) {
      const found = this.#resolve(specifier, name, "require")
      if (found !== undefined && "name" in found) imports[specifier] = found.name
    }
    const [before, after] = this.#packages.isInstalled(name) ? this.#packageScope(text) : ["", ""]
    const body = `${before}function(exports,require,module,__filename,__dirname){`
    const head = `${prefix}_define(${JSON.stringify(name)},${JSON.stringify(imports)},${body}`
    const code = `${head}${text}\n}${after})`
    const insertions = [{ line: 1, column: 0, length: head.length }]
    const positions = { name: `${prefix}:${name}`, insertions, lines: text.split("\n").length, source: text }
    checkSyntax({ name, source: text }, code, positions)
    this.#modules.push({ name: positions.name, code, imports: {} })
    this.#positions.push(positions)
    this.#facade(name, this.#exportNames(name, text, new Set()))
  }

  /** Packages written for Node speak of `process` and `global`, which guests' own code has not. */
  #packageScope(text: string): readonly [string, string] {
    if (!/\b(?:process|global)\b/.test(text)) return ["", ""]
    return [
      "((process,global)=>",
      `)(${builtinCall(this.#builtin("node:process"), `${this.#prefix}_builtin`)},globalThis)`,
    ]
  }

  #exportNames(name: string, text: string, seen: Set<string>): readonly string[] {
    if (seen.has(name)) return []
    seen.add(name)
    const { exports, reexports } = commonJsNames(text)
    const names = new Set(exports)
    for (const specifier of reexports) {
      const found = this.#resolve(specifier, name, "require")
      const source = found !== undefined && "name" in found ? this.#sources.get(found.name) : undefined
      if (source === undefined || found === undefined || !("name" in found)) continue
      for (const exported of this.#exportNames(found.name, source.text, seen)) names.add(exported)
    }
    return [...names]
  }

  /** One module that imports all registered ones, so that facades need only import this. */
  #registry(): void {
    const prefix = this.#prefix
    const registered = this.#wantedSources().filter(([other, source]) => this.#isRegistered(other, source))
    if (!registered.some(([name, source]) => source.kind === "cjs" || this.#isCommonJs(name, source))) return
    const imports: Record<string, string> = {}
    let code = ""
    registered.forEach(([other], index) => {
      imports[`${prefix}${index}`] = `${prefix}:${other}`
      code += `import"${prefix}${index}";`
    })
    for (const name of this.#builtins) {
      const body = `(exports,require,module)=>{module.exports=${builtinCall(name, "get")}}`
      code += `((get)=>${prefix}_define(${JSON.stringify(name)},{},${body}))(${prefix}_builtin);`
    }
    this.#modules.push({ name: `${prefix}:registry`, code, imports })
  }

  #facade(name: string, exportNames: readonly string[]): void {
    const prefix = this.#prefix
    const imports: Record<string, string> = { [`${prefix}r`]: `${prefix}:registry` }
    let code = `import"${prefix}r";`
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
    this.#modules.push({ name, code: `export default ${expression}`, imports: {} })
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
  if (ending === ".json") return { kind: "json", text: source }
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
    throw new CompileError({
      code: "worker.syntax",
      message: `${name} is not JSON: ${(error as Error).message}`,
      file: name,
    })
  }
}

/** Whether ES module code reads the global `process`. One that has an own binding of that name is left alone. */
function mentionsProcess(text: string): boolean {
  return (
    /\bprocess\s*\??\./.test(text) && !/\b(?:import|const|let|var|function|class)\b[^;=(]{0,2000}\bprocess\b/.test(text)
  )
}

function missingModule(
  specifier: string,
  referrer: string,
  reason: string | undefined,
  names: readonly string[],
): CompileErrorFailure {
  const problem =
    reason === undefined
      ? ` is not among the modules (${names.slice(0, 20).join(", ")})`
      : ` can't be resolved: ${reason}`
  return {
    code: "worker.module-not-found",
    message: `"${specifier}", imported by "${referrer}",${problem}`,
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
