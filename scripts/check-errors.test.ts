import assert from "node:assert/strict"
import { test } from "node:test"
import { checkErrors, renderErrors } from "./check-errors.ts"

const table = {
  "input.invalid": { status: 400, retry: false, fix: "Correct it." },
  "mesh.unreachable": { status: 502, retry: true, fix: "Wait | try." },
}
const source = `throw new MayflyError("input.invalid", "x")\nconst code = "mesh.unreachable"\n`
const sources = new Map([["a.ts", source]])

test("checkErrors accepts its own documentation", () => {
  assert.deepEqual(checkErrors(table, renderErrors(table), sources), [])
})

test("checkErrors finds rows that the documentation lacks, has too much or words differently", () => {
  const doc = renderErrors({ ...table, "mesh.unreachable": { ...table["mesh.unreachable"], status: 503 } })
  assert.deepEqual(checkErrors(table, doc, sources), [
    "docs lack: | `mesh.unreachable` | 502 | yes | Wait \\| try. |",
    "docs have, the table does not: | `mesh.unreachable` | 503 | yes | Wait \\| try. |",
  ])
  assert.deepEqual(checkErrors(table, `${renderErrors(table)}\nmore`, sources), [
    "docs differ in order or text; run npm run check -- --fix",
  ])
})

test("checkErrors finds a code that no source uses", () => {
  const problems = checkErrors(table, renderErrors(table), new Map([["a.ts", `fail("input.invalid")`]]))
  assert.deepEqual(problems, [`"mesh.unreachable" is in the table and used nowhere`])
})

test("checkErrors finds codes that are not in the table, and takes other strings for no codes", () => {
  const text = `
    new MayflyError("a.one", "x")
    reject({ code: "a.two" })
    if (error.code === "a.three") run("server.js")
    switch (error.code) { case "a.four": break }
    log("a.five")
  `
  const problems = checkErrors(table, renderErrors(table), new Map([...sources, ["b.ts", text]]))
  assert.deepEqual(
    problems,
    ["one", "two", "three", "four"].map((name) => `b.ts: "a.${name}" is not in the table`),
  )
})
