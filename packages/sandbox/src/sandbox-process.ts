import {
  MayflyError,
  type Command,
  type ProcessStatus,
  type ProcessEnd,
  type LogChunk,
  type LogOptions,
  type WaitOptions,
} from "@mayfly/protocol"
import { exitCodeOf } from "./exec-command.ts"
import type { LiveSandbox } from "./live-sandbox.ts"
import { ReplayLog } from "./replay-log.ts"
import { checkSignal, invalid, parsePort, parseTimeout } from "./sandbox-options.ts"
import type { ProviderProcess } from "./sandbox-provider.ts"

/** A piece that came while it was followed. */
export interface FollowedLog extends LogChunk {
  /** For `after`. */
  readonly position: number
}

export interface FollowLogOptions extends Omit<LogOptions, "follow"> {
  /** Begins behind the piece with this `position`, or as near as what is kept allows. */
  readonly after?: number | undefined
}

const keptBytes = 4 << 20
const maxLineLength = 64 << 10
const defaultGraceMs = 5_000

/** Something started in a sandbox that goes on by itself. Its output is kept here, so nobody needs to read it. */
export class SandboxProcess {
  readonly id: string
  readonly pid: number
  readonly command: Command
  readonly startedAt: number
  readonly #process: ProviderProcess
  readonly #live: LiveSandbox
  readonly #log = new ReplayLog(keptBytes)
  readonly #ended: Promise<ProcessEnd>
  #status: ProcessStatus = "running"
  #end: ProcessEnd | undefined

  constructor(
    id: string,
    { command, process, live }: { command: Command; process: ProviderProcess; live: LiveSandbox },
  ) {
    this.id = id
    this.pid = process.pid
    this.command = command
    this.startedAt = Date.now()
    this.#process = process
    this.#live = live
    this.#ended = this.#watch()
    this.#ended.catch(() => {})
  }

  /** `lost`: the sandbox ended first. */
  get status(): ProcessStatus {
    return this.#status
  }

  get exitCode(): number | undefined {
    return this.#end?.exitCode
  }

  /** Output in pieces as they came, the last 4 MiB of it. */
  async *logs(options: LogOptions = {}): AsyncGenerator<LogChunk, void, void> {
    const { follow = false, replay = true, signal } = options
    const decode = decoder()
    if (follow)
      for await (const { stream, text } of this.follow({ replay, ...(signal && { signal }) })) yield { stream, text }
    else if (replay)
      for (const { stream, data } of this.#log.kept()) {
        const text = decode(stream, data)
        if (text !== "") yield { stream, text }
      }
  }

  /** Goes on until the process ends; a reader that was interrupted may go on behind what it had. */
  async *follow(options: FollowLogOptions = {}): AsyncGenerator<FollowedLog, void, void> {
    const { replay = true, after, signal } = options
    using _lease = this.#live.keep()
    const decode = decoder()
    for await (const { stream, data, position } of this.#log.follow({ replay, after, signal })) {
      const text = decode(stream, data)
      // A character that is not whole yet comes with the next piece, also for those who go on here.
      if (text !== "") yield { stream, text, position: position - openBytes(data) }
    }
  }

