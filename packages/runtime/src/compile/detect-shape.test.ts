import assert from "node:assert/strict"
import { test } from "node:test"
import { detectShape } from "./detect-shape.ts"
import { shapeSource } from "./shape-source.ts"

const shaped = (code: string): string | undefined => {
  const found = detectShape(code, ["js", "ts"])
  return found === undefined ? undefined : `${found.shape} ${found.language}: ${shapeSource(code, found).code}`
}
const expression = (code: string): string => `export default async(input,env,ctx)=>(${code}\n)`
const body = (code: string): string => `export default async(input,env,ctx)=>{{${code}\n}}`

test("detectShape finds the five shapes", () => {
  const cases: [string, string][] = [
    ["export default (a) => a", "module js: export default (a) => a"],
    ['import x from "./x.js"\nx()', 'module js: import x from "./x.js"\nx()'],
    ["async (input) => input;\n", `expression js: ${expression("async (input) => input")}`],
    ["function (a) { return a }", `expression js: ${expression("function (a) { return a }")}`],
    ["{ a: 1, b: 2 }", `expression js: ${expression("{ a: 1, b: 2 }")}`],
    ["input.a + 1", `expression js: ${expression("input.a + 1")}`],
    ["(a: number) => a", `expression ts: ${expression("(a: number) => a")}`],
    ["const a = 1\na + 1", `body js: ${body("const a = 1\nreturn a + 1")}`],
    ["const a = 1\nreturn a", `body js: ${body("const a = 1\nreturn a")}`],
    ["const a = await f()\na", `body js: ${body("const a = await f()\nreturn a")}`],
    ["const a: string = f()\na", `body ts: ${body("const a: string = f()\nreturn a")}`],
    ["if (a) { 1 } else 2", `body js: ${body("if (a) { return 1 } else return 2")}`],
    ["try { a() } catch { 0 }", `body js: ${body("try { return a() } catch { return 0 }")}`],
    ["const k = 1\nfunction main() {}", `body js: ${body("const k = 1\nreturn function main() {}")}`],
    ["let a = 1\ntype T = 1", `body ts: ${body("let a = 1\ntype T = 1")}`],
    ["a(); // why\n", `body js: ${body("return a(); // why\n")}`],
  ]
  for (const [code, expected] of cases) assert.equal(shaped(code), expected)
})

test("detectShape refuses what parses as nothing", () => {
  for (const code of ["const a = [1,;", "a) + (b", "export default {", "\u0001"])
    assert.equal(shaped(code), undefined, code)
})
