import {
  type Command,
  type LogChunk,
  type LogOptions,
  MayflyError,
  pathSegment,
  type ProcessStatus,
  type WaitOptions,
} from "@mayfly/protocol"
import { followable } from "./followable.ts"
import { isObject } from "./http.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

interface ProcessJson {
  readonly id: string
  readonly pid: number
  readonly command: Command
  readonly status: ProcessStatus
  readonly exitCode?: number
  readonly startedAt: number
}

const maxLineLength = 64 << 10

/** Something started in a sandbox. `status` is what was last heard; `refresh` asks. */
export class SandboxProcess {
  readonly id: string
  readonly pid: number
  readonly command: Command
  readonly startedAt: number
  readonly #http: SandboxHttp
  #last: ProcessJson

  /** Callers get it from `spawn` or `processes`. */
  constructor(http: SandboxHttp, given: object) {
    this.#http = http
    this.#last = given as ProcessJson
    const { id, pid, command, startedAt } = this.#last
    this.id = id
    this.pid = pid
    this.command = command
    this.startedAt = startedAt
  }

  get status(): ProcessStatus {
    return this.#last.status
  }

  get exitCode(): number | undefined {
    return this.#last.exitCode
  }

  async refresh(): Promise<ProcessStatus> {
    this.#last = await this.#http.json("GET", this.#path(""))
    return this.status
  }

  /** Output in pieces, the last 4 MiB of it; with `follow` what comes then, to the end. */
  async *logs(options: LogOptions = {}): AsyncGenerator<LogChunk, void, void> {
    const { follow = false, replay = true, signal } = options
    if (!follow) {
      if (!replay) return
      yield* await this.#http.list<LogChunk>(this.#path("/logs"), "logs")
      return
    }
    using left = followable(signal)
    const events = this.#http.follow(this.#path("/logs"), { query: { replay }, signal: left.signal })
    for await (const { event, data } of left.until(events)) {
      if (event === "end") this.#last = { ...this.#last, ...(data as ProcessJson) }
      else yield { stream: (data as LogChunk).stream, text: (data as LogChunk).text }
    }
  }

  /** Waits for the end, and gives all output that is kept. */
  async output(options: WaitOptions = {}): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { exitCode } = await this.waitForExit(options)
    const texts = { stdout: "", stderr: "" }
    for await (const { stream, text } of this.logs()) texts[stream] += text
    return { exitCode, ...texts }
  }

  /** The first line, kept or to come, that contains the text or matches the expression. */
  async waitForLog(pattern: string | RegExp, options: WaitOptions = {}): Promise<string> {
    if (typeof pattern === "string") return (await this.#wait({ log: pattern }, options)).line ?? ""
    const rests = { stdout: "", stderr: "" }
    const signal = signalOf(options)
    for await (const { stream, text } of this.logs({ follow: true, ...(signal && { signal }) })) {
      const lines = (rests[stream] + text).split("\n")
      rests[stream] = lines.at(-1)?.slice(-maxLineLength) ?? ""
      const found = lines.find((line) => line.search(pattern) >= 0)
      if (found !== undefined) return found
    }
    options.signal?.throwIfAborted()
    const code = signal?.aborted === true ? "sandbox.timeout" : "sandbox.exited"
    throw new MayflyError(code, `the process wrote no line with ${String(pattern)}`)
  }

  /** Resolves when something in the sandbox listens on the port. */
  async waitForPort(port: number, options: WaitOptions = {}): Promise<void> {
    await this.#wait({ port }, options)
  }

  async waitForExit(options: WaitOptions = {}): Promise<{ exitCode: number }> {
    const { exitCode = 128 } = (await this.#wait({ exit: true }, options)).process
    return { exitCode }
  }

  /** Signals the whole tree and waits for its end; after the grace with SIGKILL. */
  async kill(signal = "SIGTERM", { graceMs }: { readonly graceMs?: number } = {}): Promise<void> {
    const grace = graceMs === undefined ? {} : { graceMs }
    this.#last = await this.#http.json("POST", this.#path("/kill"), { json: { signal, ...grace } })
  }

  async write(data: string | Uint8Array): Promise<void> {
    await this.#stdin(typeof data === "string" ? data : new Uint8Array(data), false)
  }

  async closeStdin(): Promise<void> {
    await this.#stdin("", true)
  }

  async #stdin(body: string | Uint8Array<ArrayBuffer>, end: boolean): Promise<void> {
    const call = { body, query: { end }, contentType: "application/octet-stream", retry: false }
    await this.#http.json("POST", this.#path("/stdin"), call)
  }

  async #wait(
    what: object,
    { timeoutMs, signal }: WaitOptions,
  ): Promise<{ readonly line?: string; readonly process: ProcessJson }> {
    const json = { ...what, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    const found = await this.#http.json<{ line?: string; process: ProcessJson }>("POST", this.#path("/wait"), {
      json,
      signal,
      retry: false,
    })
    if (!isObject(found.process)) throw new MayflyError("client.not-mayfly", "the server answered without the process")
    this.#last = found.process
    return found
  }

  #path(rest: string): string {
    return `/processes/${pathSegment(this.id)}${rest}`
  }
}

function signalOf({ timeoutMs, signal }: WaitOptions): AbortSignal | undefined {
  const signals = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)]
  const given = signals.filter((one) => one !== undefined)
  return given.length === 0 ? undefined : AbortSignal.any(given)
}