  /** Waits for the end, and gives all output that is kept. */
  async output(
    options: WaitOptions = {},
  ): Promise<ProcessEnd & { stdout: string; stderr: string; truncated: boolean }> {
    const end = await this.waitForExit(options)
    const text = (stream: "stdout" | "stderr"): string =>
      new TextDecoder().decode(
        Buffer.concat(
          this.#log
            .kept()
            .filter((chunk) => chunk.stream === stream)
            .map(({ data }) => data),
        ),
      )
    return { ...end, stdout: text("stdout"), stderr: text("stderr"), truncated: this.#log.droppedBytes > 0 }
  }

  /** The first line, kept or to come, that contains the text or matches the expression. Rejects with `sandbox.exited` when the process ends without. */
  async waitForLog(pattern: string | RegExp, options: WaitOptions = {}): Promise<string> {
    if (typeof pattern !== "string" && !(pattern instanceof RegExp))
      throw invalid("pattern", "must be a text or a regular expression")
    const what = `a line with ${pattern instanceof RegExp ? String(pattern) : JSON.stringify(pattern)}`
    return this.#within(what, options, async (signal) => {
      const rests = { stdout: "", stderr: "" }
      for await (const { stream, text } of this.logs({ follow: true, signal })) {
        const lines = (rests[stream] + text).split("\n")
        rests[stream] = lines.at(-1)?.slice(-maxLineLength) ?? ""
        const found = lines.find((line) => matches(line, pattern))
        if (found !== undefined) return found
      }
      signal.throwIfAborted()
      throw this.#endedBefore(what)
    })
  }

  /** Resolves when something in the sandbox listens on the port. Rejects with `sandbox.exited` when the process ends first. */
  async waitForPort(port: number, options: WaitOptions = {}): Promise<void> {
    const parsed = parsePort(port)
    const what = `port ${parsed}`
    await this.#within(what, options, async (signal) => {
      const over = new AbortController()
      using lease = await this.#live.use()
      const waiting = lease.sandbox.waitForPort(parsed, AbortSignal.any([signal, over.signal]))
      waiting.catch(() => {})
      try {
        const first = await Promise.race([waiting, this.#ended.catch(() => "ended").then(() => "ended")])
        if (first === "ended") throw this.#endedBefore(what)
      } finally {
        over.abort()
      }
    })
  }

  async waitForExit(options: WaitOptions = {}): Promise<ProcessEnd> {
    return this.#within("the end of the process", options, async (signal) => {
      const aborted = Promise.withResolvers<never>()
      const onAbort = (): void => aborted.reject(signal.reason as Error)
      signal.addEventListener("abort", onAbort, { once: true })
      try {
        using _lease = this.#live.keep()
        return await Promise.race([this.#ended, aborted.promise])
      } finally {
        signal.removeEventListener("abort", onAbort)
      }
    })
  }

  /** Signals the whole tree and waits for its end; after the grace with SIGKILL. A process that has ended is left alone. */
  async kill(
    signal: NodeJS.Signals = "SIGTERM",
    { graceMs = defaultGraceMs }: { graceMs?: number } = {},
  ): Promise<void> {
    checkSignal(signal)
    if (this.#status !== "running") return
    using _lease = this.#live.keep()
    this.#process.kill(signal)
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), signal === "SIGKILL" ? 0 : graceMs)
    await this.#ended.catch(() => {})
    clearTimeout(timer)
  }

  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    checkSignal(signal)
    if (this.#status === "running") this.#process.kill(signal)
  }

  /** Writes to its stdin. Rejects with `sandbox.exited` when nobody reads any more. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#status !== "running") throw this.#endedBefore("its stdin was written")
    await new Promise<void>((resolve, reject) => {
      this.#process.stdin.write(data, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(error instanceof MayflyError ? error : this.#endedBefore("its stdin was written"))
      })
    })
  }

  closeStdin(): void {
    this.#process.stdin.end()
  }

  async #watch(): Promise<ProcessEnd> {
    const pump = async (stream: "stdout" | "stderr"): Promise<void> => {
      for await (const data of this.#process[stream] as AsyncIterable<Buffer>) this.#log.append({ stream, data })
    }
    try {
      const [exit] = await Promise.all([this.#process.exited, pump("stdout"), pump("stderr")])
      this.#status = exit.code === null ? "killed" : "exited"
      this.#end = { exitCode: exitCodeOf(exit), signal: exit.signal, timedOut: exit.isTimedOut }
      return this.#end
    } catch (error) {
      this.#status = "lost"
      throw error
    } finally {
      this.#log.end()
    }
  }

  async #within<T>(what: string, options: WaitOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeoutMs = parseTimeout(options.timeoutMs)
    const late = new AbortController()
    const timer =
      timeoutMs === null
        ? undefined
        : setTimeout(() => {
            const message = `${what} did not come within ${timeoutMs} ms`
            late.abort(new MayflyError("sandbox.timeout", message, { details: { timeoutMs } }))
          }, timeoutMs)
    const signal = options.signal === undefined ? late.signal : AbortSignal.any([late.signal, options.signal])
    try {
      signal.throwIfAborted()
      return await work(signal)
    } catch (error) {
      throw options.signal?.aborted === true && !late.signal.aborted
        ? new MayflyError("sandbox.aborted", "the wait was cancelled", { cause: error })
        : error
    } finally {
      clearTimeout(timer)
    }
  }

  #endedBefore(what: string): MayflyError {
    const how = this.#end === undefined ? "has ended" : `has ended with exit code ${this.#end.exitCode}`
    return new MayflyError("sandbox.exited", `the process ${how} before ${what} came`, {
      details: { exitCode: this.#end?.exitCode ?? null },
    })
  }
}

function decoder(): (stream: LogChunk["stream"], data: Uint8Array) => string {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  return (stream, data) => decoders[stream].decode(data, { stream: true })
}

/** Bytes at the end that begin a character of UTF-8 and don't end it. */
function openBytes(data: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, data.length); back++) {
    const byte = data[data.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}

/** A pattern with the flag g remembers where it was. */
function matches(line: string, pattern: string | RegExp): boolean {
  return typeof pattern === "string" ? line.includes(pattern) : line.search(pattern) !== -1
}
