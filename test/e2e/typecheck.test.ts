import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, MayflyError } from "mayfly"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const env = { db: { query: (sql: string) => [sql] }, limit: 3 }

async function create(options: DynamicWorkerOptions): Promise<string> {
  try {
    const worker = await DynamicWorker.create({ platform, typecheck: true, env, ...options })
    return `gave ${JSON.stringify(await worker.run("in"))}`
  } catch (error) {
    assert.ok(error instanceof MayflyError, String(error))
    return `${error.code} ${error.message}`
  }
}

const declarations = "interface Env { db: { query(sql: string): Promise<string[]> }; limit: number }"

test("typecheck: true lets programs of every shape pass", async () => {
  const programs: DynamicWorkerOptions[] = [
    { script: "return [await env.db.query(input), env.limit, ctx.props]" },
    { script: "async (input, env, ctx) => env.db.query(input)" },
    { script: "export default async (input: string, env: Env, ctx: ExecutionContext) => env.db.query(input)" },
    { script: "```ts\nconst rows: string[] = await env.db.query(input)\nreturn rows\n```", declarations },
    {
      script: `import { WorkerEntrypoint } from "cloudflare:workers"; import { inspect } from "node:util"
        export default class extends WorkerEntrypoint<Env> { async run(input: string) { return inspect(await this.env.db.query(input)) } }`,
    },
    {
      modules: {
        "main.ts":
          'import { add } from "./lib/add"; import { twice } from "./lib/twice.js"; import data from "./data.json"; import dep from "dep"; export default () => add(twice(data.a), dep())',
        "lib/add.ts": "export const add = (a: number, b: number): number => a + b",
        "lib/twice.ts": "export const twice = (a: number): number => a * 2",
        "data.json": { json: { a: 1 } },
        "node_modules/dep/package.json": '{ "main": "index.js" }',
        "node_modules/dep/index.js": "module.exports = () => 1",
      },
      mainModule: "main.ts",
    },
  ]
  for (const program of programs) assert.match(await create(program), /^gave /, JSON.stringify(program))
})

test("typecheck: true tells where a program does not fit env, and what there is", async () => {
  assert.equal(
    await create({ script: "const rows = await env.db.qery(input)\nreturn rows" }),
    "worker.typecheck the code was not run: it has 1 type error\n1:27 Property 'qery' does not exist on type '{ query: (...args: any[]) => Promise<any>; }'. Did you mean 'query'?\n\nWhat is declared:\nenv.db.query(...args: any[]): Promise<any>",
  )
  assert.equal(
    await create({
      script: "async (input) => {\n  const n: number = await env.db.query(input)\n  return n\n}",
      declarations,
    }),
    `worker.typecheck the code was not run: it has 1 type error\n2:9 Type 'string[]' is not assignable to type 'number'.\n\nWhat is declared:\n${declarations}`,
  )
  const files = {
    "main.ts": 'import { add } from "./add"\nexport default () => add("1", 2)',
    "add.ts": "export const add = (a: number, b: number): number => a + missing",
  }
  const told = await create({ modules: files, mainModule: "main.ts" })
  assert.match(told, /main\.ts:2:26 Argument of type 'string' is not assignable to parameter of type 'number'\./)
  assert.match(told, /add\.ts:1:58 Cannot find name 'missing'\./)
})

test("a program that does not fit never runs; one with a syntax error is told as such first", async () => {
  let calls = 0
  const counted = { count: () => ++calls }
  assert.match(await create({ script: "env.count(); env.cuont()", env: counted }), /^worker\.typecheck /)
  assert.match(await create({ script: "env.count(; env.cuont()", env: counted }), /^worker\.syntax /)
  assert.equal(calls, 0)
  assert.match(await create({ script: "env.count()", env: counted }), /^gave 1/)
})

test("hostile module names and declarations write and read nothing outside", async () => {
  for (const name of [
    "../../evil.ts",
    "/tmp/evil.ts",
    "a/../../evil.ts",
    "tsconfig.json",
    "mayfly-env.d.ts",
    "x\\y.ts",
  ]) {
    const told = await create({
      modules: {
        "main.ts": "export default () => 1",
        [name]: name.endsWith(".json") ? { json: {} } : "export const a: number = 'x'",
      },
      mainModule: "main.ts",
    })
    assert.match(told, /^(?:gave 1|worker\.typecheck )/, name)
  }
  assert.match(await create({ script: "1", declarations: "} nonsense {" }), /^gave 1/)
})

test("wrong options are input.invalid", async () => {
  for (const wrong of [{ typecheck: "yes" }, { declarations: 5 }, { declarations: "x".repeat(1_048_577) }]) {
    assert.match(await create({ script: "1", ...wrong } as DynamicWorkerOptions), /^input\.invalid /)
  }
})
