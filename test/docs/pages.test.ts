import assert from "node:assert/strict"
import { existsSync, globSync, writeFileSync } from "node:fs"
import { basename, dirname, join, normalize } from "node:path"
import { test } from "node:test"
import { parsePolicy } from "@mayfly/mesh"
import { readConfigFile, readSettings } from "@mayfly/server/config"
import { parse as parseYaml } from "yaml"
import { checkTypes } from "./check-types.ts"
import { parseCommand } from "./parse-command.ts"
import { type Fence, fences, isBuilt, pages, placeOf, readPage, root, withoutFences } from "./read-fences.ts"
import { scratchFolder } from "./scratch-folder.ts"

const scratch = scratchFolder()

/** What each kind of fence is, and by which test it is checked. A fence of another kind fails. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  // "": its types; runs: its types, then it runs; more: goes on with the one before; worker: served by `mayfly serve`;
  // guest: runs in an isolate; before: what somebody had elsewhere, its syntax
  ts: ["", "runs", "more", "worker", "guest", "file", "printed"],
  js: ["runs", "guest", "before", "file"],
  // "": each line runs, against a real server; shown: commands, options and scripts exist, for what only some machines have
  sh: ["", "shown"],
  // "": it parses; settings, policy, mcp: by their schema; printed: what the fence before it printed
  json: ["", "policy", "mcp", "printed", "file"],
  jsonc: ["settings"],
  yaml: [""],
  md: ["file"],
  // "": a drawing or a map
  text: ["", "printed"],
  // Of programs that are not here.
  nginx: [""],
  caddyfile: [""],
}

test("every fence is closed and of a kind that is checked", () => {
  for (const page of pages) assert.doesNotMatch(withoutFences(readPage(page)), /^[ >]*(?:```|~~~)/m, page)
  const unknown = fences.filter(({ language, kind }) => !kinds[language]?.includes(kind))
  assert.deepEqual(
    unknown.map((fence) => `${placeOf(fence)} ${fence.language} ${fence.kind}`),
    [],
  )
})

test("a file that a page shows is used by a command below it", () => {
  for (const fence of fences.filter(({ kind }) => kind === "file")) {
    const below = fences.filter(
      ({ page, line, language }) => page === fence.page && line > fence.line && language === "sh",
    )
    assert.ok(
      below.some(({ text }) => text.includes(String(fence.given["name"]))),
      placeOf(fence),
    )
  }
})

test("programs have no mistakes of types", { timeout: 60_000 }, async () => {
  assert.equal(await checkTypes(), "")
})

for (const fence of fences.filter(({ language }) => ["json", "jsonc", "yaml"].includes(language)))
  test(`${placeOf(fence)} is ${fence.kind || fence.language}`, () => checkData(fence))

test("links lead to pages and headings that are there", () => {
  const broken = pages.flatMap((page) =>
    linksOf(page).flatMap((link) => {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : normalize(join(dirname(page), path))
      if (!existsSync(join(root, target))) return [`${page}: ${link}`]
      return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${page}: ${link}`]
    }),
  )
  assert.deepEqual(broken, [])
})

test("files that pages name are there", () => {
  const files = globSync("{deploy,docs,examples,packages,scripts,test}/**/*.*", { cwd: root, exclude: isBuilt })
  const names = new Set(files.flatMap((file) => [file, basename(file)]))
  const missing = pages.flatMap((page) =>
    [...spansOf(page, /((?:(?:deploy|docs|examples|packages|scripts|test)\/[\w./-]+|[\w-]+\.test)\.\w+)/)]
      .filter(([, file = ""]) => !isHistory(page) && !names.has(file))
      .map(([, file = ""]) => `${page}: ${file}`),
  )
  assert.deepEqual(missing, [])
})

test("every page of docs can be reached from the README", () => {
  const seen = new Set(["README.md"])
  for (const page of seen)
    for (const link of linksOf(page)) {
      const target = normalize(join(dirname(page), link.split("#")[0] ?? ""))
      if (pages.includes(target)) seen.add(target)
    }
  const decisions = /^docs\/decisions\//
  assert.deepEqual(
    pages.filter((page) => page.startsWith("docs/") && !decisions.test(page) && !seen.has(page)),
    [],
  )
})

