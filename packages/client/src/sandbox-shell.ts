import { pathSegment, type ShellState } from "@mayfly/protocol"
import { execute, type ExecOptions, type ExecResult } from "./sandbox-exec.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

export type ShellResult = ExecResult & ShellState

/** A bash that keeps its folder, variables and functions between commands. */
export class SandboxShell implements AsyncDisposable {
  readonly id: string
  readonly #http: SandboxHttp
  #cwd: string

  constructor(http: SandboxHttp, { id, cwd }: { readonly id: string; readonly cwd: string }) {
    this.#http = http
    this.id = id
    this.#cwd = cwd
  }

  get cwd(): string {
    return this.#cwd
  }

  async exec(command: string, options: Omit<ExecOptions, "cwd" | "env" | "stdin"> = {}): Promise<ShellResult> {
    const result = await execute<ShellResult>(this.#http, `${this.#path}/exec`, { command }, options)
    this.#cwd = result.cwd
    return result
  }

  /** Sends a signal to what the shell runs now, not to the shell. */
  async signal(signal = "SIGINT"): Promise<void> {
    await this.#http.json("POST", `${this.#path}/signal`, { json: { signal } })
  }

  async close(): Promise<void> {
    await this.#http.json("DELETE", this.#path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #path(): string {
    return `/shells/${pathSegment(this.id)}`
  }
}
