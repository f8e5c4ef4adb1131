import type ivm from "isolated-vm"
import type { CompiledModule, CompiledProgram } from "../compile/program.ts"
import { resolveModule } from "../compile/resolve-module.ts"

/** Above this much code, compilation happens on the isolate's own thread, where it is counted and can be stopped. */
const maxSyncCode = 64 << 10

/** A program's modules in one isolate, compiled when something imports them. */
export class ModuleGraph {
  readonly #isolate: ivm.Isolate
  readonly #context: ivm.Context
  readonly #program: CompiledProgram
  readonly #sources: ReadonlyMap<string, CompiledModule>
  readonly #modules = new Map<string, ivm.Module>()
  readonly #names = new Map<ivm.Module, CompiledModule>()

  constructor(isolate: ivm.Isolate, context: ivm.Context, program: CompiledProgram) {
    this.#isolate = isolate
    this.#context = context
    this.#program = program
    this.#sources = new Map(program.modules.map((module) => [module.name, module]))
  }

  /** The main module, linked. */
  async main(): Promise<ivm.Module> {
    return this.link(await this.#compile(this.#program.main))
  }

  /** Which given module a dynamic import means; undefined when there is none. */
  resolve(specifier: string, referrer: string): string | undefined {
    return resolveModule(specifier, referrer, (name) => this.#program.names.includes(name))
  }

  /** A module whose one line calls the hidden global `callback` with the namespace of `name`, after its top-level await. */
  async importer(name: string, callback: string): Promise<ivm.Module> {
    const target = await this.#compile(name)
    const code = `import*as n from"n";${callback}(n)`
    const importer = await this.#isolate.compileModule(code, { filename: "mayfly:import" })
    await importer.instantiate(this.#context, (specifier, referrer) =>
      referrer === importer ? target : this.#import(specifier, referrer),
    )
    return importer
  }

  async link(module: ivm.Module): Promise<ivm.Module> {
    if (this.#isSmall)
      module.instantiateSync(this.#context, (specifier, referrer) => this.#importNow(specifier, referrer))
    else await module.instantiate(this.#context, (specifier, referrer) => this.#import(specifier, referrer))
    return module
  }

  get #isSmall(): boolean {
    return this.#program.modules.reduce((sum, module) => sum + module.code.length, 0) <= maxSyncCode
  }

  #import(specifier: string, referrer: ivm.Module): Promise<ivm.Module> {
    return this.#compile(this.#target(specifier, referrer))
  }

  #importNow(specifier: string, referrer: ivm.Module): ivm.Module {
    const name = this.#target(specifier, referrer)
    return this.#modules.get(name) ?? this.#keep(name, this.#compileNow(name))
  }

  #target(specifier: string, referrer: ivm.Module): string {
    const name = this.#names.get(referrer)?.imports[specifier]
    if (name === undefined) throw new Error(`Cannot find module '${specifier}'`)
    return name
  }

  async #compile(name: string): Promise<ivm.Module> {
    const known = this.#modules.get(name)
    if (known !== undefined) return known
    if (this.#isSmall) return this.#keep(name, this.#compileNow(name))
    const module = await this.#isolate.compileModule(this.#code(name), { filename: name })
    return this.#modules.get(name) ?? this.#keep(name, module)
  }

  #compileNow(name: string): ivm.Module {
    return this.#isolate.compileModuleSync(this.#code(name), { filename: name })
  }

  #code(name: string): string {
    const source = this.#sources.get(name)
    if (source === undefined) throw new Error(`Cannot find module '${name}'`)
    return source.code
  }

  #keep(name: string, module: ivm.Module): ivm.Module {
    const source = this.#sources.get(name)
    this.#modules.set(name, module)
    if (source !== undefined) this.#names.set(module, source)
    return module
  }
}