test("commands within sentences are commands of ours, with options that they have", () => {
  for (const page of pages.filter((page) => !isHistory(page)))
    for (const [, command = ""] of spansOf(page, /mayfly ([a-z][^`\n]+)/)) {
      const words = [...command.replaceAll(/[[\]]|[>|] .*/g, "").matchAll(/'([^']*)'|([^\s']+)/g)]
      // `ls|show` are two commands.
      const choices = words.map(([, quoted, word = quoted ?? ""]) => word.split(quoted === undefined ? "|" : "\0"))
      for (const at of (choices.find(({ length }) => length > 1) ?? [""]).keys())
        assert.doesNotMatch(
          parseCommand(choices.map((words) => words[at] ?? words[0] ?? "")),
          /unknown|invalid|excess/,
          `${page}: ${command}`,
        )
    }
})

test("pages name routes that are there, and the reference all of them", () => {
  const { paths } = JSON.parse(readPage("docs/reference/openapi.json")) as { paths: Record<string, object> }
  const routes = new Map(Object.entries(paths).map(([path, methods]) => [anyName(path), Object.keys(methods)]))
  const named = new Set<string>()
  for (const page of pages.filter((page) => !isHistory(page)))
    for (const [span, method, path = ""] of spansOf(
      page,
      /(?:(GET|POST|PUT|DELETE) )?((?:…|\/v1|\/mcp)\/[^\s`?]+)[^`\n]*/,
    )) {
      const meant = bases.map((base) => anyName(path.replace("…", base)))
      for (const route of meant) named.add(route)
      if (method === undefined) continue
      assert.ok(
        meant.some((route) => routes.get(route)?.includes(method.toLowerCase()) === true),
        `${page}: ${span}`,
      )
    }
  assert.deepEqual(
    [...routes.keys()].filter((route) => route.startsWith("/v1/") && !named.has(route)),
    [],
  )
})

/** What `…` stands for in the tables of docs/reference/http.md. */
const bases = ["/v1/sandboxes/ID", "/v1/sandbox/ID", "/v1/pool", "/v1/approvals/ID", "/v1/workflows/ID"]

/** `/v1/things/{id}` and `/v1/things/ID` are one. */
function anyName(path: string): string {
  return path.replaceAll(/\{\w+\}|\b[A-Z]{2,}\b/g, "*")
}

/** Code within sentences. */
function spansOf(page: string, pattern: RegExp): Iterable<RegExpMatchArray> {
  return withoutFences(readPage(page)).matchAll(new RegExp(`\`${pattern.source}\``, "g"))
}

/** What was said of an earlier version stays. */
function isHistory(page: string): boolean {
  return page === "CHANGELOG.md" || page.startsWith("docs/decisions/")
}

function checkData({ language, kind, text }: Fence): void {
  if (language === "yaml") return void parseYaml(text)
  if (kind === "settings") {
    const path = join(scratch, "mayfly.config.jsonc")
    writeFileSync(path, text)
    return void readSettings({ flags: {}, environment: {}, file: readConfigFile(path, scratch) })
  }
  const value: unknown = JSON.parse(text)
  if (kind === "policy") parsePolicy(value)
  if (kind === "mcp") checkEditor(value as Editors)
}

interface Editors {
  readonly mcpServers?: Readonly<Record<string, Editor>>
  /** The word of VS Code. */
  readonly servers?: Readonly<Record<string, Editor>>
}

/** A server in the configuration of an editor. */
interface Editor {
  readonly command?: string
  readonly args?: readonly string[]
  readonly url?: string
}

/** Its servers are our command, or the address that the server has for agents. */
function checkEditor({ mcpServers, servers = mcpServers }: Editors): void {
  const [given] = Object.values(servers ?? {})
  assert.ok(given !== undefined, "it names no server")
  if (given.url === undefined) {
    assert.match(given.command ?? "", /(?:^|\/)mayfly$/)
    assert.deepEqual([given.args?.[0], parseCommand(given.args ?? [])], ["mcp", ""])
  } else assert.match(given.url, /^https?:\/\/[^/]+\/mcp$/)
}

/** Links of a page into the checkout, code left out. */
function linksOf(page: string): string[] {
  const text = withoutFences(readPage(page)).replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""))
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link)
  return links.filter((link) => !/^[a-z]+:/.test(link))
}

/** As GitHub makes them: lower case, without punctuation, spaces are hyphens, a second one of a name gets a number. */
function anchorsOf(page: string): ReadonlySet<string> {
  const found = new Map<string, number>()
  const anchors = [...withoutFences(readPage(page)).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    const anchor = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-")
    const count = found.get(anchor) ?? 0
    found.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
  return new Set(anchors)
}
