import assert from "node:assert/strict"
import { test } from "node:test"
import { PackageResolver, type Resolution } from "./resolve-package.ts"

function resolverOf(files: Readonly<Record<string, object | string>>): PackageResolver {
  const text = (name: string): string | undefined =>
    typeof files[name] === "string" ? files[name] : JSON.stringify(files[name])
  return new PackageResolver({ has: (name) => Object.hasOwn(files, name), json: text })
}

test("PackageResolver.resolve takes exports, module, main and index, in that order", () => {
  const packages = resolverOf({
    "node_modules/a/package.json": { exports: { import: "./i.js", require: "./r.js" }, main: "m.js" },
    "node_modules/a/i.js": "",
    "node_modules/a/r.js": "",
    "./node_modules/b/package.json": { module: "./mod", main: "./main.js" },
    "./node_modules/b/mod.js": "",
    "./node_modules/b/main.js": "",
    "node_modules/c/index.ts": "",
    "d/package.json": {},
    "d/index.js": "",
  })
  const cases: [string, "import" | "require", Resolution | undefined][] = [
    ["a", "import", { name: "node_modules/a/i.js" }],
    ["a", "require", { name: "node_modules/a/r.js" }],
    ["a/i.js", "import", { problem: `the package "node_modules/a" exports no "./i.js" that is among the modules` }],
    ["b", "import", { name: "./node_modules/b/mod.js" }],
    ["b", "require", { name: "./node_modules/b/main.js" }],
    ["b/main", "import", { name: "./node_modules/b/main.js" }],
    ["c", "import", { name: "node_modules/c/index.ts" }],
    ["d", "import", { name: "d/index.js" }],
    ["e", "import", undefined],
    ["", "import", undefined],
  ]
  for (const [specifier, kind, expected] of cases)
    assert.deepEqual(packages.resolve(specifier, "index.js", kind), expected, specifier)
})

test("PackageResolver.resolve looks in the nearest node_modules first and never leaves a package", () => {
  const packages = resolverOf({
    "node_modules/x/index.js": "",
    "node_modules/y/node_modules/x/index.js": "",
    "node_modules/out/package.json": { main: "../../secret.js", exports: undefined },
    "node_modules/up/package.json": { exports: { ".": "./../x/index.js", "./*": "./*" } },
    "secret.js": "",
  })
  assert.deepEqual(packages.resolve("x", "node_modules/y/lib/a.js", "import"), {
    name: "node_modules/y/node_modules/x/index.js",
  })
  assert.deepEqual(packages.resolve("x", "node_modules/z/a.js", "import"), { name: "node_modules/x/index.js" })
  assert.equal(packages.resolve("out", "index.js", "import"), undefined)
  for (const specifier of ["up", "up/../../secret.js", "up/..%2fsecret.js"]) {
    const found = packages.resolve(specifier, "index.js", "import")
    assert.ok(found === undefined || "problem" in found, specifier)
  }
})

test("PackageResolver knows types, scopes, imports and hostile package.json files", () => {
  const packages = resolverOf({
    "package.json": {
      name: "root",
      exports: { "./own": "./own.js" },
      imports: { "#in": "./own.js", "#node": "fs/promises", "#path": "path", "#bad": 1 },
    },
    "own.js": "",
    "node_modules/m/package.json": { type: "module" },
    "node_modules/n/package.json": "[] not json",
    "node_modules/p/package.json": { exports: { __proto__: 1, ".": ["./nope.js", null, "./p.js"] } },
    "node_modules/p/p.js": "",
  })
  assert.deepEqual(
    [packages.typeOf("node_modules/m/a.js"), packages.typeOf("node_modules/n/a.js"), packages.typeOf("a.js")],
    ["module", undefined, undefined],
  )
  assert.deepEqual(
    [packages.isInstalled("a.js"), packages.isInstalled("node_modules/m/a.js"), packages.isInstalled("./src/b.js")],
    [false, true, false],
  )
  assert.deepEqual(packages.resolve("root/own", "a.js", "import"), { name: "own.js" })
  assert.deepEqual(packages.resolve("#in", "a.js", "import"), { name: "own.js" })
  assert.deepEqual(packages.resolve("#path", "a.js", "import"), { name: "node:path" })
  assert.equal(packages.resolve("#node", "a.js", "import"), undefined)
  for (const specifier of ["#bad", "#nope"])
    assert.ok("problem" in (packages.resolve(specifier, "a.js", "import") ?? {}), specifier)
  assert.equal(packages.resolve("n", "a.js", "import"), undefined)
  assert.deepEqual(packages.resolve("p", "a.js", "import"), { name: "node_modules/p/p.js" })
})
