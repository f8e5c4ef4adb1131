import { existsSync, statSync } from "node:fs"
import { type LoadHookSync, registerHooks, type ResolveHookSync, setSourceMapsSupport } from "node:module"
import { extname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { type LoadedSource, loadSource } from "./load-source.ts"

/** The served worker's files, imported anew for each version of it. Whoever makes this disposes it; one at a time. */
export interface WorkerModules extends Disposable {
  /** Evaluates the file and what it imports, packages in node_modules excepted when they were loaded before. Rejects with what went wrong there. */
  import(path: string): Promise<Readonly<Record<string, unknown>>>
  /** The files that the last import read, packages excepted. */
  files(): readonly string[]
}

type ResolveContext = Parameters<ResolveHookSync>[1]
type NextResolve = Parameters<ResolveHookSync>[2]

/** Modules of one version carry it in their URL: Node never forgets a module. */
const versionName = "mayfly"
const versionSuffix = new RegExp(`\\?${versionName}=\\d+`, "g")

/** The text without the versions of files in it. */
export function withoutVersions(text: string): string {
  return text.replace(versionSuffix, "")
}

/** `builtins` are module specifiers and the URLs of what they stand for, for packages too. */
export function openWorkerModules(builtins: Readonly<Record<string, string>>): WorkerModules {
  let version = 0
  let files = new Set<string>()
  const resolve: ResolveHookSync = (specifier, context, next) => {
    const builtin = Object.hasOwn(builtins, specifier) ? builtins[specifier] : undefined
    if (builtin !== undefined) return { url: builtin, shortCircuit: true }
    const parentVersion = context.parentURL === undefined ? null : versionOf(context.parentURL)
    if (parentVersion === null) return next(specifier, context)
    const found = resolveFile(specifier, context, next)
    const isOurs = found.url.startsWith("file:") && !isInPackage(found.url)
    return isOurs ? { ...found, url: withVersion(found.url, parentVersion) } : found
  }
  const load: LoadHookSync = (url, context, next) => {
    if (!url.startsWith("file:")) return next(url, context)
    const isOurs = versionOf(url) !== null
    const path = fileURLToPath(url)
    if (isOurs) files.add(path)
    // Node strips no types in node_modules.
    const isForUs = isOurs || (isInPackage(url) && /\.[cm]?tsx?$/.test(path))
    const source: LoadedSource | undefined = isForUs ? loadSource(path, context.format ?? undefined) : undefined
    return source === undefined ? next(url, context) : { ...source, shortCircuit: true }
  }
  setSourceMapsSupport(true)
  const hooks = registerHooks({ resolve, load })
  return {
    async import(path) {
      version += 1
      files = new Set([path])
      return (await import(withVersion(pathToFileURL(path).href, String(version)))) as Record<string, unknown>
    },
    files: () => [...files],
    [Symbol.dispose]: () => hooks.deregister(),
  }
}

function versionOf(url: string): string | null {
  return url.startsWith("file:") ? new URL(url).searchParams.get(versionName) : null
}

function withVersion(url: string, version: string): string {
  const versioned = new URL(url)
  versioned.search = `?${versionName}=${version}`
  return versioned.href
}

function isInPackage(url: string): boolean {
  return url.includes("/node_modules/")
}

/** As Node, else as bundlers do: without the ending, with the ending that the file will have once it is compiled, or a folder's index. */
function resolveFile(specifier: string, context: ResolveContext, next: NextResolve): ReturnType<ResolveHookSync> {
  try {
    return next(specifier, context)
  } catch (error) {
    const path = /^\.{0,2}\//.test(specifier) ? guessFile(specifier, context.parentURL ?? "") : undefined
    if (path === undefined) throw error
    return next(pathToFileURL(path).href, context)
  }
}

const endings = [".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".json"]

function guessFile(specifier: string, parentUrl: string): string | undefined {
  const path = fileURLToPath(new URL(specifier, parentUrl))
  const compiled = /\.[cm]?jsx?$/.test(path) ? [path.replace(/js(x?)$/, "ts$1"), path.replace(/js$/, "tsx")] : []
  const candidates = [
    ...compiled,
    ...endings.map((ending) => path + ending),
    ...endings.map((e) => join(path, `index${e}`)),
  ]
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile())
}

/** The specifier's own file beside this one, from sources and from dist alike. */
export function moduleBeside(name: string): string {
  return new URL(`./modules/${name}${extname(fileURLToPath(import.meta.url))}`, import.meta.url).href
}
