import assert from "node:assert/strict"
import { execFile, spawn } from "node:child_process"
import { accessSync, constants, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { missingSandboxNeeds } from "@mayfly/platform"
import { build } from "esbuild"
import { startMayfly } from "../e2e/mayfly-process.ts"
import { packedClient } from "./packed-client.ts"
import { expected } from "./scenario.ts"

const run = promisify(execFile)
const here = fileURLToPath(new URL(".", import.meta.url))
const machine = `${process.platform}-${process.arch}`
const install = `npm ci --ignore-scripts --prefix test/runtimes`

/** As npm packages hold it, else on the path. */
function binaryOf(name: string, packaged: Readonly<Record<string, string>>): string | undefined {
  const own = packaged[machine] === undefined ? [] : [join(here, "node_modules", packaged[machine])]
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name))
  return [...own, ...onPath].find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const deno = binaryOf("deno", {
  "linux-x64": "@deno/linux-x64-glibc/deno",
  "linux-arm64": "@deno/linux-arm64-glibc/deno",
  "darwin-arm64": "@deno/darwin-arm64/deno",
})
const bun = binaryOf("bun", {
  "linux-x64": "@oven/bun-linux-x64/bin/bun",
  "linux-arm64": "@oven/bun-linux-aarch64/bin/bun",
  "darwin-arm64": "@oven/bun-darwin-aarch64/bin/bun",
})
const chromium = binaryOf("chromium", {}) ?? binaryOf("google-chrome", {})

await using stack = new AsyncDisposableStack()
const { folder } = stack.use(await packedClient())

/** What the page shows is what it found. */
const found = Promise.withResolvers<string>()
const page = createServer((request, response) => {
  if (request.method === "POST") {
    let text = ""
    request.on("data", (chunk) => (text += String(chunk))).on("end", () => found.resolve(text))
    return void response.end()
  }
  const isScript = request.url === "/scenario.js"
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html")
  response.end(
    isScript ? readFileSync(join(folder, "out", "scenario.js")) : '<script type="module" src="/scenario.js"></script>',
  )
})
await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve))
stack.defer(() => void page.close())
const pageOrigin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`

const data = await mkdtemp(join(tmpdir(), "mayfly-runtimes-"))
stack.defer(() => rm(data, { recursive: true, force: true }))
const server = startMayfly(["serve", "--port", "0", "--data", data, "--set", `corsOrigins=${pageOrigin}`])
stack.defer(async () => {
  server.child.kill("SIGKILL")
  await server.finished
})
const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
const [, url = ""] = await server.output(/serving at (\S+)/)
const hasSandboxes = (await missingSandboxNeeds()).length === 0
const place = JSON.stringify({ url, key, hasSandboxes })
const held = stack.move()
after(() => held.disposeAsync())

async function ranBy(program: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(program, [...args, "run-scenario.ts", place], { cwd: folder, timeout: 120_000 })
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
}

test("installed into an empty folder it has strict types without those of Node", async () => {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    module: "nodenext",
    target: "es2024",
    lib: ["ES2024", "ESNext.Disposable", "ESNext.Collection", "DOM", "DOM.AsyncIterable", "DOM.Iterable"],
    types: [],
    allowImportingTsExtensions: true,
  }
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["scenario.ts"] }))
  const tsc = join(here, "..", "..", "node_modules", "typescript", "bin", "tsc")
  const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch((error: { stdout: string }) => error)
  assert.equal(stdout, "")
})

test("a bundle for browsers has nothing of Node's in it, and the size that the guide names", async () => {
  await writeFile(
    join(folder, "page.ts"),
    `import { scenario } from "./scenario.ts"
    const report = (text) => fetch("/found", { method: "POST", body: text })
    scenario(${place}).then((found) => report(JSON.stringify(found)), (error) => report(JSON.stringify({ error: String(error?.stack ?? error) })))`,
  )
  const options = { bundle: true, format: "esm", platform: "browser", target: "es2022", absWorkingDir: folder } as const
  await build({ ...options, entryPoints: ["page.ts"], outfile: "out/scenario.js" })
  await writeFile(join(folder, "whole.ts"), 'export * from "@mayfly/client"')
  await build({ ...options, entryPoints: ["whole.ts"], outfile: "out/whole.js", minify: true })
  const bytes = readFileSync(join(folder, "out", "whole.js"))
  const [size, packed] = [bytes.length, gzipSync(bytes).length].map((count) => Math.round(count / 1_000))
  const guide = readFileSync(join(here, "..", "..", "docs", "guides", "client.md"), "utf8")
  const [, named, namedPacked] = /(\d+) kB minified, (\d+) kB compressed/.exec(guide) ?? []
  assert.ok(
    Math.abs(Number(named) - Number(size)) <= 5 && Math.abs(Number(namedPacked) - Number(packed)) <= 3,
    `${size} kB minified, ${packed} kB compressed`,
  )
})

test("Node runs it", async () => assert.deepEqual(await ranBy(process.execPath, []), expected))

test("Deno runs it", { skip: deno === undefined && `no deno: ${install}` }, async () =>
  assert.deepEqual(
    await ranBy(deno ?? "", [
      "run",
      "--no-lock",
      "--node-modules-dir=manual",
      "--allow-net",
      "--allow-read",
      "--allow-env",
    ]),
    expected,
  ),
)

test("Bun runs it", { skip: bun === undefined && `no bun: ${install}` }, async () =>
  assert.deepEqual(await ranBy(bun ?? "", ["run"]), expected),
)

test(
  "a page in a browser runs it, from another origin",
  { skip: chromium === undefined && "no chromium" },
  async () => {
    const profile = await mkdtemp(join(tmpdir(), "mayfly-chromium-"))
    const flags = [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${profile}`,
    ]
    const browser = spawn(chromium ?? "", [...flags, `${pageOrigin}/`], { stdio: "ignore", detached: true })
    const ended = new Promise((resolve) => browser.once("close", resolve))
    try {
      const gone = ended.then(() => assert.fail("the browser ended"))
      assert.deepEqual(JSON.parse(await Promise.race([found.promise, gone])), expected)
    } finally {
      process.kill(-Number(browser.pid), "SIGKILL")
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    }
  },
)
