import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { mayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-cli-"))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, ".."), { recursive: true })
  writeFileSync(path, text)
  return path
}

test("run prints a string as it is, logs and usage on stderr, and exits with 0", async () => {
  const { code, stdout, stderr } = await mayfly(["run", "-"], { input: "console.log('a log'); return 'text'" })
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "text\n" })
  assert.match(stderr, /^a log\ncpu [\d.]+ ms, wall [\d.]+ ms, memory [\d.]+ MiB\n$/)
})

test("run prints other values readably and whole, and nothing for undefined", async () => {
  const nested = await mayfly(["run", "-"], { input: "return { a: [1n, new Map([[1, { b: { c: { d: 1 } } }]])] }" })
  assert.match(nested.stdout, /1n/)
  assert.match(nested.stdout, /d: 1/)
  assert.equal((await mayfly(["run", "-"], { input: "undefined" })).stdout, "")
})

test("run prints the values of a generator as they come, and an array of them with --json", async () => {
  const input = "export default async function* () { yield 'a'; yield { b: 1 }; return 'end' }"
  assert.equal((await mayfly(["run", "-"], { input })).stdout, "a\n{ b: 1 }\nend\n")
  const { result } = JSON.parse((await mayfly(["run", "-", "--json"], { input })).stdout) as { result: unknown }
  assert.deepEqual(result, ["a", { b: 1 }])
})

test("run refuses a Python file with a word about sandboxes", async () => {
  const { code, stderr } = await mayfly(["run", file("main.py", "print(1)\n")])
  assert.equal(code, 2)
  assert.match(stderr, /Python.*sandbox/)
})

test("run --json prints exactly one JSON object on stdout, also for wrong options", async () => {
  for (const [args, input, code] of [
    [[], "console.log(1); return input.a", 0],
    [[], "throw new Error('x')", 1],
    [[], "const x =", 1],
    [["--memory", "0"], "1", 2],
    [["--cpu", "soon"], "1", 2],
    [["--allow", "nonsense"], "1", 2],
  ] as const) {
    const run = await mayfly(["run", "-", "--json", "--input", '{"a":1}', ...args], { input })
    assert.equal(run.code, code, run.stdout + run.stderr)
    const { ok, ...rest } = JSON.parse(run.stdout) as Record<string, unknown>
    assert.equal(ok, code === 0)
    assert.deepEqual(
      Object.keys(rest).toSorted(),
      ["egress", code === 0 ? "result" : "error", "id", "logs", "usage"].toSorted(),
    )
    assert.equal(run.stderr, "")
  }
})

test("run shows the author's own place of an error, with the source line and what to change", async () => {
  const path = file(
    "thrower.ts",
    "interface A { b: number }\nfunction f(a: A | null) {\n\treturn a!.b\n}\nexport default () => f(null)\n",
  )
  const { code, stderr } = await mayfly(["run", path])
  assert.equal(code, 1)
  assert.match(stderr, /^TypeError: .*\n {4}at f \(thrower\.ts:3:\d+\)/)
  assert.match(stderr, /3 \| \treturn a!\.b\n {4}\t +\^/)
  assert.match(stderr, /worker\.guest: /)
})

test("run takes input, env, request, limits and language", async () => {
  file("input.json", '{"$map":[["k",2]]}')
  const values = await mayfly(["run", "-", "--input", "@input.json", "--env", '{"n":3}', "--language", "javascript"], {
    input: "return input.get('k') * env.n",
    cwd: folder,
  })
  assert.equal(values.stdout, "6\n", values.stderr)
  const handler = "export default { fetch: async (r) => new Response(await r.text(), { status: 202 }) }"
  const request = await mayfly(["run", "-", "--json", "--request", '{"url":"http://a/","method":"POST","body":"x"}'], {
    input: handler,
  })
  assert.equal((JSON.parse(request.stdout) as { result: { status: number } }).result.status, 202)
  const cpu = await mayfly(["run", "-", "--cpu", "50", "--wall", "none", "--json"], { input: "for (;;) {}" })
  assert.equal((JSON.parse(cpu.stdout) as { error: { code: string } }).error.code, "worker.cpu-limit")
})

