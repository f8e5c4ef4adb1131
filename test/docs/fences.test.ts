import assert from "node:assert/strict"
import { once } from "node:events"
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test, type TestContext } from "node:test"
import { pathToFileURL } from "node:url"
import { format } from "node:util"
import { missingSandboxNeeds } from "@mayfly/platform"
import { createPlatform, DynamicWorker } from "mayfly"
import { startMayfly } from "../e2e/mayfly-process.ts"
import { type Fence, fences, placeOf, root } from "./read-fences.ts"
import { type Program, programs } from "./read-programs.ts"
import { assertShown, assertShownJson, shownInComments } from "./same-output.ts"
import { scratchFolder } from "./scratch-folder.ts"
import { createShell } from "./shell.ts"

// Runs what the pages show: programs, programs for guests, workers, and the lines of shells, against one server with the addresses and keys of the pages.

const folder = mkdtempSync(join(tmpdir(), "mayfly-docs-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const modules = scratchFolder()

const workers = programs.filter(({ kind }) => kind === "worker")
for (const [at, { text }] of workers.entries()) writeFileSync(join(folder, `worker-${at}.ts`), text)
writeFileSync(
  join(folder, "worker.ts"),
  `${workers.map((_, at) => `import w${at} from "./worker-${at}.ts"\nexport * from "./worker-${at}.ts"`).join("\n")}
  const all = [${workers.map((_, at) => `w${at}`).join(", ")}]
  export default { fetch: (request, env, ctx) => all[Number(new URL(request.url).pathname.slice(1))].fetch(request, env, ctx) }`,
)
const data = join(folder, "data")
const ports = ["--port", "0", "--worker-port", "0", "--set", "hosts=1", "--set", "spare=false"]
const served = startMayfly(["serve", "worker.ts", "--data", data, "--env", "API_TOKEN=t", ...ports], { cwd: folder })
const [, key = ""] = await served.output(/admin key: (mf_\S+)/)
const [, url = ""] = await served.output(/Mayfly is serving at (http:\S+)/)
const [, workerUrl = ""] = await served.output(/worker is serving at (http:\S+)/)
after(async () => {
  served.child.kill("SIGTERM")
  await served.finished
})
Object.assign(process.env, { MAYFLY_URL: url, MAYFLY_KEY: key, OPENAI_KEY: "sk-0123456789", NO_COLOR: "1" })

const hasSandboxes = process.platform === "linux" && missingSandboxNeeds().length === 0
const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())
const shell = await createShell(folder)
after(() => shell[Symbol.asyncDispose]())

for (const page of new Set(fences.map((fence) => fence.page)))
  test(page, { timeout: 100_000 }, async (t) => {
    const here = join(folder, page.replaceAll("/", "-"))
    cpSync(join(root, "test/docs/given"), here, { recursive: true })
    process.chdir(here)
    // What the last program or shell above a fence has printed.
    let before: string | undefined
    for (const fence of fences.filter((one) => one.page === page))
      await t.test(`${placeOf(fence)} ${fence.language} ${fence.kind}`, async (t) => {
        if (!hasSandboxes && /\bSandbox\b|\.SANDBOX|mayfly sandbox/.test(fence.text)) {
          before = undefined
          return t.skip("needs sandboxes")
        }
        if (fence.kind === "file") writeFileSync(join(here, String(fence.given["name"])), fence.text)
        else if (fence.kind === "guest") await runGuest(fence)
        else if (fence.kind === "printed") assertPrinted(fence, before, t)
        else if (fence.language === "sh") before = await shell.run(asHere(fence.text, page), fence.kind === "shown")
        const program = programs.find(({ place }) => place === placeOf(fence))
        if (program?.kind === "runs") before = await runProgram(program, t)
        if (program?.kind === "worker") await askWorker(program, fence)
      })
  })

/** A text of a page with what stands for this server in the place of what the page says. */
function asHere(text: string, page = ""): string {
  const worker = workers.findIndex(({ place }) => place.startsWith(`${page}:`))
  const real: readonly (readonly [string, string])[] = [
    ["http://127.0.0.1:8787", url],
    ["http://127.0.0.1:8788/", `${workerUrl}/${worker}`],
    ["mf_…", key],
    ["/var/lib/mayfly", data],
    ["/backup/", `${folder}/`],
    // A reader's machine has time for more processes.
    ["createPlatform({", "createPlatform({ hosts: 1, spare: false, "],
    ["createPlatform()", "createPlatform({ hosts: 1, spare: false })"],
  ]
  return real.reduce((found, [shown, here]) => found.replaceAll(shown, here), text)
}

/** Gives what it wrote to the console, after it was compared with what the page says about that. */
async function runProgram(program: Program, t: TestContext): Promise<string> {
  const { place, text, texts, isTypeScript } = program
  const lines: string[] = []
  const log = t.mock.method(console, "log", (...values: unknown[]) => void lines.push(format(...values)))
  const constants = [...texts].map(([name, value]) => `const ${name} = ${JSON.stringify(value)}\n`)
  const path = join(modules, `${place.replaceAll(/\W/g, "_")}.mjs`)
  writeFileSync(path, constants.join("") + asHere(isTypeScript ? stripTypeScriptTypes(text) : text))
  await import(pathToFileURL(path).href)
  log.mock.restore()
  assertShown(shownInComments(text), lines.join(" "))
  return lines.join("\n")
}

/** `{ input | request, result | error }`: what the program is called with, and what comes of it. One with `as` runs in a program of the page. */
async function runGuest({ text, language, given, page, line }: Fence): Promise<void> {
  const { input, request, result, error, as } = given
  if (typeof as === "string") {
    const below = programs.filter(({ place, texts }) => place.startsWith(`${page}:`) && texts.get(as) === text)
    return assert.ok(
      below.some(({ kind }) => kind === "runs"),
      `nothing below line ${line} runs ${as}`,
    )
  }
  const worker = await DynamicWorker.create({ platform, script: text, typecheck: language === "ts" })
  const run =
    typeof request === "string" ? await worker.executeRequest(new Request(request)) : await worker.execute(input)
  assert.equal(run.ok ? undefined : run.error.code, error)
  if (run.ok)
    assert.deepEqual(typeof request === "string" ? (run.result as { body: unknown }).body : run.result, result)
}

interface Asked {
  readonly method?: string
  readonly body?: unknown
  /** Of a worker that upgrades: what is sent, and comes back. */
  readonly message?: string
}

async function askWorker({ place }: Program, { given }: Fence): Promise<void> {
  const { method = "GET", body, message } = given["request"] as Asked
  const at = workers.findIndex((worker) => worker.place === place)
  if (message !== undefined) return assert.equal(await echoOf(`${workerUrl}/${at}`, message), given["answer"])
  const response = await fetch(`${workerUrl}/${at}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.text()
  assert.deepEqual(typeof given["answer"] === "string" ? answer : JSON.parse(answer), given["answer"])
}

async function echoOf(address: string, message: string): Promise<unknown> {
  const socket = new WebSocket(address.replace("http", "ws"))
  socket.addEventListener("open", () => socket.send(message))
  const [event] = (await once(socket, "message")) as [MessageEvent]
  socket.close()
  return event.data
}

function assertPrinted({ language, text }: Fence, output: string | undefined, t: TestContext): void {
  if (output === undefined) t.skip("what prints it was skipped")
  else if (language === "json") assertShownJson(JSON.parse(text), JSON.parse(output))
  else assertShown(`…${text}…`, output)
}
