import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "./parse.ts"
import { rewriteImports } from "./rewrite-imports.ts"

test("rewriteImports keeps every position", () => {
  const code = 'const a = () => import("./x.js"); "import(1)"; import /* c */ ("y"); f(import.meta.url) // import.meta'
  assert.deepEqual(rewriteImports(code, parse(code, "js"), 3), {
    code: 'const a = () => $i0003("./x.js"); "import(1)"; $i0003 /* c */ ("y"); f($m000000003.url) // import.meta',
    importIdentifier: "$i0003",
    metaIdentifier: "$m000000003",
  })
})

test("rewriteImports avoids names that the program has", () => {
  const code = 'const $i0000 = 1; import("x")'
  const { code: rewritten, importIdentifier } = rewriteImports(code, parse(code, "js"), 0)
  assert.notEqual(importIdentifier, "$i0000")
  assert.equal(rewritten, `const $i0000 = 1; ${importIdentifier ?? ""}("x")`)
})

test("rewriteImports leaves other code alone", () => {
  const code = "export default { import: 1 }"
  assert.deepEqual(rewriteImports(code, parse(code, "js"), 0), { code })
})