test("run ends with 2 for a wrong command line, and says why", async () => {
  for (const [args, why] of [
    [["run"], /missing required argument/],
    [["run", "-", "--nonsense"], /unknown option/],
    [["walk"], /unknown command/],
    [["run", "nowhere.js"], /can't be read/],
    [["run", "-", "--input", "{"], /--input is not JSON/],
    [["run", "-", "--env", "[]"], /--env must be an object/],
    [["run", "-", "--tenant", "a/b"], /tenant/],
    [["run", "-", "--language", "ruby"], /language/],
    [["run", "-", "--watch"], /--watch needs a file/],
  ] as const) {
    const { code, stdout, stderr } = await mayfly(args, { input: "1" })
    assert.deepEqual({ code, stdout }, { code: 2, stdout: "" }, args.join(" "))
    assert.match(stderr, why)
  }
})

test("run follows imports inside the file's folder, computed ones too", async () => {
  const main = file(
    "app/main.ts",
    'import { add } from "./lib/add"\nimport text from "./note.txt"\nexport default async (name: string) => [add(1, 2), text, (await import(`./words/${name}.json`)).default]\n',
  )
  file(
    "app/lib/add.ts",
    'import one from "../one.js"\nexport const add = (a: number, b: number): number => a + b + one\n',
  )
  file("app/one.ts", "export default 1 as number\n")
  file("app/note.txt", "note")
  file("app/words/de.json", '{"yes":"ja"}')
  file("app/broken.js", "this is no program (")
  const { code, stdout, stderr } = await mayfly(["run", main, "--json", "--input", '"de"'])
  assert.equal(code, 0, stdout + stderr)
  assert.deepEqual((JSON.parse(stdout) as { result: unknown }).result, [4, "note", { yes: "ja" }])
})

test("run reads nothing above the file's folder, nor through a link that leaves it", async () => {
  const secret = file("secret.js", "export default 'SECRET'\n")
  symlinkSync(secret, join(folder, "app", "link.js"))
  for (const specifier of ["../secret.js", "./link.js", "./lib/../../secret.js"]) {
    const main = file("app/thief.js", `import s from "${specifier}"\nexport default () => s\n`)
    const { code, stdout, stderr } = await mayfly(["run", main])
    assert.equal(code, 1)
    assert.equal(`${stdout}${stderr}`.includes("SECRET"), false)
    assert.match(stderr, /worker\.module-not-found/)
    assert.match(stderr, /leads out of the program's folder/)
  }
})

test("run refuses a program of too many files", async () => {
  mkdirSync(join(folder, "many"), { recursive: true })
  for (let index = 0; index < 501; index++) writeFileSync(join(folder, "many", `m${index}.js`), "export {}\n")
  const { code, stderr } = await mayfly(["run", file("many/main.js", "const n = 1; await import(`./${n}.js`)\n")])
  assert.equal(code, 2)
  assert.match(stderr, /more than 500 files/)
})

test("run understands a Markdown answer", async () => {
  const path = file("answer.md", "Here:\n\n```ts\nconst n: number = 20\nreturn n + 1\n```\n")
  assert.equal((await mayfly(["run", path])).stdout, "21\n")
})

test("--version and --help print and exit with 0, with examples for every command", async () => {
  assert.match((await mayfly(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/)
  for (const args of [["--help"], ["run", "--help"], ["serve", "--help"], ["doctor", "--help"]]) {
    const { code, stdout } = await mayfly(args)
    assert.equal(code, 0)
    assert.match(stdout, /Examples:\n {2}\$ mayfly /)
  }
})

test("doctor runs a program and says what protects here", async () => {
  const { code, stdout } = await mayfly(["doctor", "--json"])
  const { ok, checks, protections } = JSON.parse(stdout) as {
    ok: boolean
    checks: { name: string; status: string }[]
    protections: { name: string; isActive: boolean; detail: string; fix?: string }[]
  }
  assert.deepEqual({ code, ok }, { code: 0, ok: true })
  assert.deepEqual(
    checks.map(({ name }) => name),
    ["node", "isolated-vm", "host process", "docker", "virtual", "jail", "programs", "sandbox", "cores", "memory"],
  )
  assert.deepEqual(
    protections.slice(0, 3).map(({ name }) => name),
    ["jail of host processes", "no debugger", "isolation of sandboxes"],
  )
  // What is missing says how to get it, and what is active needs nothing.
  for (const { name, isActive, fix } of protections) assert.equal(fix === undefined, isActive, name)
})

test("run --plan says what a program seems to need, and does not run it", async () => {
  const path = file("planned.js", `const r = await fetch("https://api.example.com/x"); return env.DB.get(r.status)`)
  const { code, stdout, stderr } = await mayfly(["run", path, "--plan"])
  assert.deepEqual(
    [code, stdout.split("\n")],
    [
      0,
      [
        "shape     body",
        "origins   https://api.example.com",
        "bindings  env.DB",
        "builtins  none",
        "modules   planned.js",
        "",
      ],
    ],
  )
  assert.match(stderr, /--allow https:\/\/api\.example\.com/)
  const json = await mayfly(["run", path, "--plan", "--json"])
  assert.deepEqual(JSON.parse(json.stdout), {
    shape: "body",
    origins: ["https://api.example.com"],
    hasComputedRequests: false,
    bindings: ["DB"],
    builtins: [],
    modules: ["planned.js"],
  })
  const wrong = await mayfly(["run", "-", "--plan"], { input: "const x =" })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /worker.syntax: SyntaxError: /)
})
