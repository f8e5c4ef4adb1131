import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FrameChannel, frameChannel, type OnFrame } from "../wire/frame-channel.ts"
import { detectJail, jailed, type Program } from "./jail.ts"

export interface ChildEvents {
  readonly onFrame: OnFrame
  /** Called once, when the process is gone, for whatever reason. */
  onExit(reason: string): void
}

const maxStderr = 8_192
const drainMs = 1_000
/** Generous: a busy machine takes a second. */
const startMs = 15_000
/** The child's descriptor of the file in which it notes what it is doing. */
export const noteFd = 5

/** A jailed child process with a channel. Nothing that it says is trusted; malformed frames kill it. */
export class Child {
  readonly channel: FrameChannel
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly #process: ChildProcess
  readonly #socket: Socket
  readonly #note: number | undefined
  #stderr = ""
  #isGone = false
  #isStopping = false
  #resolveGone: () => void = () => {}

  constructor(program: Program, events: ChildEvents, withNote: boolean) {
    this.gone = new Promise((resolve) => (this.#resolveGone = resolve))
    this.#note = withNote ? anonymousFile() : undefined
    this.#process = start(program, this.#note)
    this.#socket = this.#process.stdio[3] as Socket
    this.#socket.on("error", () => {})
    this.channel = frameChannel(this.#socket, events.onFrame, (reason) => {
      this.#stderr += `malformed frame: ${reason}\n`
      this.kill()
    })
    this.#process.stderr?.on("data", (text: Buffer) => {
      if (this.#stderr.length < maxStderr) this.#stderr += text.toString("utf8").slice(0, maxStderr)
    })
    this.#process.on("error", (error) => this.#gone(error.message, events))
    // "close" comes when the pipes are drained, so the last frames and the reason on stderr are here.
    this.#process.on("close", (code, signal) => this.#gone(signal ?? `exit ${code ?? "?"}`, events))
    // Should something still hold the pipes, nobody must wait for it.
    this.#process.on("exit", (code, signal) => {
      const timer = setTimeout(() => this.#gone(signal ?? `exit ${code ?? "?"}`, events), drainMs)
      if (!this.#isStopping) timer.unref()
    })
    children.add(this)
  }

  /** The process must say within `startMs` that it is ready, by `isReady`; one that hangs while it starts is killed. */
  expectReady(isReady: () => boolean): void {
    setTimeout(() => {
      if (isReady() || this.#isGone) return
      this.#stderr += "it did not start in time\n"
      this.kill()
    }, startMs).unref()
  }

  /** What the process wrote to stderr, cut. Material for a diagnosis, not for guests. */
  get stderr(): string {
    return this.#stderr
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** The last thing that the process noted. Read it in `onExit`; afterwards it is gone. */
  readNote(): string {
    if (this.#note === undefined) return ""
    const bytes = Buffer.alloc(64)
    try {
      return bytes.toString("latin1", 0, readSync(this.#note, bytes, 0, bytes.length, 0)).trim()
    } catch {
      return ""
    }
  }

  /** Kills the whole group: while bubblewrap sets up, its inner process does not yet die with it. */
  kill(): void {
    const { pid } = this.#process
    if (this.#isGone || pid === undefined) return
    try {
      process.kill(-pid, "SIGKILL")
    } catch {
      // Gone already.
    }
  }

  /** Kills the process and waits until it is gone. */
  async stop(): Promise<void> {
    this.hold(true)
    // A frame that arrives now must not let go of the event loop: it would end before this child is gone.
    this.#isStopping = true
    this.kill()
    await this.gone
  }

  /** Whether this child keeps the parent's event loop alive. */
  hold(isHeld: boolean): void {
    if (this.#isStopping) return
    const verb = isHeld ? "ref" : "unref"
    this.#process[verb]()
    this.#socket[verb]()
    ;(this.#process.stderr as Socket | null)?.[verb]()
  }

  #gone(reason: string, events: ChildEvents): void {
    if (this.#isGone) return
    this.#isGone = true
    children.delete(this)
    this.channel.destroy()
    events.onExit(this.#stderr === "" ? reason : `${reason}: ${this.#stderr.trim().slice(-500)}`)
    if (this.#note !== undefined) closeSync(this.#note)
    this.#resolveGone()
  }
}

const children = new Set<Child>()
process.on("exit", () => {
  for (const child of children) child.kill()
})

function start(program: Program, note: number | undefined): ChildProcess {
  const { command, args, filter } = jailed(program, detectJail())
  const filterFile = filter === undefined ? undefined : anonymousFile(filter)
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe", filterFile ?? "ignore", note ?? "ignore"]
  try {
    // A group of its own: a terminal's Ctrl-C is for the supervisor, which ends its children in order.
    return spawn(command, args, { stdio, env: {}, detached: true })
  } finally {
    if (filterFile !== undefined) closeSync(filterFile)
  }
}

/** A file without a name: readable and writable through its descriptor only, gone with it. */
function anonymousFile(content?: Buffer): number {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-"))
  try {
    const fd = openSync(join(folder, "file"), "wx+", 0o600)
    if (content !== undefined) writeSync(fd, content, 0, content.length, 0)
    return fd
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
