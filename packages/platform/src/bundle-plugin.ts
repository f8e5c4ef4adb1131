import { isBuiltin } from "node:module"
import { builtinModule } from "@mayfly/runtime/resolve"
import type { Loader, OnResolveArgs, OnResolveResult, Plugin } from "esbuild"
import type { BundleFiles } from "./bundle-files.ts"

type Asset = { readonly wasm: Uint8Array } | { readonly data: Uint8Array }

export interface BundlePlugin {
  readonly plugin: Plugin
  /** Modules that stay beside the bundle: WebAssembly and bytes. */
  assets(): Readonly<Record<string, Asset>>
}

const loaders: Readonly<Record<string, Loader>> = {
  cjs: "js",
  cts: "ts",
  js: "js",
  json: "json",
  jsx: "jsx",
  mjs: "js",
  mts: "ts",
  ts: "ts",
  tsx: "tsx",
}

/** Answers every question of esbuild's from the given files, so that it never looks at the disk. */
export function bundlePlugin(files: BundleFiles, externals: readonly string[]): BundlePlugin {
  const assets = new Map<string, Asset>()

  const resolve = (args: OnResolveArgs): OnResolveResult => {
    const { path, kind } = args
    if (kind === "entry-point") return { path, namespace: "given" }
    if (args.namespace === "require-builtin") return { path, namespace: "builtin-default" }
    if (args.namespace === "builtin-default" || isExternal(path, externals)) return { path, external: true }
    const found = files.resolve(
      path,
      args.importer,
      kind === "require-call" || kind === "require-resolve" ? "require" : "import",
    )
    if (found !== undefined && "name" in found)
      return files.read(found.name) === undefined ? builtin(found.name, kind) : given(found.name)
    if (path.startsWith("node:") || path.startsWith("cloudflare:") || isBuiltin(path)) return builtin(path, kind)
    return { errors: [{ text: missing(path, args.importer, found?.problem), detail: { specifier: path } }] }
  }

  const given = (name: string): OnResolveResult => {
    const content = files.read(name) ?? ""
    const isWasm = name.endsWith(".wasm")
    if (!isWasm && (typeof content === "string" || loaderOf(name) !== "text")) return { path: name, namespace: "given" }
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
    assets.set(name, isWasm ? { wasm: bytes } : { data: bytes })
    return { path: `./${name}`, external: true }
  }

  const plugin: Plugin = {
    name: "given-files",
    setup(build) {
      build.onResolve({ filter: /(?:)/ }, resolve)
      build.onLoad({ filter: /(?:)/, namespace: "given" }, ({ path }) => ({
        contents: files.read(path) ?? "",
        loader: loaderOf(path),
      }))
      // `require` of what stays an import: CommonJS gets the module's own value, not its namespace.
      build.onLoad({ filter: /(?:)/, namespace: "require-builtin" }, ({ path }) => ({ contents: requireBuiltin(path) }))
      build.onLoad({ filter: /(?:)/, namespace: "builtin-default" }, ({ path }) => ({
        contents: `export { default } from ${JSON.stringify(path)}`,
      }))
    },
  }
  return { plugin, assets: () => Object.fromEntries(assets) }
}

function builtin(path: string, kind: OnResolveArgs["kind"]): OnResolveResult {
  return kind === "require-call" ? { path, namespace: "require-builtin" } : { path, external: true }
}

/** Packages guard the `require` of modules that only Node has: it fails when it is reached, as a missing module does. */
function requireBuiltin(path: string): string {
  if (builtinModule(path) !== undefined) return `module.exports = require(${JSON.stringify(path)}).default`
  const message = JSON.stringify(`Cannot find module '${path}': it needs host access or does not exist here`)
  return `throw Object.assign(new Error(${message}), { code: "MODULE_NOT_FOUND" })`
}

function isExternal(path: string, externals: readonly string[]): boolean {
  return externals.some(
    (external) => path === external || (external.endsWith("/*") && path.startsWith(external.slice(0, -1))),
  )
}

function loaderOf(path: string): Loader {
  return loaders[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""] ?? "text"
}

function missing(path: string, importer: string, problem: string | undefined): string {
  return `"${path}", imported by "${importer}", ${problem === undefined ? "is not among the files" : `can't be resolved: ${problem}`}`
}
