import { exports as resolveExports, imports as resolveImports } from "resolve.exports"
import { builtinModule } from "./builtin-modules.ts"
import { findFile } from "./resolve-module.ts"

export { builtinModule } from "./builtin-modules.ts"
export { resolveModule } from "./resolve-module.ts"

export type ImportKind = "import" | "require"

/** The name of a given module, or of a builtin one that a package's `imports` names. */
export type Resolution = { readonly name: string } | { readonly problem: string }

interface PackageJson {
  readonly name?: unknown
  readonly type?: unknown
  readonly main?: unknown
  readonly module?: unknown
  readonly exports?: unknown
  readonly imports?: unknown
}

/** The given modules, as a tree of files. */
export interface PackageFiles {
  has(name: string): boolean
  /** The text of a JSON module. */
  json(name: string): string | undefined
}

const conditions = ["workerd", "worker", "browser"]

/**
 * npm packages among the given modules, as `node_modules/NAME/…` at any depth or as `NAME/…`: found and entered as Node does, with the conditions
 * of a worker. Only given names can be reached, whatever a package.json says.
 */
export class PackageResolver {
  readonly #files: PackageFiles
  readonly #packages = new Map<string, PackageJson | undefined>()

  constructor(files: PackageFiles) {
    this.#files = files
  }

  /** What a bare or `#` specifier means, or a relative one that names a folder with a package.json. Undefined when there is no such package. */
  resolve(specifier: string, referrer: string, kind: ImportKind): Resolution | undefined {
    const from = folderOf(plain(referrer))
    if (specifier.startsWith("#")) return this.#private(specifier, from, referrer, kind)
    if (/^(?:\.{0,2}\/|\.{1,2}$|file:)/.test(specifier)) return this.#folder(specifier, from, kind)
    const { name, subpath } = split(specifier)
    if (name === "") return undefined
    return this.#self(name, subpath, from, kind) ?? this.#installed(name, subpath, from, kind)
  }

  /** The entry of the package in the root folder. */
  main(): string | undefined {
    const found = this.#json("") === undefined ? undefined : this.#package("", "", "import")
    return found !== undefined && "name" in found ? found.name : undefined
  }

  /** The `type` of the package that a module belongs to. Without one, files in node_modules are what they look like. */
  typeOf(name: string): "module" | "commonjs" | undefined {
    const scope = this.#scope(folderOf(plain(name)))
    if (scope === undefined) return undefined
    const { type } = scope.json
    return type === "module" || type === "commonjs" ? type : undefined
  }

  /** Whether a module is part of a package, and so needs no compiling unless something imports it. */
  isInstalled(name: string): boolean {
    const folder = folderOf(plain(name))
    if (/(?:^|\/)node_modules(?:\/|$)/.test(folder)) return true
    const scope = this.#scope(folder)
    return scope !== undefined && scope.folder !== ""
  }

