import assert from "node:assert/strict"
import { mkdtempSync } from "node:fs"
import { readdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { declareNamespace } from "../declarations.ts"
import { checkTypes, type CheckRequest } from "./check-types.ts"

// Other tests check types at the same time; what is left over here is ours.
process.env["TMPDIR"] = mkdtempSync(join(tmpdir(), "mayfly-check-types-test-"))

const declarations = declareNamespace("db", [
  { name: "query", signature: "query(input: { sql: string }): Promise<{ rows: any[] }>", comment: "/** Asks. */\n" },
])

async function check(text: string, more: Partial<CheckRequest> = {}): Promise<string> {
  try {
    await checkTypes({ text, shape: "body", language: "javascript", declarations, ...more })
    return "fits"
  } catch (error) {
    assert.ok(error instanceof MayflyError, String(error))
    return `${error.code} ${error.message}`
  }
}

async function leftovers(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("mayfly-typecheck-"))
}

test("checkTypes lets code pass that guests can run", async () => {
  const programs = [
    `const out = {}; out.a = 1; for (const row of (await db.query({ sql: "x" })).rows) out[row.id] = row.name; return out`,
    `async () => { try { return await db.query({ sql: "" }) } catch (e) { console.warn(e.message); return null } }`,
    `const name = "a", status = 1; const r = await fetch(new URL("/x", "https://a.b"), { headers: { a: "b" }, signal: AbortSignal.timeout(5) }); return (await r.json()).a`,
    `return [new TextDecoder().decode(new Uint8Array([1])), crypto.randomUUID(), structuredClone(new Map([[1, 2]])), atob("eA=="), performance.now(), Object.groupBy([1], (x) => x)]`,
    `const params = new URLSearchParams({ a: "1", b: 2 }); const timer = setTimeout(() => {}, 5); clearTimeout(timer); return [...params].map(([k, v]) => k + v)`,
    `const { rows = [] } = await db.query({ sql: "x" }); const found = rows.find((row) => row.a); return found.b.c`,
    `const stream = new Response("a").body.pipeThrough(new TextDecoderStream()); for await (const part of stream) console.log(part.length)`,
  ]
  for (const text of programs) assert.equal(await check(text), "fits", text)
  assert.equal(
    await check(
      `const rows: { id: number }[] = (await db.query({ sql: "x" })).rows\nreturn rows.map((row): number => row.id)`,
      { language: "typescript" },
    ),
    "fits",
  )
  assert.equal(
    await check(
      `import { inspect } from "node:util"\nexport default async () => inspect(await db.query({ sql: "x" }))`,
      { shape: "module" },
    ),
    "fits",
  )
})

test("checkTypes tells what does not fit, where, and what is declared", async () => {
  const declared = "\n\nWhat is declared:\n/** Asks. */\ndb.query(input: { sql: string }): Promise<{ rows: any[] }>"
  assert.equal(
    await check(`const a = 1\nawait db.query({\n  sql: a,\n})`),
    `worker.typecheck the code was not run: it has 1 type error\n3:3 Type 'number' is not assignable to type 'string'.${declared}`,
  )
  assert.equal(
    await check(`export default async () => {\n  return db.qery({ sql: "x" })\n}`, { shape: "module" }),
    `worker.typecheck the code was not run: it has 1 type error\n2:13 Property 'qery' does not exist on type 'DbTools'. Did you mean 'query'?${declared}`,
  )
  assert.equal(
    await check("process.exit()"),
    "worker.typecheck the code was not run: it has 1 type error\n1:1 Cannot find name 'process'. It does not exist in the sandbox.",
  )
  assert.match(await check("document.title"), /1:1 Cannot find name 'document'/)
})

test("checkTypes lists at most ten problems", async () => {
  const message = await check(Array.from({ length: 15 }, (_, index) => `missing${index}()`).join("\n"))
  assert.match(message, /it has 15 type errors\n1:1 [\s\S]*\n10:1 [^\n]*\n… and 5 more$/)
})

test("checkTypes reads no file that the code names", async () => {
  const secret = join(tmpdir(), `mayfly-secret-${process.pid}.ts`)
  await using _file = { [Symbol.asyncDispose]: () => import("node:fs/promises").then(({ rm }) => rm(secret)) }
  await writeFile(secret, "declare const stolen: { password: 'hunter2' }\nexport default stolen")
  const texts = [
    `/// <reference path="${secret}" />\nconst a: number = stolen`,
    `import s from "${secret}"\nconst a: number = s`,
    `const a: number = null as typeof import("${secret}").default`,
  ]
  for (const text of texts)
    assert.doesNotMatch(await check(text, { shape: "module", language: "typescript" }), /hunter2/)
})

test("checkTypes ends types that take for ever, and cleans up after itself", { timeout: 60_000 }, async () => {
  const deep = `type Grow<T extends any[], N> = N extends 0 ? T : [...T, ...T, ...Grow<[...T, 1], N>]
type A<X, D extends any[] = []> = D["length"] extends 900 ? X : A<X | [X, D["length"]], [...D, 1]>
const a: A<1> = null; const b: A<2> = a; const c: Grow<[1], 9> = null\nreturn b`
  const before = await leftovers()
  const message = await check(deep, { language: "typescript" })
  assert.match(message, /^worker\.typecheck /)
  const abort = AbortSignal.abort(new Error("enough"))
  assert.match(await check("return 1", { signal: abort }), /^worker\.aborted /)
  const after = await leftovers()
  assert.deepEqual(
    after.filter((name) => !before.includes(name)),
    [],
  )
})
