import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, extname, join, posix, resolve, sep } from "node:path"
import type { DynamicWorkerOptions } from "@mayfly/platform"
import { invalid } from "./command-error.ts"
import { importSpecifiers } from "./import-specifiers.ts"
import type { ProgramText } from "./read-program.ts"

type Modules = NonNullable<DynamicWorkerOptions["modules"]>
type GivenModule = Modules[string]

const maxFiles = 500
const maxBytes = 16 << 20
/** What the compiler tries for a specifier, in its order. */
const endings = ["", ".js", ".ts", ".mjs", ".mts", ".cjs", ".json", "/index.js", "/index.ts"]
const codeEndings = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ""]
const textEndings = [
  ...codeEndings,
  ".json",
  ".txt",
  ".md",
  ".html",
  ".css",
  ".csv",
  ".sql",
  ".svg",
  ".xml",
  ".yaml",
  ".yml",
  ".toml",
]

/**
 * FILE's text and the files that it imports, by names relative to FILE's folder. Nothing outside that folder is read, nor through a link that
 * leads out of it. Only what is imported is taken: one broken neighbour would fail the whole program. Throws `input.invalid` past 500 files or 16 MiB.
 */
export function collectModules(file: string, text: string): ProgramText {
  return new ModuleCollector(file).collect(text)
}

class ModuleCollector {
  readonly #root: string
  readonly #main: string
  readonly #modules = new Map<string, GivenModule>()
  readonly #waiting: { readonly name: string; readonly text: string }[] = []
  readonly #refused = new Set<string>()
  #bytes = 0

  constructor(file: string) {
    this.#root = realpathSync(dirname(resolve(file)))
    this.#main = basename(file)
  }

  collect(text: string): ProgramText {
    this.#add(this.#main, codeModule(this.#main, text), text)
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      for (const specifier of importSpecifiers(next.text)) this.#follow(next.name, specifier)
    }
    return {
      source: { modules: Object.fromEntries(this.#modules), mainModule: this.#main },
      files: [...this.#modules.keys()].map((name) => join(this.#root, name)),
      refused: [...this.#refused],
    }
  }

  #follow(referrer: string, specifier: string): void {
    // A computed import such as `./texts/${language}.json` may mean any file of that folder.
    const computed = specifier.indexOf("${")
    const path = posix.join(
      posix.dirname(referrer),
      computed < 0 ? specifier : specifier.slice(0, specifier.lastIndexOf("/", computed) + 1),
    )
    if (path === ".." || path.startsWith("../")) return void this.#refused.add(specifier)
    if (computed >= 0) return this.#folder(path, specifier)
    for (const name of candidates(path)) if (this.#file(name, specifier)) return
  }

  #folder(path: string, specifier: string): void {
    const names = readdirSync(join(this.#root, path), { withFileTypes: true }).filter((entry) => !entry.isDirectory())
    for (const { name } of names) if (textEndings.includes(extname(name))) this.#file(posix.join(path, name), specifier)
  }

  /** Takes a file, when there is one of that name. */
  #file(name: string, specifier: string): boolean {
    if (this.#modules.has(name)) return true
    const path = join(this.#root, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile() !== true) return false
    this.#expectRoom(found.size)
    if (!realpathSync(path).startsWith(this.#root + sep)) {
      this.#refused.add(specifier)
      return true
    }
    this.#read(name, path)
    return true
  }

  #read(name: string, path: string): void {
    const bytes = readFileSync(path)
    const ending = extname(name)
    if (ending === ".wasm") return this.#add(name, { wasm: bytes }, bytes)
    if (!textEndings.includes(ending)) return this.#add(name, { data: bytes }, bytes)
    const text = bytes.toString("utf8")
    this.#add(name, ending === ".cts" ? { ts: text } : text, text)
  }

  /** Before it is read. */
  #expectRoom(bytes: number): void {
    if (this.#bytes + bytes > maxBytes) throw invalid("FILE", `imports more than ${maxBytes / 1_048_576} MiB of files`)
  }

  #add(name: string, module: GivenModule, content: string | Uint8Array): void {
    this.#expectRoom(content.length)
    this.#bytes += content.length
    this.#modules.set(name, module)
    if (this.#modules.size > maxFiles) throw invalid("FILE", `imports more than ${maxFiles} files`)
    if (typeof content === "string" && codeEndings.includes(extname(name))) this.#waiting.push({ name, text: content })
  }
}

/** The main module is code, whatever its ending says. */
function codeModule(name: string, text: string): GivenModule {
  const ending = extname(name)
  if (ending === ".cts") return { ts: text }
  return codeEndings.includes(ending) ? text : { js: text }
}

function* candidates(path: string): Iterable<string> {
  for (const ending of endings) yield path === "." ? ending.replace(/^\//, "") : path + ending
  const typescript = /^(.*)\.(m|c)?js$/.exec(path)
  if (typescript !== null) yield `${typescript[1] ?? ""}.${typescript[2] ?? ""}ts`
}
