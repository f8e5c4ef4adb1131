import { spawn } from "node:child_process"
import { readFileSync, readlinkSync } from "node:fs"
import { descendants } from "./process-tree.ts"

const againMs = 20

/**
 * The size of the terminal below a process, set on the terminal itself; the kernel tells what runs on it. One program sets it at a time, and the last
 * size wins: two at once could end in either order. A terminal that is not there yet, or that no program could be started for, is tried again.
 */
export class TerminalSize {
  readonly #root: number
  readonly #start: string
  #wanted: readonly [cols: number, rows: number] | undefined
  #isBusy = false
  #again: NodeJS.Timeout | undefined
  #hasEnded = false

  /** `start` is what the terminal's first program runs before anything else; it sets a size itself, which must not come last. */
  constructor(root: number, start: string) {
    this.#root = root
    this.#start = start
  }

  set(cols: number, rows: number): void {
    this.#wanted = [cols, rows]
    this.#apply()
  }

  end(): void {
    this.#hasEnded = true
    clearTimeout(this.#again)
  }

  #apply(): void {
    if (this.#hasEnded || this.#isBusy || this.#wanted === undefined) return
    clearTimeout(this.#again)
    const wanted = this.#wanted
    const terminal = terminalBelow(this.#root, this.#start)
    if (terminal === undefined) return this.#later()
    this.#isBusy = true
    const [cols, rows] = wanted.map(String)
    const child = spawn("/usr/bin/stty", ["-F", terminal, "cols", cols ?? "", "rows", rows ?? ""], { stdio: "ignore" })
    const done = (isSet: boolean): void => {
      this.#isBusy = false
      if (isSet && this.#wanted === wanted) this.#wanted = undefined
      if (isSet) this.#apply()
      else this.#later()
    }
    child.once("error", () => done(false))
    child.once("exit", (code) => done(code === 0))
  }

  #later(): void {
    if (!this.#hasEnded) this.#again = setTimeout(() => this.#apply(), againMs)
  }
}

/** Undefined while there is none, or its first program still starts: then it has the start in its command line. */
function terminalBelow(root: number, start: string): string | undefined {
  for (const pid of descendants(root)) {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/0`)
      if (!/^\/dev\/pts\/\d+$/.test(path)) continue
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(start) ? undefined : path
    } catch {
      // It has ended.
    }
  }
  return undefined
}
