import type { BuiltinChunk } from "../guest/kernel.ts"
import { isBindable } from "./commonjs.ts"

/** Names that each module exports, put in by build.mjs, which reads them from the built chunks. */
declare const mayflyBuiltinExports: Readonly<Record<string, readonly string[]>> | undefined

type Chunk = BuiltinChunk extends `builtin:${infer Name}` ? Name : never

/** Which chunk of the guest runtime holds a module. */
const chunks: ReadonlyMap<string, Chunk> = new Map<string, Chunk>([
  ["node:assert", "util"],
  ["node:assert/strict", "util"],
  ["node:async_hooks", "small"],
  ["node:buffer", "buffer"],
  ["node:crypto", "crypto"],
  ["node:events", "events"],
  ["node:path", "path"],
  ["node:path/posix", "path"],
  ["node:perf_hooks", "small"],
  ["node:process", "small"],
  ["node:querystring", "url"],
  ["node:stream/web", "small"],
  ["node:string_decoder", "buffer"],
  ["node:timers", "small"],
  ["node:timers/promises", "small"],
  ["node:url", "url"],
  ["node:util", "util"],
  ["node:util/types", "util"],
  ["cloudflare:sockets", "sockets"],
  ["cloudflare:workers", "cloudflare"],
  ["cloudflare:workflows", "cloudflare"],
])

/** What else a chunk evaluates when it is evaluated or first used. */
const alsoNeeded: Readonly<Partial<Record<Chunk, readonly BuiltinChunk[]>>> = { crypto: ["builtin:buffer"] }

const hostModules: ReadonlyMap<string, string> = new Map([
  ["child_process", "a guest runs no programs; call a binding in env, or use a sandbox"],
  ["cluster", "the platform runs workers in parallel; start several runs"],
  ["dgram", "use fetch within the network policy"],
  ["dns", "use fetch within the network policy; names are resolved outside of the guest"],
  ["fs", "pass data in as input or as modules, or give a binding in env that reads and writes"],
  ["http", "use fetch within the network policy, and export a fetch handler to serve"],
  ["http2", "use fetch within the network policy, and export a fetch handler to serve"],
  ["https", "use fetch within the network policy, and export a fetch handler to serve"],
  ["inspector", "use console"],
  ["module", "use import and import()"],
  ["net", "use fetch, or connect from cloudflare:sockets, within the network policy"],
  ["os", "the machine is hidden from guests; pass in what is needed as env"],
  ["readline", "a guest has no terminal; pass text in as input"],
  ["repl", "a guest has no terminal"],
  ["sqlite", "give a binding in env that queries the database"],
  ["tls", "use fetch with https: within the network policy"],
  ["tty", "a guest has no terminal; use console"],
  ["v8", "use structuredClone for copies"],
  ["vm", "run other code through a binding in env that creates a DynamicWorker"],
  ["wasi", "use WebAssembly with imports of your own"],
  ["worker_threads", "start several runs; each has an isolate of its own"],
])

const otherModules: ReadonlyMap<string, string> = new Map([
  ["constants", "write the numbers that are needed"],
  ["diagnostics_channel", "use console or EventTarget"],
  ["domain", "use try and catch"],
  ["punycode", "use the global URL"],
  ["stream", "use the web streams (ReadableStream, TransformStream, node:stream/web)"],
  ["test", "use node:assert"],
  ["trace_events", "use console"],
  ["zlib", "use CompressionStream and DecompressionStream"],
])

export const builtinNames: readonly string[] = [...chunks.keys()]

/** The name with its scheme of a module that every guest can import: "node:path" for "path". */
export function builtinModule(specifier: string): string | undefined {
  const name = specifier.includes(":") ? specifier : `node:${specifier}`
  return chunks.has(name) ? name : undefined
}

/** Why a module of Node's or Cloudflare's is not there, and what to use; undefined for any other name. */
export function absentBuiltin(specifier: string): string | undefined {
  if (specifier.startsWith("cloudflare:"))
    return `${specifier} does not exist here; there are cloudflare:workers, cloudflare:workflows and cloudflare:sockets`
  const base = specifier.replace(/^node:/, "").split("/")[0] ?? ""
  const advice = hostModules.get(base)
  if (advice !== undefined) return `node:${base} needs host access, which guests do not have; ${advice}`
  const other = otherModules.get(base)
  if (other !== undefined) return `node:${base} is not available in guests; ${other}`
  if (!specifier.startsWith("node:")) return undefined
  return `${specifier} is not available in guests; there are ${builtinNames.filter((name) => !name.includes("/")).join(", ")}`
}

export function builtinChunks(name: string): readonly BuiltinChunk[] {
  const chunk = chunks.get(name)
  return chunk === undefined ? [] : [`builtin:${chunk}`, ...(alsoNeeded[chunk] ?? [])]
}

/** An expression for the module's exports. `callee` is the hidden helper that boot.ts defines. */
export function builtinCall(name: string, callee: string): string {
  return `${callee}(${JSON.stringify(chunks.get(name))},${JSON.stringify(name)})`
}

/** The ES module that importers of `name` get. V8 wants the names of exports before it evaluates anything. */
export function builtinFacade(name: string, prefix: string): string {
  const table = typeof mayflyBuiltinExports === "undefined" ? {} : mayflyBuiltinExports
  const names = (table[name] ?? []).filter(isBindable)
  const value = `${prefix}_m`
  const exported = names.map((each) => `export const ${each}=${value}.${each};`).join("")
  return `const ${value}=${builtinCall(name, `${prefix}_builtin`)};export default ${value};${exported}`
}
