import { MayflyError } from "@mayfly/protocol"
import { build, type BuildFailure, type Message, type Plugin } from "esbuild"
import { type BundleFiles, bundleFiles } from "./bundle-files.ts"
import { bundlePlugin } from "./bundle-plugin.ts"

export interface WorkerBundleOptions {
  /** The file tree: path to content. Packages as `node_modules/NAME/…`. Nothing else is read, neither disk nor network. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
  /** Default: what package.json names, else src/index.ts, src/index.js, index.ts, index.js. */
  readonly entryPoint?: string
  /** Specifiers that stay imports, `NAME/*` for all below NAME. `node:` and `cloudflare:` always do. */
  readonly externals?: readonly string[]
  readonly minify?: boolean
  /** Appends an inline source map. */
  readonly sourcemap?: boolean
  /** Default "es2022". */
  readonly target?: string
  readonly jsx?: "automatic" | "transform"
  readonly jsxImportSource?: string
  /** Identifiers and the JavaScript expressions (JSON or names) that replace them. */
  readonly define?: Readonly<Record<string, string>>
}

/** Ready for `DynamicWorker.create` and for a worker loader. */
export interface WorkerBundle {
  readonly mainModule: string
  readonly modules: Readonly<Record<string, string | { readonly wasm: Uint8Array } | { readonly data: Uint8Array }>>
  readonly warnings: readonly string[]
}

export const mainModule = "bundle.js"
/** As for the modules of a worker. */
const maxBytes = 64 << 20
const known = ["files", "entryPoint", "externals", "minify", "sourcemap", "target", "jsx", "jsxImportSource", "define"]
const packageDefines = { "process.env.NODE_ENV": '"production"', "process.env": "{}", global: "globalThis" }

/**
 * Bundles a file tree into one module, with esbuild in this process's own child: a build step for files that you trust as you trust your own build,
 * not for text that a stranger wrote. Rejects with `input.invalid`, `worker.code-too-large`, `worker.syntax` (file, line, column) or
 * `worker.module-not-found`.
 */
export async function createWorkerBundle(options: WorkerBundleOptions): Promise<WorkerBundle> {
  const files = checkOptions(options)
  const plugin = bundlePlugin(files, options.externals ?? [])
  const result = await run(files, options, plugin.plugin)
  const code = result.outputFiles.find(({ path }) => path.endsWith(".js"))?.text ?? ""
  return { mainModule, modules: { [mainModule]: code, ...plugin.assets() }, warnings: result.warnings.map(describe) }
}

async function run(files: BundleFiles, options: WorkerBundleOptions, plugin: Plugin) {
  try {
    return await build({
      entryPoints: [{ in: files.entry(options.entryPoint), out: "bundle" }],
      bundle: true,
      write: false,
      // Nothing is there, and nothing is read: the plugin answers every question.
      absWorkingDir: "/",
      outdir: "/",
      tsconfigRaw: {},
      format: "esm",
      platform: "neutral",
      target: options.target ?? "es2022",
      minify: options.minify ?? false,
      sourcemap: options.sourcemap === true ? "inline" : false,
      jsx: options.jsx ?? "automatic",
      ...(options.jsxImportSource === undefined ? {} : { jsxImportSource: options.jsxImportSource }),
      define: { ...packageDefines, ...options.define },
      plugins: [plugin],
      logLevel: "silent",
    })
  } catch (error) {
    throw failure(error)
  }
}

function checkOptions(options: WorkerBundleOptions): BundleFiles {
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw invalid(name, `is not an option; the options are ${known.join(", ")}`)
  const { files } = options
  if (typeof files !== "object" || files === null || Array.isArray(files))
    throw invalid("files", "must be an object of path to content")
  let size = 0
  for (const [path, content] of Object.entries(files)) {
    if (typeof content !== "string" && !(content instanceof Uint8Array))
      throw invalid(`files[${JSON.stringify(path)}]`, "must be a string or a Uint8Array")
    size += typeof content === "string" ? Buffer.byteLength(content) : content.byteLength
  }
  if (size <= maxBytes) return bundleFiles(files)
  throw new MayflyError("worker.code-too-large", `the files have ${size} bytes; the limit is ${maxBytes}`, {
    details: { limit: maxBytes, used: size },
  })
}

/** esbuild's first complaint. Its columns are from 0, ours from 1. */
function failure(error: unknown): unknown {
  const first = (error as Partial<BuildFailure>).errors?.[0]
  if (first === undefined) return error
  const { text, location } = first
  const place =
    location === null
      ? {}
      : { file: fileOf(location.file), line: location.line, column: location.column + 1, sourceLine: location.lineText }
  if (isMissing(first.detail)) {
    return new MayflyError("worker.module-not-found", describe(first), {
      details: { message: text, specifier: first.detail.specifier, ...place },
    })
  }
  if (first.pluginName !== "" && first.detail instanceof MayflyError) return first.detail
  return new MayflyError("worker.syntax", `SyntaxError: ${describe(first)}`, {
    details: { name: "SyntaxError", message: text, ...place },
  })
}

function isMissing(detail: unknown): detail is { readonly specifier: string } {
  return typeof detail === "object" && detail !== null && "specifier" in detail
}

function describe({ text, location }: Message): string {
  return location === null ? text : `${text}\n    at ${fileOf(location.file)}:${location.line}:${location.column + 1}`
}

function fileOf(file: string): string {
  return file.replace(/^given:/, "")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