  #installed(name: string, subpath: string, from: string, kind: ImportKind): Resolution | undefined {
    for (const folder of foldersUp(from)) {
      const found = this.#package(join(folder, `node_modules/${name}`), subpath, kind)
      if (found !== undefined) return found
    }
    return this.#json(name) === undefined ? undefined : this.#package(name, subpath, kind)
  }

  #self(name: string, subpath: string, from: string, kind: ImportKind): Resolution | undefined {
    const scope = this.#scope(from)
    if (scope?.json.name !== name || scope.json.exports === undefined) return undefined
    return this.#package(scope.folder, subpath, kind)
  }

  #private(specifier: string, from: string, referrer: string, kind: ImportKind): Resolution | undefined {
    const scope = this.#scope(from)
    if (scope === undefined) return undefined
    const targets = attempt(() => resolveImports(scope.json, specifier, optionsFor(kind)))
    for (const target of targets) {
      if (!target.startsWith("./")) return this.resolve(target, referrer, kind) ?? builtinResolution(target)
      const path = within(scope.folder, target)
      const file = path === undefined ? undefined : this.#exact(path)
      if (file !== undefined) return { name: file }
    }
    return { problem: `the package.json of "${nameOf(scope)}" has no import "${specifier}"` }
  }

  #package(folder: string, subpath: string, kind: ImportKind): Resolution | undefined {
    const json = this.#json(folder)
    if (json?.exports !== undefined && json.exports !== null) return this.#exported(folder, json, subpath, kind)
    const name = subpath === "" ? this.#entry(folder, json, kind) : this.#path(join(folder, subpath), kind)
    return name === undefined ? undefined : { name }
  }

  #exported(folder: string, json: PackageJson, subpath: string, kind: ImportKind): Resolution {
    const entry = subpath === "" ? "." : `./${subpath}`
    for (const target of attempt(() => resolveExports(json, entry, optionsFor(kind)))) {
      const path = within(folder, target)
      const file = path === undefined ? undefined : this.#exact(path)
      if (file !== undefined) return { name: file }
    }
    return { problem: `the package "${nameOf({ folder, json })}" exports no "${entry}" that is among the modules` }
  }

  #entry(folder: string, json: PackageJson | undefined, kind: ImportKind): string | undefined {
    const fields = kind === "import" ? [json?.module, json?.main] : [json?.main]
    for (const field of fields) {
      const path = typeof field === "string" ? within(folder, field) : undefined
      const found = path === undefined ? undefined : this.#file(path)
      if (found !== undefined) return found
    }
    return this.#file(join(folder, "index"))
  }

  /** A file, or a folder with a package.json of its own. */
  #path(path: string, kind: ImportKind): string | undefined {
    const json = this.#json(path)
    return this.#exact(path) ?? (json === undefined ? this.#file(path) : this.#entry(path, json, kind))
  }

  #folder(specifier: string, from: string, kind: ImportKind): Resolution | undefined {
    const path = within("", specifier.startsWith(".") ? join(from, specifier) : specifier.replace(/^file:\/\//, ""))
    const json = path === undefined || path === "" ? undefined : this.#json(path)
    const name = json === undefined ? undefined : this.#entry(path ?? "", json, kind)
    return name === undefined ? undefined : { name }
  }

  #exact(path: string): string | undefined {
    return this.#files.has(path) ? path : this.#files.has(`./${path}`) ? `./${path}` : undefined
  }

  #file(path: string): string | undefined {
    return findFile(path, (name) => this.#files.has(name))
  }

  #scope(from: string): { readonly folder: string; readonly json: PackageJson } | undefined {
    for (const folder of foldersUp(from)) {
      const json = this.#json(folder)
      if (json !== undefined) return { folder, json }
      if (folder.endsWith("node_modules")) return undefined
    }
    return undefined
  }

  #json(folder: string): PackageJson | undefined {
    if (!this.#packages.has(folder)) this.#packages.set(folder, this.#read(folder))
    return this.#packages.get(folder)
  }

  #read(folder: string): PackageJson | undefined {
    const name = this.#exact(join(folder, "package.json"))
    try {
      const value: unknown = JSON.parse((name === undefined ? undefined : this.#files.json(name)) ?? "null")
      return typeof value === "object" && value !== null ? value : undefined
    } catch {
      return undefined
    }
  }
}

function optionsFor(kind: ImportKind): { unsafe: true; conditions: readonly string[] } {
  return { unsafe: true, conditions: [...conditions, kind] }
}

function builtinResolution(specifier: string): Resolution | undefined {
  const name = builtinModule(specifier)
  return name === undefined ? undefined : { name }
}

/** resolve.exports throws for what a package does not name. */
function attempt(resolve: () => readonly string[] | void): readonly string[] {
  try {
    return resolve() ?? []
  } catch {
    return []
  }
}

function nameOf({ folder, json }: { readonly folder: string; readonly json: PackageJson }): string {
  return typeof json.name === "string" ? json.name : folder
}

function split(specifier: string): { readonly name: string; readonly subpath: string } {
  const parts = specifier.split("/")
  const count = specifier.startsWith("@") ? 2 : 1
  return { name: parts.slice(0, count).join("/"), subpath: parts.slice(count).join("/") }
}

function plain(name: string): string {
  return name.replace(/^\.\//, "")
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0))
}

function join(folder: string, path: string): string {
  return folder === "" ? path : `${folder}/${path}`
}

/** The folder and those above it, the root last. */
function* foldersUp(from: string): Iterable<string> {
  for (let folder = from; folder !== ""; folder = folderOf(folder)) yield folder
  yield ""
}

/** `path` below `folder`, or undefined when it leads out of it. */
function within(folder: string, path: string): string | undefined {
  const parts: string[] = []
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.length === 0 ? folder : join(folder, parts.join("/"))
}
