import assert from "node:assert/strict"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { createPlatform, createWorkerBundle, DynamicWorker, type WorkerBundleOptions } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

type Files = WorkerBundleOptions["files"]

async function runBundle(files: Files, options: Partial<WorkerBundleOptions> = {}): Promise<unknown> {
  const { mainModule, modules } = await createWorkerBundle({ files, ...options })
  await using worker = await DynamicWorker.create({ mainModule, modules, platform })
  return await worker.run(2)
}

async function failureOf(files: Files, options: Partial<WorkerBundleOptions> = {}): Promise<MayflyError> {
  const error: unknown = await createWorkerBundle({ files, ...options }).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof MayflyError, String(error))
  return error
}

test("createWorkerBundle bundles TypeScript, TSX, JSON, text, wasm, bytes and packages", async () => {
  const files = {
    "src/index.ts": `import { double } from "./lib"
      import config from "./config.json"
      import text from "./note.txt"
      import wasm from "./empty.wasm"
      import bytes from "./raw.bin"
      import { h } from "tiny"
      import left from "./view"
      export default (input: number) => [double(input), config.name, text, wasm instanceof WebAssembly.Module, new Uint8Array(bytes), h, left]`,
    "src/lib/index.ts": "export const double = (value: number): number => value * 2",
    "src/config.json": `{ "name": "c" }`,
    "src/note.txt": "note",
    "src/empty.wasm": new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
    "src/raw.bin": new Uint8Array([1, 2]),
    "src/view.tsx": `const jsx = (name: string, props: object) => [name, props]
      /** @jsxRuntime classic @jsx jsx */
      export default <p id="1" />`,
    "node_modules/tiny/package.json": `{ "name": "tiny", "exports": { "workerd": "./worker.js", "default": "./other.js" } }`,
    "node_modules/tiny/worker.js": `const path = require("path"); let fs; try { fs = require("fs") } catch (error) { fs = error.code }
      exports.h = [path.join("a", "b"), fs, process.env.NODE_ENV]`,
    "node_modules/tiny/other.js": "throw new Error('wrong file')",
  }
  const expected = [
    4,
    "c",
    "note",
    true,
    new Uint8Array([1, 2]),
    ["a/b", "MODULE_NOT_FOUND", "production"],
    ["p", { id: "1" }],
  ]
  assert.deepEqual(await runBundle(files, { jsx: "transform" }), expected)
})

test("createWorkerBundle finds the entry", async () => {
  const entry = (name: string): string => `export default () => ${JSON.stringify(name)}`
  assert.equal(await runBundle({ "a.js": entry("a"), "index.js": entry("index") }, { entryPoint: "./a.js" }), "a")
  assert.equal(
    await runBundle({ "package.json": `{ "main": "a.js" }`, "a.js": entry("a"), "index.js": entry("index") }),
    "a",
  )
  assert.equal(
    await runBundle({
      "package.json": `{ "exports": "./b.js", "main": "a.js" }`,
      "b.js": entry("b"),
      "a.js": entry("a"),
    }),
    "b",
  )
  assert.equal(await runBundle({ "src/index.js": entry("src"), "index.ts": entry("root") }), "src")
  assert.equal((await failureOf({ "other.js": "" })).code, "worker.no-entrypoint")
})

test("createWorkerBundle never reads the disk", async () => {
  for (const specifier of [
    "../../etc/passwd",
    "../../../../../../etc/hostname",
    "/etc/passwd",
    "file:///etc/passwd",
    import.meta.filename,
    "esbuild",
  ]) {
    const error = await failureOf({ "index.js": `import x from ${JSON.stringify(specifier)}; export default x` })
    assert.deepEqual([error.code, error.details["specifier"]], ["worker.module-not-found", specifier])
  }
  for (const entryPoint of ["../../etc/passwd", "/etc/passwd"]) {
    assert.equal((await failureOf({ "index.js": "" }, { entryPoint })).code, "worker.no-entrypoint")
  }
})

test("createWorkerBundle tells where a file can't be read", async () => {
  const error = await failureOf({ "index.ts": `import "./b"`, "b.ts": "const a = 1\nconst b = (" })
  const { file, line, column, sourceLine } = error.details
  assert.deepEqual(
    [error.code, { file, line, column, sourceLine }],
    ["worker.syntax", { file: "b.ts", line: 2, column: 12, sourceLine: "const b = (" }],
  )
})

test("createWorkerBundle leaves externals, node: and cloudflare: as imports", async () => {
  const code = `import { env } from "cloudflare:workers"; import path from "path"; import { x } from "ext/a"; export default () => [path.sep, x, env]`
  const { modules } = await createWorkerBundle({ files: { "index.js": code }, externals: ["ext/*"], minify: true })
  assert.deepEqual(
    [...`${modules["bundle.js"] as string}`.matchAll(/from"([^"]+)"/g)].map((match) => match[1]),
    ["cloudflare:workers", "path", "ext/a"],
  )
})

test("createWorkerBundle checks its options", async () => {
  assert.equal((await failureOf({}, { nope: 1 } as object)).code, "input.invalid")
  assert.equal((await failureOf({ "index.js": 1 } as unknown as Files)).code, "input.invalid")
  const error = await failureOf({ "index.js": "", "big.bin": new Uint8Array((64 << 20) + 1) })
  assert.equal(error.code, "worker.code-too-large")
})
