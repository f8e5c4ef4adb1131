import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))

export interface PtyOptions {
  readonly cols?: number
  readonly rows?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The real command on a real terminal. */
export class PtyProcess {
  /** The device. */
  readonly tty: Promise<string>
  /** Its last line on the terminal is "settings: …", what stty says when it has ended, and its exit code. */
  readonly ended: Promise<{ readonly exitCode: number; readonly settings: string }>
  readonly #child: ChildProcess
  #shown = ""

  constructor(args: readonly string[], { cols = 90, rows = 30, cwd, env }: PtyOptions = {}) {
    const command = [process.execPath, "--conditions=source", "--disable-warning=ExperimentalWarning", bin, ...args]
    const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")
    const line = `stty cols ${cols} rows ${rows}; echo "tty: $(tty)"; ${quoted}; echo "code: $?"; echo "settings: $(stty -a | tr '\\n' ' ')."`
    this.#child = spawn("script", ["-qefc", line, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1", SHELL: "/bin/bash", ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#shown += text))
    this.tty = this.until(/tty: (\/dev\/pts\/\d+)/).then(([, path = ""]) => path)
    this.ended = this.until(/code: (\d+)\s+settings: ([^.]*)\./).then(([, code = "", settings = ""]) => ({
      exitCode: Number(code),
      settings,
    }))
    this.ended.catch(() => {})
  }

  /** All that was shown so far. */
  get shown(): string {
    return this.#shown
  }

  /** Resolves when what is shown matches. Rejects when it ends without. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`nothing like ${String(pattern)} came: ${JSON.stringify(this.#shown)}`)),
        30_000,
      ).unref()
      const look = (): void => {
        const match = pattern.exec(this.#shown)
        if (match === null) return
        clearTimeout(late)
        this.#child.stdout?.off("data", look)
        resolve(match)
      }
      this.#child.stdout?.on("data", look)
      this.#child.once("close", () =>
        reject(new Error(`ended without ${String(pattern)}: ${JSON.stringify(this.#shown)}`)),
      )
      look()
    })
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  async resize(cols: number, rows: number): Promise<void> {
    execFileSync("stty", ["-F", await this.tty, "cols", String(cols), "rows", String(rows)])
  }

  /** The process on the terminal that has this among its words. */
  pidOf(word: string): number {
    const lines = execFileSync("ps", ["-eo", "pid,args"]).toString().split("\n")
    return Number(
      lines
        .find(
          (line) => line.includes(word) && line.includes(bin) && !line.includes("script -q") && !line.includes("stty"),
        )
        ?.trim()
        .split(/\s+/)[0],
    )
  }
}
