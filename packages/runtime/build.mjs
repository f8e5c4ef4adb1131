// Bundles what runs outside the user's process: the host, the compiler and the guest runtime. Each becomes one file, so that a jail shows little.
import { build } from "esbuild"
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { runInThisContext } from "node:vm"

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const builtins = ["buffer", "path", "events", "util", "url", "crypto", "small", "cloudflare", "sockets"]
const chunks = [
  "base",
  "bridge",
  "rich",
  "console",
  "url",
  "urlpattern",
  "fetch",
  "streams",
  "compression",
  "subtle",
  "inspect",
  "websocket",
  "html",
  "cache",
  "objects",
]

// A program per script that makes V8 compile what most programs use, before the code cache is taken.
const exercise = {
  boot: ``,
  base: `structuredClone({ a: [1] }); new TextDecoder().decode(new TextEncoder().encode("aä")); atob(btoa("x"));
    const c = new AbortController(); c.signal.addEventListener("abort", () => {}); c.abort(); crypto.randomUUID()`,
  bridge: ``,
  rich: `structuredClone({ a: new Map([[1, new Uint8Array(2)]]) })`,
  console: `console.log("a", 1); console.error("b")`,
  url: `new URL("https://a.b/c?d=e#f").searchParams.get("d"); new URL("../x", "https://a.b/c/d").href`,
  urlpattern: `new URLPattern({ pathname: "/a/:b" }).exec({ pathname: "/a/1" })`,
  fetch: `new Response(JSON.stringify({ a: 1 }), { headers: { a: "b" } }).json(); new Headers([["a", "b"]]).get("a");
    new Request("https://a.b/", { method: "POST", body: "x" }).text(); Response.json({ a: 1 })`,
  streams: `new ReadableStream({ start(c) { c.enqueue(1); c.close() } }).getReader().read()`,
  compression: `CompressionStream`,
  subtle: `crypto.subtle.digest("SHA-256", new Uint8Array(1)).catch(() => {})`,
  websocket: `const p = new WebSocketPair(); p[0].accept(); p[1].accept(); p[0].addEventListener("message", () => {}); p[1].send("x"); p[1].close(1000, "")`,
  html: `new HTMLRewriter().on("a.b > c, [d]", { element(e) { e.setAttribute("a", "b"); e.after("x") } }).transform(new Response("<p class=a>x<!-- y --></p>")).text()`,
  cache: `caches.default`,
  objects: ``,
  inspect: `console.log({ a: [1, "x", { b: null }] }, new Map([[1, 2]]), [1, 2, 3], new Error("x"))`,
}

for (const name of builtins) exercise[`builtin:${name}`] = ``
exercise["builtin:buffer"] = `Buffer.from("aä").toString("base64"); Buffer.from("YQ==", "base64").toString()`

export async function buildRuntime() {
  const { chunkBuild } = await import(here("src/guest/web/chunk-build.ts"))
  mkdirSync(here("dist"), { recursive: true })
  const guest = await buildGuest(chunkBuild)
  writeFileSync(here("dist/guest.json"), JSON.stringify(guest))
  const define = { mayflyBuiltinExports: JSON.stringify(exportsOfBuiltins(guest)) }
  await Promise.all([
    bundle("src/host/main.ts", "dist/host.cjs", "cjs", []),
    bundle("src/storage/main.ts", "dist/storage.cjs", "cjs", []),
    bundle("src/compile/main.ts", "dist/compiler.mjs", "esm", ["oxc-parser", "oxc-transform"], define),
  ])
  return Object.fromEntries([
    ["boot", guest.boot.length],
    ...Object.entries(guest.chunks).map(([k, v]) => [k, v.length]),
  ])
}

function bundle(entry, outfile, format, external, define = {}) {
  return build({
    entryPoints: [here(entry)],
    outfile: here(outfile),
    bundle: true,
    platform: "node",
    target: "node24",
    format,
    external,
    define,
    conditions: ["source"],
    alias: { "isolated-vm": here("src/host/load-isolated-vm.ts") },
    logLevel: "warning",
    sourcemap: false,
  })
}

async function guestScript(contents, options = {}) {
  const result = await build({
    stdin: { contents, resolveDir: here("src/guest"), loader: "ts" },
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "exported",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["source"],
    target: "esnext",
    write: false,
    logLevel: "warning",
    ...options,
  })
  return result.outputFiles[0].text.trim()
}

// Strict, or else arguments.callee and getFunction() of a prepared stack would hand out functions of the runtime.
const scriptOf = (code, value) => `(()=>{"use strict";${code};return ${value}})()`

async function buildGuest({ alias, define }) {
  const sources = {}
  for (const name of chunks) {
    const folder = name === "objects" ? "objects" : "web"
    const code = await guestScript(`export { default } from "./${folder}/${name}-chunk.ts"`, { alias, define })
    sources[name] = scriptOf(code, "exported.default")
  }
  const { nodeBuild } = await import(here("src/guest/node/node-build.ts"))
  for (const name of builtins) {
    const folder = name === "cloudflare" || name === "sockets" ? "cloudflare" : "node"
    const code = await guestScript(`export { default } from "./${folder}/${name}-chunk.ts"`, nodeBuild)
    sources[`builtin:${name}`] = scriptOf(code, "exported.default")
  }
  const boot = await guestScript(`export { boot } from "./boot.ts"`)
  return { boot: scriptOf(boot, "exported.boot"), chunks: sources, exercise }
}

/** The names that each builtin module exports: imports of others are errors before anything runs. */
function exportsOfBuiltins({ chunks }) {
  const kernel = {
    chunk: (name) => runInThisContext(chunks[name])(kernel),
    ask: () => null,
  }
  const table = {}
  for (const name of builtins) {
    const { connect, Buffer: _, ...modules } = kernel.chunk(`builtin:${name}`)
    const given = { RpcTarget: class {}, context: () => ({}) }
    for (const [specifier, module] of Object.entries(connect?.(given) ?? modules))
      table[specifier] = Object.keys(module)
  }
  return table
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = await buildRuntime()
  if (process.argv.includes("--sizes")) {
    for (const [name, size] of Object.entries(sizes)) process.stdout.write(`${name} ${(size / 1024).toFixed(1)} kB\n`)
  }
}
