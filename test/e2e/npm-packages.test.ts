import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

type Modules = Readonly<Record<string, string>>

async function run(modules: Modules): Promise<unknown> {
  await using worker = await DynamicWorker.create({ modules, mainModule: "index.js", platform })
  return await worker.run()
}

const manifest = (name: string, fields: object): Modules => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, ...fields }),
})

test("exports: conditions in the package's order, subpaths, patterns, null", async () => {
  const exports = {
    ".": { node: "./node.js", workerd: { import: "./esm.js", require: "./cjs.cjs" }, default: "./node.js" },
    "./sub": "./lib/sub.js",
    "./features/*.js": "./lib/features/*.js",
    "./features/private/*": null,
  }
  const modules = {
    ...manifest("pkg", { type: "module", exports }),
    "node_modules/pkg/node.js": "throw new Error('wrong')",
    "node_modules/pkg/esm.js": "export const kind = 'esm'",
    "node_modules/pkg/cjs.cjs": "exports.kind = 'cjs'",
    "node_modules/pkg/lib/sub.js": "import { kind } from 'pkg'; export default 'sub of ' + kind",
    "node_modules/pkg/lib/features/a.js": "export default 'feature a'",
    "lib.cjs": "exports.kind = require('pkg').kind",
    "index.js": `import { kind } from "pkg"; import sub from "pkg/sub"; import a from "pkg/features/a.js"; import { kind as required } from "./lib.cjs"
      export default () => [kind, sub, a, required]`,
  }
  assert.deepEqual(await run(modules), ["esm", "sub of esm", "feature a", "cjs"])
  for (const specifier of ["pkg/lib/sub.js", "pkg/features/private/a.js"]) {
    const error: unknown = await run({
      ...modules,
      "index.js": `import x from "${specifier}"; export default x`,
    }).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof MayflyError && error.code === "worker.module-not-found", String(error))
    assert.match(error.message, /the package "pkg" exports no/)
  }
})

test("module, main, index, folders and packages without a package.json", async () => {
  assert.deepEqual(
    await run({
      ...manifest("both", { main: "./cjs", module: "./esm.mjs" }),
      "node_modules/both/cjs.js": "module.exports = 'cjs'",
      "node_modules/both/esm.mjs": "export default 'esm'",
      ...manifest("@scope/main", { main: "lib" }),
      "node_modules/@scope/main/lib/index.js": "module.exports = { main: require('./deep'), both: require('both') }",
      "node_modules/@scope/main/lib/deep/package.json": `{ "main": "there.js" }`,
      "node_modules/@scope/main/lib/deep/there.js": "module.exports = 'deep'",
      "node_modules/bare/index.js": "module.exports = 'bare'",
      "short/package.json": `{ "name": "short", "main": "s.js" }`,
      "short/s.js": "module.exports = 'short'",
      "index.js": `import both from "both"; import main from "@scope/main"; import bare from "bare"; import short from "short"
        export default () => [both, main, bare, short]`,
    }),
    ["esm", { main: "deep", both: "cjs" }, "bare", "short"],
  )
})

test("nested node_modules: each package gets its own version", async () => {
  assert.deepEqual(
    await run({
      ...manifest("dep", { version: "1.0.0", main: "i.js" }),
      "node_modules/dep/i.js": "exports.version = 1",
      ...manifest("a", { main: "i.js" }),
      "node_modules/a/i.js": "exports.dep = require('dep').version",
      "node_modules/a/node_modules/dep/package.json": `{ "name": "dep", "main": "i.js" }`,
      "node_modules/a/node_modules/dep/i.js": "exports.version = 2",
      "index.js": `import { version } from "dep"; import { dep } from "a"; export default () => [version, dep]`,
    }),
    [1, 2],
  )
})

test("type decides what .js is; imports and self references resolve", async () => {
  assert.deepEqual(
    await run({
      ...manifest("esm", {
        type: "module",
        exports: { ".": "./index.js", "./b": "./b.js" },
        imports: { "#c": "./c.js", "#p": "path" },
      }),
      "node_modules/esm/index.js":
        "import b from 'esm/b'; import c from '#c'; import path from '#p'; export default [b, c, path.sep, process.env.NODE_ENV]",
      "node_modules/esm/b.js": "export default typeof module",
      "node_modules/esm/c.js": "export default typeof require",
      ...manifest("cjs", { type: "commonjs" }),
      "node_modules/cjs/index.js":
        "this.here = 1; module['exports'].where = [__filename, __dirname, typeof process.cwd, global === globalThis]",
      "index.js": `import esm from "esm"; import cjs from "cjs"; export default () => [esm, cjs]`,
    }),
    [
      ["undefined", "undefined", "/", undefined],
      { here: 1, where: ["/node_modules/cjs/index.js", "/node_modules/cjs", "function", true] },
    ],
  )
})

test("CommonJS: names through re-exports, cycles, JSON, guarded and dynamic imports", async () => {
  assert.deepEqual(
    await run({
      ...manifest("react-like", { main: "index.js" }),
      "node_modules/react-like/index.js": `"use strict"
        if (process.env.NODE_ENV === "production") module.exports = require("./cjs/a.js")
        else module.exports = require("./cjs/b.js")`,
      "node_modules/react-like/cjs/a.js": "exports.name = 'production'",
      "node_modules/react-like/cjs/b.js":
        "exports.name = 'development'; exports.json = require('../package.json').name; exports.cycle = require('./c')",
      "node_modules/react-like/cjs/c.js":
        "exports.partial = require('./b').name; try { require('fs') } catch (error) { exports.fs = error.code }",
      "node_modules/react-like/README.md": "# not code",
      "node_modules/react-like/LICENSE": "not code either {",
      "node_modules/react-like/broken.js": "this is not ( code",
      "index.js": `import { name, json, cycle } from "react-like"
        export default async () => { const later = await import("react-like"); return [name, json, cycle, later.default.name, (await import("lazy")).default] }`,
      ...manifest("lazy", { exports: { import: "./i.mjs" } }),
      "node_modules/lazy/i.mjs": "import { basename } from 'node:path'; export default basename('/a/b')",
    }),
    ["development", "react-like", { partial: "development", fs: "MODULE_NOT_FOUND" }, "development", "b"],
  )
})

test("a package that is not given is worker.module-not-found", async () => {
  const error: unknown = await run({ "index.js": `import x from "lodash"; export default x` }).catch(
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof MayflyError)
  assert.equal(error.message, `"lodash", imported by "index.js", is not among the modules (index.js)`)
})
