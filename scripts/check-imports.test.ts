import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { test } from "node:test"
import { checkImports } from "./check-imports.ts"

/** What checkImports says about a repository with these files. */
function check(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), "mayfly-imports-"))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return checkImports(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const mesh = JSON.stringify({ name: "@mayfly/mesh", dependencies: { "@mayfly/protocol": "1", undici: "1" } })
const runtime = JSON.stringify({ name: "@mayfly/runtime", dependencies: {}, devDependencies: { fflate: "1" } })

test("checkImports accepts downward, relative and listed imports", () => {
  const problems = check({
    "packages/mesh/package.json": mesh,
    "packages/mesh/src/a.ts": `import "@mayfly/protocol"\nimport "undici"\nimport "node:fs"\nimport "./b.ts"\n`,
    "packages/mesh/src/b.ts": `export const b = 1\n`,
  })
  assert.deepEqual(problems, [])
})

test("checkImports refuses sideways and upward imports, types included", () => {
  const problems = check({
    "packages/mesh/package.json": mesh,
    "packages/mesh/src/a.ts": `import "@mayfly/runtime"\nimport type { P } from "@mayfly/platform"\nexport * from "mayfly"\n`,
  })
  assert.deepEqual(problems, [
    "packages/mesh/src/a.ts:1: mesh may not import runtime: allowed are protocol, store",
    "packages/mesh/src/a.ts:2: mesh may not import platform: allowed are protocol, store",
    "packages/mesh/src/a.ts:3: mesh may not import mayfly: allowed are protocol, store",
  ])
})

test("checkImports refuses packages that package.json does not list, dynamic ones included", () => {
  const problems = check({
    "packages/mesh/package.json": mesh,
    "packages/mesh/src/a.ts": `const x = await import("left-pad/deep")\nimport "fs"\n`,
  })
  assert.deepEqual(problems, [
    `packages/mesh/src/a.ts:2: write "node:fs"`,
    `packages/mesh/src/a.ts:1: "left-pad" is not a dependency in packages/mesh/package.json`,
  ])
})

test("checkImports lets only tests and bundled sources use development dependencies", () => {
  const problems = check({
    "packages/runtime/package.json": runtime,
    "packages/runtime/src/guest/a.ts": `import "fflate"\n`,
    "packages/runtime/src/a.test.ts": `import "fflate"\n`,
    "packages/runtime/src/a.ts": `import "fflate"\n`,
  })
  assert.deepEqual(problems, [
    `packages/runtime/src/a.ts:1: "fflate" is not a dependency in packages/runtime/package.json`,
  ])
})

test("checkImports refuses a relative way into another package", () => {
  const problems = check({
    "packages/mesh/package.json": mesh,
    "packages/mesh/src/a.ts": `import "../../runtime/src/egress.ts"\n`,
  })
  assert.deepEqual(problems, [
    `packages/mesh/src/a.ts:1: "../../runtime/src/egress.ts" leaves the package; import it by its name`,
  ])
})

test("checkImports finds a cycle of values and lets a cycle of types be", () => {
  const problems = check({
    "packages/mesh/package.json": mesh,
    "packages/mesh/src/a.ts": `import { b } from "./b.ts"\nimport type { C } from "./c.ts"\nexport const a = b\n`,
    "packages/mesh/src/b.ts": `export { a as b } from "./a.ts"\n`,
    "packages/mesh/src/c.ts": `import { a } from "./a.ts"\nexport type C = typeof a\n`,
  })
  assert.deepEqual(problems, [
    "import cycle: packages/mesh/src/a.ts -> packages/mesh/src/b.ts -> packages/mesh/src/a.ts",
  ])
})

test("checkImports refuses a package that the table does not know", () => {
  const problems = check({ "packages/extra/package.json": "{}" })
  assert.deepEqual(problems, ["packages/extra: not in the table of scripts/check-imports.ts"])
})
