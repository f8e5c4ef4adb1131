import { exitCodeOf } from "./exec-command.ts"
import type { LiveSandbox } from "./live-sandbox.ts"
import { ReplayLog } from "./replay-log.ts"
import { invalid } from "./sandbox-options.ts"
import type { ProviderProcess } from "./sandbox-provider.ts"

const keptBytes = 256 << 10
const maxSize = 1_000

/** A terminal. Any number of viewers see the same screen; one that comes later is shown what was kept. */
export class SandboxTerminal implements AsyncDisposable {
  readonly id: string
  readonly createdAt: number
  readonly #process: ProviderProcess
  readonly #live: LiveSandbox
  readonly #log = new ReplayLog(keptBytes)
  readonly #ended: Promise<{ exitCode: number }>

  constructor(id: string, { process, live }: { process: ProviderProcess; live: LiveSandbox }) {
    this.id = id
    this.createdAt = Date.now()
    // What was typed after the end is no news.
    process.stdin.on("error", () => {})
    this.#process = process
    this.#live = live
    this.#ended = this.#watch()
    this.#ended.catch(() => {})
  }

  /** What the terminal shows, as bytes, until it ends or the signal aborts. `replay`: begins with what was kept. Default true. */
  async *output({ replay = true, signal }: { replay?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<
    Uint8Array,
    void,
    void
  > {
    using _lease = this.#live.keep()
    for await (const { data } of this.#log.follow({ replay, signal })) yield data
  }

  /** What was kept, at most 256 KiB. */
  snapshot(): Uint8Array {
    return Buffer.concat(this.#log.kept().map(({ data }) => data))
  }

  /** Keys. "\x03" is Ctrl-C. Resolves when the terminal has taken them: whoever waits can't fill our memory. Of one that has ended nobody reads. */
  async write(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#process.stdin.write(data, () => resolve()))
  }

  resize(cols: number, rows: number): void {
    const size = parseTerminalSize({ cols, rows })
    this.#process.resize(size.cols, size.rows)
  }

  async waitForExit(): Promise<{ exitCode: number }> {
    using _lease = this.#live.keep()
    return await this.#ended
  }

  async kill(): Promise<void> {
    using _lease = this.#live.keep()
    this.#process.kill("SIGKILL")
    await this.#ended.catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  async #watch(): Promise<{ exitCode: number }> {
    this.#process.stderr.resume()
    try {
      for await (const data of this.#process.stdout as AsyncIterable<Buffer>)
        this.#log.append({ stream: "stdout", data })
      return { exitCode: exitCodeOf(await this.#process.exited) }
    } finally {
      this.#log.end()
    }
  }
}

export function parseTerminalSize({ cols = 80, rows = 24 }: { cols?: number; rows?: number }): {
  cols: number
  rows: number
} {
  for (const [name, value] of Object.entries({ cols, rows }))
    if (!Number.isInteger(value) || value < 1 || value > maxSize)
      throw invalid(name, `must be a whole number from 1 to ${maxSize}`)
  return { cols, rows }
}
