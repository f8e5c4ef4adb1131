import assert from "node:assert/strict"
import { test } from "node:test"
import { importSpecifiers } from "./import-specifiers.ts"

test("importSpecifiers finds relative specifiers of every kind of import, once each", () => {
  const text = `
    import a from "./a.js"
    import { type B,
      c } from '../b'
    import "./side"
    export * from "./a.js"
    const d = await import( \`./d/\${name}.json\` )
    const e = require("./e")
    import(/* later */ "./f.js")
    import up from ".."
    import other from "package"; import node from "node:fs"`
  assert.deepEqual(importSpecifiers(text), ["./a.js", "../b", "./side", "./d/${name}.json", "./e", "./f.js", ".."])
})

test("importSpecifiers stays fast on hostile text", () => {
  const started = performance.now()
  importSpecifiers(
    `import${" ".repeat(200_000)}`.repeat(3) + `from "./${"x".repeat(1e6)}`.repeat(3) + "import(/*".repeat(50_000),
  )
  assert.ok(performance.now() - started < 1_000)
})
