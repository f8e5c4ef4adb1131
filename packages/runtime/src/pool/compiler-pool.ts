import { createHash } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { CompileRequest, ModulePositions } from "../compile/program.ts"
import type { Head } from "../wire/frame-channel.ts"
import { Child } from "./child.ts"
import type { ProgramPlan } from "../compile/plan-program.ts"
import { compileError, parsePlan, parsePositions } from "./compiler-answer.ts"
import { FairQueue } from "./fair-queue.ts"
import type { Program } from "./isolate-pool.ts"
import { findRuntimeFiles, type RuntimeFiles } from "./runtime-files.ts"

export interface Compiled extends Program {
  readonly positions: readonly ModulePositions[]
}

const flags = ["--no-opt", "--experimental-vm-modules", "--no-warnings", "--max-old-space-size=2048"]
/** Programs up to this size do not wait behind larger ones. */
const smallProgram = 256 << 10
const baseTimeoutMs = 5_000
const timeoutPerMebibyteMs = 1_000
const maxCachedBytes = 64 << 20
const maxCached = 2_000
/** Programs of one tenant that wait to be compiled. */
const maxQueued = 1_000

/** Compiles programs in jailed processes, one for small and one for large ones, and remembers the results by content. */
export class CompilerPool {
  readonly #files: RuntimeFiles
  readonly #small: CompilerProcess
  readonly #large: CompilerProcess
  readonly #cache = new Map<string, { compiled: Compiled; bytes: number }>()
  #cachedBytes = 0

  constructor() {
    this.#files = findRuntimeFiles()
    this.#small = new CompilerProcess(this.#files)
    this.#large = new CompilerProcess(this.#files)
  }

  /** Starts the process for small programs, so that the first one does not wait for it. */
  warm(): void {
    this.#small.start()
  }

  /** Rejects with `worker.syntax` and the like for what the author can correct, `worker.compile-timeout` when it takes too long. */
  async compile(request: CompileRequest, tenant = "default"): Promise<Compiled> {
    const text = JSON.stringify(request)
    const hash = createHash("sha256").update(text).digest("hex")
    const known = this.#cache.get(hash)
    if (known !== undefined) {
      this.#cache.delete(hash)
      this.#cache.set(hash, known)
      return known.compiled
    }
    const process = text.length <= smallProgram ? this.#small : this.#large
    const [program = "", positions = "[]"] = await process.compile(text, tenant)
    const compiled = { hash, text: program, positions: parsePositions(positions) }
    this.#remember(hash, compiled, program.length + positions.length)
    return compiled
  }

  /** What a program seems to need. Rejects like `compile`. */
  async plan(request: CompileRequest, tenant = "default"): Promise<ProgramPlan> {
    const text = JSON.stringify(request)
    const process = text.length <= smallProgram ? this.#small : this.#large
    const [plan = ""] = await process.compile(text, tenant, "plan")
    return parsePlan(plan)
  }

  #remember(hash: string, compiled: Compiled, bytes: number): void {
    if (bytes > maxCachedBytes / 4 || this.#cache.has(hash)) return
    this.#cache.set(hash, { compiled, bytes })
    this.#cachedBytes += bytes
    for (const [old, entry] of this.#cache) {
      if (this.#cachedBytes <= maxCachedBytes && this.#cache.size <= maxCached) return
      this.#cache.delete(old)
      this.#cachedBytes -= entry.bytes
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#small.stop(), this.#large.stop()])
  }
}

interface Waiting {
  readonly kind: "compile" | "plan"
  readonly text: string
  resolve(parts: readonly string[]): void
  reject(error: MayflyError): void
}

/** One process, one compilation at a time, so that a timeout blames the right one. */
class CompilerProcess {
  readonly #files: RuntimeFiles
  readonly #queue = new FairQueue<Waiting>()
  #child: Child | undefined
  #current: Waiting | undefined
  #timer: NodeJS.Timeout | undefined
  #isReady = false
  #startFailures = 0
  #isStopped = false

  constructor(files: RuntimeFiles) {
    this.#files = files
  }

  start(): void {
    if (this.#child !== undefined || this.#isStopped) return
    const { node, compiler, compilerPackages, addon } = this.#files
    const argument = JSON.stringify({ addon })
    const program = { node, flags, script: compiler, argument, reads: [addon, ...compilerPackages] }
    this.#child = new Child(
      program,
      { onFrame: (head, parts) => this.#frame(head, parts), onExit: (reason) => this.#gone(reason) },
      false,
    )
    const child = this.#child
    child.expectReady(() => this.#isReady || this.#child !== child)
    this.#hold()
  }

  compile(text: string, tenant: string, kind: Waiting["kind"] = "compile"): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped)
        return reject(new MayflyError("platform.disposed", "the platform was disposed; nothing can be compiled"))
      if (this.#queue.sizeOf(tenant) >= maxQueued) return reject(queueFull(tenant))
      this.#queue.add(tenant, { kind, text, resolve, reject })
      this.start()
      this.#hold()
      this.#next()
    })
  }

  #hold(): void {
    this.#child?.hold(this.#queue.size > 0 || this.#current !== undefined)
  }

  #next(): void {
    if (!this.#isReady || this.#current !== undefined) return
    this.#current = this.#queue.take(() => 0)
    if (this.#current === undefined) return this.#hold()
    const { kind, text } = this.#current
    const timeoutMs = baseTimeoutMs + (text.length / 1_048_576) * timeoutPerMebibyteMs
    this.#timer = setTimeout(() => this.#timeout(timeoutMs), timeoutMs)
    this.#child?.channel.send({ t: kind }, text)
    this.#child?.channel.flush()
  }

  #timeout(timeoutMs: number): void {
    const message = `compiling the program took more than ${Math.round(timeoutMs / 1_000)} s`
    this.#take()?.reject(new MayflyError("worker.compile-timeout", message, { details: { limitMs: timeoutMs } }))
    this.#child?.kill()
  }

  #take(): Waiting | undefined {
    clearTimeout(this.#timer)
    const current = this.#current
    this.#current = undefined
    return current
  }

  #frame(head: Head, parts: readonly string[]): void {
    if (head.t === "ready") {
      this.#isReady = true
      this.#startFailures = 0
    } else {
      const current = this.#take()
      if (head.t === (current?.kind === "plan" ? "planned" : "compiled")) current?.resolve(parts)
      else current?.reject(compileError(parts[0]))
    }
    this.#next()
  }

  #gone(reason: string): void {
    const wasReady = this.#isReady
    this.#child = undefined
    this.#isReady = false
    // Native parsers recurse: code nested a hundred thousand levels deep ends them, and nobody else.
    const message = "the program can't be parsed: it is nested too deeply or too large for the parser"
    this.#take()?.reject(new MayflyError("worker.syntax", message, { details: { name: "SyntaxError", message } }))
    if (!wasReady && ++this.#startFailures > 2) {
      const error = new MayflyError("platform.no-host", `the compiler process does not start: ${reason}`)
      for (const waiting of this.#queue.drain()) waiting.reject(error)
      this.#startFailures = 0
    }
    if (this.#queue.size > 0) this.start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const error = new MayflyError("platform.disposed", "the platform was disposed while the program was compiled")
    for (const waiting of this.#queue.drain()) waiting.reject(error)
    this.#take()?.reject(error)
    await this.#child?.stop()
  }
}

function queueFull(tenant: string): MayflyError {
  const message = `${maxQueued} programs of tenant "${tenant}" are waiting to be compiled already`
  return new MayflyError("worker.queue-full", message, { details: { tenant, limit: maxQueued, retryAfterMs: 1_000 } })
}
