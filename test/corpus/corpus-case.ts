import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"

export interface CorpusCase {
  readonly id: string
  readonly shape: "function" | "fetch" | "expression" | "body" | "modules"
  readonly language: "javascript" | "typescript"
  readonly code?: string
  readonly modules?: Readonly<Record<string, string>>
  readonly mainModule?: string
  readonly input?: unknown
  readonly request?: { url: string; method?: string; headers?: Record<string, string>; body?: string }
  readonly tools: Readonly<
    Record<string, { returns?: unknown; fixture?: { args: unknown[]; returns?: unknown; result?: unknown }[] }>
  >
  readonly http: readonly {
    method: string
    path: string
    status?: number
    headers?: Record<string, string>
    body?: unknown
  }[]
  readonly expect: {
    readonly result?: unknown
    readonly response?: { status: number; headers?: Record<string, string>; body: string }
    readonly error?: { name?: string; messageIncludes: string }
  }
}

/** What a way of running programs gives back, in the corpus's own terms. */
export type Outcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly name: string; readonly message: string }

export function readCorpus(): CorpusCase[] {
  return JSON.parse(readFileSync(new URL("./public.json", import.meta.url), "utf8")) as CorpusCase[]
}

/** The case with its test server's origin in place. */
export function withBase(given: CorpusCase, base: string): CorpusCase {
  return JSON.parse(JSON.stringify(given).replaceAll("{{BASE}}", base)) as CorpusCase
}

/** A server that plays the case's `http` entries: same method and path in order, the last one repeats. */
export async function serveCase({ http }: CorpusCase): Promise<{ base: string; server: Server }> {
  const served = new Map<string, number>()
  const server = createServer((request, response) => {
    const entries = http.filter(({ method, path }) => method === request.method && path === request.url)
    const key = `${request.method ?? ""} ${request.url ?? ""}`
    const turn = served.get(key) ?? 0
    served.set(key, turn + 1)
    const entry = entries[Math.min(turn, entries.length - 1)]
    if (entry === undefined) return void response.writeHead(404).end(`no entry for ${key}`)
    const isJson = typeof entry.body === "object" && entry.body !== null
    const headers = { ...(isJson ? { "content-type": "application/json" } : {}), ...entry.headers }
    response.writeHead(entry.status ?? 200, headers).end(isJson ? JSON.stringify(entry.body) : textOf(entry.body))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

function textOf(body: unknown): string {
  return typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body)
}

/** `env` of the case: `env.<dotted.path>(...args)`. */
export function toolsOf({ tools }: CorpusCase): Record<string, unknown> {
  const env: Record<string, unknown> = {}
  for (const [path, tool] of Object.entries(tools)) {
    const names = path.split(".")
    let at = env
    for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>
    at[names.at(-1) ?? ""] = async (...args: unknown[]) => answer(path, tool, args)
  }
  return env
}

function answer(path: string, tool: CorpusCase["tools"][string], args: unknown[]): unknown {
  if (tool.fixture === undefined) return tool.returns
  const row = tool.fixture.find((candidate) => isDeepEqual(candidate.args, args))
  if (row === undefined) throw new Error(`no fixture of ${path} for ${JSON.stringify(args)}`)
  return "returns" in row ? row.returns : row.result
}

function isDeepEqual(left: unknown, right: unknown): boolean {
  try {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(left)), JSON.parse(JSON.stringify(right)))
    return true
  } catch {
    return false
  }
}

export function assertOutcome(given: CorpusCase, outcome: Outcome): void {
  const { result, response, error } = given.expect
  if (error !== undefined) return assertError(error, outcome)
  if (!outcome.ok) assert.fail(`${outcome.name}: ${outcome.message}`)
  if (response !== undefined) return assertResponse(response, outcome.result)
  assert.deepStrictEqual(outcome.result === undefined ? undefined : JSON.parse(JSON.stringify(outcome.result)), result)
}

function assertError(expected: NonNullable<CorpusCase["expect"]["error"]>, outcome: Outcome): void {
  if (outcome.ok) assert.fail(`expected an error, got ${JSON.stringify(outcome.result)}`)
  if (expected.name !== undefined) assert.equal(outcome.name, expected.name)
  assert.ok(outcome.message.includes(expected.messageIncludes), outcome.message)
}

function assertResponse(expected: NonNullable<CorpusCase["expect"]["response"]>, result: unknown): void {
  const { status, headers, body } = result as { status: number; headers: Record<string, string>; body: string }
  const subset = Object.fromEntries(Object.keys(expected.headers ?? {}).map((name) => [name, headers[name]]))
  assert.deepStrictEqual(
    { status, headers: subset, body },
    { status: expected.status, headers: expected.headers ?? {}, body: expected.body },
  )
}
