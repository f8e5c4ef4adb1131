import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { after, test } from "node:test"
import { breakingRoutes } from "./contract/breaking-routes.ts"
import { breakingTypes, readReport, writeReport } from "./contract/breaking-types.ts"
import { readExports } from "./contract/read-exports.ts"

const root = mkdtempSync(join(tmpdir(), "mayfly-contract-"))
after(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): string {
  const whole = join(root, path)
  mkdirSync(dirname(whole), { recursive: true })
  writeFileSync(whole, text)
  return whole
}

test("exports are found through packages, renames and stars, without comments and private fields", () => {
  write("packages/b/package.json", '{ "exports": { ".": { "types": "./dist/index.d.ts" } } }')
  write("packages/b/dist/index.d.ts", 'export * from "./c.js"\nexport { type D as E } from "./c.js"\n')
  write(
    "packages/b/dist/c.d.ts",
    "/** A. */\nexport declare class C {\n  #private;\n  /** M. */\n  m(): void;\n}\nexport type D = 1\n",
  )
  const entry = write(
    "packages/a/dist/index.d.ts",
    'export { C, E } from "@mayfly/b"\nexport declare const x: 1, y: 2\n',
  )
  const exports = readExports(entry, join(root, "packages"))
  const expected = [
    ["C", "declare class C {\nm(): void;\n}"],
    ["E", "type D = 1"],
    ["x", "declare const x: 1, y: 2"],
    ["y", "declare const x: 1, y: 2"],
  ]
  assert.deepEqual([...exports], expected)
  assert.deepEqual([...readReport(writeReport(exports))], expected)
})

test("what an export has of an interface that is not exported stands in it", () => {
  write("packages/d/package.json", '{ "exports": { ".": { "types": "./dist/index.d.ts" } } }')
  write("packages/d/dist/index.d.ts", "export interface Base {\n  a: 1;\n}\nexport interface Shown {\n  b: 1;\n}\n")
  const entry = write(
    "packages/e/dist/index.d.ts",
    `import type { Base, Shown } from "@mayfly/d"
export type { Shown }
interface Local extends Base {
  c: 1;
}
export interface A extends Local, Shown, Disposable {
  d: 1;
}
export interface B extends Disposable {
}
`,
  )
  assert.deepEqual(
    [...readExports(entry, join(root, "packages"))],
    [
      ["A", "interface A extends Shown, Disposable {\na: 1;\nc: 1;\nd: 1;\n}"],
      ["B", "interface B extends Disposable {\n}"],
      ["Shown", "interface Shown {\nb: 1;\n}"],
    ],
  )
})

test("what users miss is a break, what they gain is none", () => {
  const before = new Map([
    ["A", "interface A {\na: string;\n}"],
    ["Gone", "type Gone = 1"],
    ["SomeOptions", "interface SomeOptions {\na?: string;\n}"],
  ])
  const now = new Map([
    ["A", "interface A {\na: string;\nb: string;\n}"],
    ["SomeOptions", "interface SomeOptions {\na?: string;\nb: string;\n}"],
    ["New", "type New = 1"],
  ])
  assert.deepEqual(Object.fromEntries(breakingTypes(before, now)), {
    Gone: "Gone is gone",
    SomeOptions: "SomeOptions demands more: b: string;",
  })
  const changed = breakingTypes(before, new Map([...before, ["A", "interface A {\na: number;\n}"]]))
  assert.deepEqual(Object.fromEntries(changed), { A: "A has lost or changed: a: string;" })
})

interface Shape {
  readonly body?: object
  readonly answer?: object
  readonly required?: boolean
  readonly scope?: string
}

function document(shapes: Readonly<Record<string, Shape>>): Record<string, unknown> {
  const json = (schema: object | undefined): object => ({ content: { "application/json": { schema } } })
  const paths = Object.entries(shapes).map(([path, { body, answer = {}, required = false, scope = "run" }]) => [
    path,
    {
      post: {
        "x-scope": scope,
        parameters: [{ name: "a", in: "query", required }],
        ...(body === undefined ? {} : { requestBody: json(body) }),
        responses: { 200: json(answer), 400: {} },
      },
    },
  ])
  return { paths: Object.fromEntries(paths) }
}

const text = { type: "string" }

test("the API may grow, and nothing else", () => {
  const one = { "/a": { body: { properties: { x: text } }, answer: { properties: { y: text }, required: ["y"] } } }
  const breaks = (now: Readonly<Record<string, Shape>>): unknown =>
    Object.values(Object.fromEntries(breakingRoutes(document(one), document(now))))
  const grown = {
    "/a": { body: { properties: { x: text, z: text } }, answer: { properties: { y: text, z: text }, required: ["y"] } },
    "/b": {},
  }
  assert.deepEqual(breaks(grown), [])
  assert.deepEqual(breaks({}), ["POST /a is gone"])
  assert.deepEqual(breaks({ "/a": { ...one["/a"], required: true } }), ["POST /a demands the query parameter a"])
  assert.deepEqual(breaks({ "/a": { ...one["/a"], scope: "admin" } }), ['POST /a wants the scope "admin"'])
  assert.deepEqual(breaks({ "/a": { ...one["/a"], body: { properties: { x: text }, required: ["x"] } } }), [
    "POST /a demands the body.x",
  ])
  assert.deepEqual(
    breaks({ "/a": { ...one["/a"], answer: { properties: { y: { type: "number" } }, required: ["y"] } } }),
    ['POST /a has the answer 200.y of type "number", which was "string"'],
  )
  assert.deepEqual(breaks({ "/a": { ...one["/a"], answer: { properties: { y: text } } } }), [
    "POST /a may leave out the answer 200.y",
  ])
  assert.deepEqual(breaks({ "/a": { ...one["/a"], answer: {} } }), ["POST /a has lost the answer 200.y"])
})
