import {
  MayflyError,
  type CodeLanguage,
  type CodeContextInfo,
  type RunCodeOptions,
  type CodeResult,
  type CodeExecution,
} from "@mayfly/protocol"
import { objectOf } from "./agent-answer.ts"
import { aborted } from "./exec-command.ts"
import { jsonLines } from "./json-lines.ts"
import type { LiveSandbox } from "./live-sandbox.ts"
import { invalid, parseTimeout } from "./sandbox-options.ts"
import type { ProviderCell, ProviderContext } from "./sandbox-provider.ts"

const languages: readonly string[] = ["python", "javascript", "typescript"]
const forms: Readonly<Record<string, string>> = {
  "text/plain": "text",
  "text/html": "html",
  "text/markdown": "markdown",
  "text/latex": "latex",
  "image/svg+xml": "svg",
  "image/png": "png",
  "image/jpeg": "jpeg",
}
const defaultTimeoutMs = 60_000
const maxContexts = 100
const maxResults = 10_000
const maxResultBytes = 32 << 20
const maxOutputBytes = 16 << 20

interface Context {
  readonly language: CodeLanguage
  readonly context: ProviderContext
  last: Promise<unknown>
}

/** Interpreters that keep their state between cells. Their state ends when the sandbox stops. */
export class CodeContexts {
  readonly #live: LiveSandbox
  readonly #contexts = new Map<string, { readonly language: CodeLanguage; readonly opening: Promise<Context> }>()

  constructor(live: LiveSandbox) {
    this.#live = live
    live.onEnd.add(() => this.#contexts.clear())
  }

  async run(language: CodeLanguage, code: string, options: RunCodeOptions = {}): Promise<CodeExecution> {
    const name = nameOf(language, options.context)
    if (typeof code !== "string") throw invalid("code", "must be a text")
    const { timeoutMs = defaultTimeoutMs, signal } = options
    const limit = parseTimeout(timeoutMs)
    if (signal?.aborted === true) throw aborted(signal)
    using _lease = await this.#live.use()
    const context = await this.#open(name, language)
    const before = context.last
    const run = (async (): Promise<CodeExecution> => {
      await before.catch(() => {})
      if (signal?.aborted === true) throw aborted(signal)
      return this.#runCell(await context.context.run(code, limit), options)
    })()
    context.last = run
    return await run
  }

  /** Ends a context; one that is not there is fine. */
  async close(name: string): Promise<void> {
    const context = await this.#contexts.get(name)?.opening.catch(() => undefined)
    context?.context.close()
    await context?.context.ended.catch(() => {})
  }

  async start(language: CodeLanguage, given?: string): Promise<CodeContextInfo> {
    const name = nameOf(language, given)
    using _lease = await this.#live.use()
    await this.#open(name, language)
    return { name, language }
  }

  list(): readonly CodeContextInfo[] {
    return [...this.#contexts].map(([name, { language }]) => ({ name, language }))
  }

  async #open(name: string, language: CodeLanguage): Promise<Context> {
    let opening = this.#contexts.get(name)?.opening
    if (opening === undefined) {
      if (this.#contexts.size >= maxContexts)
        throw new MayflyError("sandbox.limit", `a sandbox may have ${maxContexts} contexts; close some`)
      opening = this.#start(name, language)
      this.#contexts.set(name, { language, opening })
      opening.catch(() => this.#contexts.delete(name))
    }
    const context = await opening
    if (context.language !== language) throw invalid("context", `"${name}" is one for ${context.language}`)
    return context
  }

  async #start(name: string, language: CodeLanguage): Promise<Context> {
    using lease = await this.#live.use()
    const context = await lease.sandbox.context({ language, cwd: "/workspace", env: lease.environment })
    const forget = (): void => void this.#contexts.delete(name)
    context.ended.then(forget, forget)
    return { language, context, last: Promise.resolve() }
  }

  async #runCell(cell: ProviderCell, { signal, onOutput }: RunCodeOptions): Promise<CodeExecution> {
    const abort = (): void => cell.cancel()
    signal?.addEventListener("abort", abort, { once: true })
    try {
      const [stdout, stderr, results, end] = await Promise.all([
        collect(cell.stdout, "stdout", onOutput),
        collect(cell.stderr, "stderr", onOutput),
        readResults(cell),
        cell.ended,
      ])
      if (signal?.aborted === true) throw aborted(signal)
      return { results, stdout, stderr, error: errorOf(end) }
    } catch (error) {
      cell.cancel()
      throw signal?.aborted === true ? aborted(signal) : error
    } finally {
      signal?.removeEventListener("abort", abort)
    }
  }
}

function nameOf(language: CodeLanguage, name: unknown): string {
  if (!languages.includes(language)) throw invalid("language", `must be one of ${languages.join(", ")}`)
  if (name === undefined) return `default-${language}`
  if (typeof name === "string" && /^[\w.-]{1,64}$/.test(name)) return name
  throw invalid("context", "must be up to 64 letters, digits or any of ._-")
}

async function readResults(cell: ProviderCell): Promise<CodeResult[]> {
  const results: CodeResult[] = []
  for await (const line of jsonLines(cell.results, maxResultBytes)) {
    const { data, isResult } = objectOf(line)
    if (results.length >= maxResults) throw new MayflyError("sandbox.limit", `a cell may show ${maxResults} values`)
    results.push(resultOf(objectOf(data), isResult === true))
  }
  return results
}

function resultOf(data: Readonly<Record<string, unknown>>, isResult: boolean): CodeResult {
  const known = Object.entries(data).flatMap(([mime, value]) => {
    if (mime === "application/json") return [["json", value]]
    const name = forms[mime]
    return name === undefined || typeof value !== "string" ? [] : [[name, value]]
  })
  return { ...(Object.fromEntries(known) as Omit<CodeResult, "isResult">), isResult }
}

function errorOf(end: Readonly<Record<string, unknown>>): CodeExecution["error"] {
  if (end["isTimedOut"] === true)
    return { name: "TimeoutError", message: "the cell ran too long; its context has ended", traceback: [] }
  if (end["hasContextEnded"] === true)
    return { name: "ContextEnded", message: "the interpreter has ended; its state is lost", traceback: [] }
  if (end["error"] === null) return null
  const { name, message, traceback } = objectOf(end["error"])
  const lines = Array.isArray(traceback) ? traceback.slice(0, 200) : []
  return {
    name: String(name).slice(0, 200),
    message: String(message).slice(0, 20_000),
    traceback: lines.map((line) => String(line).slice(0, 2_000)),
  }
}

async function collect(
  source: AsyncIterable<Buffer>,
  stream: "stdout" | "stderr",
  onOutput: RunCodeOptions["onOutput"],
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of source) {
    const more = decoder.decode(chunk, { stream: true })
    if (text.length < maxOutputBytes) text += more
    if (more !== "") await onOutput?.({ stream, text: more })
  }
  return text
}
