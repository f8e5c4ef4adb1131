import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import { MayflyError } from "@mayfly/protocol"
import type { Procedures } from "../steps.ts"
import type { StoreOwner } from "../store.ts"
import { commitBatch } from "./commit-batch.ts"
import { Database } from "./database.ts"
import type { Operation, Outcome, ReplyBatch, Request, RequestBatch, ThreadOptions } from "./messages.ts"
import { checkMigrated, migrate, prepareStore } from "./migrate.ts"
import { toWireError } from "./wire-error.ts"

/** More wait for the next transaction: while it is written, callers go on with the answers of this one. */
const maxOperations = 512
/** Answers to reads go together for so long. */
const readTogetherMs = 2

type Waiting = readonly [id: number, request: Request]

/** One thread with one connection: the one that writes, or one that reads. */
class DatabaseThread {
  readonly #port: MessagePort
  readonly #options: ThreadOptions
  readonly #procedures = new Map<string, Procedures>()
  #database: Database | undefined
  #waiting: Waiting[] = []
  #isWorking = false

  constructor(port: MessagePort, options: ThreadOptions) {
    this.#port = port
    this.#options = options
    port.on("message", (batch: RequestBatch) => {
      this.#waiting.push(...batch)
      if (!this.#isWorking) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    while (this.#waiting.length > 0) {
      const operations = this.#takeOperations()
      if (operations.length > 0) this.#reply(this.#commit(operations))
      else if (this.#waiting[0]?.[1].kind === "read") this.#reply(this.#readSome())
      else await this.#serveNext()
    }
    this.#isWorking = false
  }

  /** All transactions at the head of the queue, together with what came while the last ones were written: one sync for all. */
  #takeOperations(): (readonly [id: number, operation: Operation])[] {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#waiting.push(...(next.message as RequestBatch))
    }
    const end = this.#waiting.findIndex(([, request], index) => !isOperation(request) || index === maxOperations)
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end) as (readonly [number, Operation])[]
  }

  #commit(operations: readonly (readonly [id: number, operation: Operation])[]): ReplyBatch {
    try {
      const batch = operations.map(([, operation]) => operation)
      const outcomes = commitBatch(this.#open(), this.#procedures, batch)
      return operations.map(([id], index) => [id, outcomes[index] ?? failedWith(new Error("no outcome"))])
    } catch (error) {
      return operations.map(([id]) => [id, failedWith(error)])
    }
  }

  #readSome(): ReplyBatch {
    const replies: [id: number, outcome: Outcome][] = []
    const until = performance.now() + readTogetherMs
    for (let next = this.#waiting[0]; next?.[1].kind === "read"; next = this.#waiting[0]) {
      this.#waiting.shift()
      replies.push([next[0], this.#read(next[1])])
      if (performance.now() > until) break
    }
    return replies
  }

  #read({ sql, parameters, maxRows }: Extract<Request, { kind: "read" }>): Outcome {
    try {
      return { ok: true, value: this.#open().read(sql, parameters, maxRows) }
    } catch (error) {
      return failedWith(error)
    }
  }

  async #serveNext(): Promise<void> {
    const next = this.#waiting.shift()
    if (next === undefined) return
    const [id, request] = next
    this.#reply([[id, await this.#serve(request)]])
    if (request.kind === "close") this.#port.close()
  }

  async #serve(request: Request): Promise<Outcome> {
    try {
      return { ok: true, value: await this.#answer(request) }
    } catch (error) {
      return failedWith(error)
    }
  }

  #answer(request: Request): unknown {
    switch (request.kind) {
      case "attach":
        return this.#attach(request.owner)
      case "check":
        return this.#check()
      case "close":
        return this.#database?.close()
      case "read":
      case "statements":
      case "procedure":
        throw new MayflyError("store.failed", "reads and operations are answered together")
    }
  }

  async #attach(owner: StoreOwner): Promise<void> {
    if (this.#options.isReadOnly) return checkMigrated(this.#open(), owner)
    migrate(this.#open(), owner)
    if (owner.procedures === undefined) return
    const { procedures } = (await import(owner.procedures)) as { procedures?: Procedures }
    if (procedures === undefined) throw new MayflyError("store.failed", `"${owner.procedures}" exports no procedures`)
    this.#procedures.set(owner.name, procedures)
  }

  #check(): readonly string[] {
    try {
      const rows = this.#open().read("PRAGMA integrity_check", [], 1_000)
      return rows.map(({ integrity_check: line }) => String(line)).filter((line) => line !== "ok")
    } catch (error) {
      // So damaged that it can't be looked through.
      const { code, message } = toWireError(error)
      if (code === "store.corrupt") return [message]
      throw error
    }
  }

  /** Opened at the first use and not in the constructor, so that a failure is an answer, and opening may be tried again. */
  #open(): Database {
    if (this.#database !== undefined) return this.#database
    const database = new Database(this.#options)
    try {
      if (!this.#options.isReadOnly) prepareStore(database)
    } catch (error) {
      database.close()
      throw error
    }
    return (this.#database = database)
  }

  #reply(replies: ReplyBatch): void {
    try {
      this.#port.postMessage(replies)
    } catch (error) {
      // A result that can't be cloned is its procedure's mistake; the others must have their answers.
      for (const [id, outcome] of replies) this.#replyOne(id, outcome, error)
    }
  }

  #replyOne(id: number, outcome: Outcome, problem: unknown): void {
    try {
      this.#port.postMessage([[id, outcome]])
    } catch {
      const message = `the result can't be copied: ${String(problem)}`
      this.#port.postMessage([[id, failedWith(new MayflyError("store.unknown-outcome", message))]])
    }
  }
}

function isOperation(request: Request): request is Operation {
  return request.kind === "statements" || request.kind === "procedure"
}

function failedWith(error: unknown): Outcome {
  return { ok: false, error: toWireError(error) }
}

if (parentPort !== null) new DatabaseThread(parentPort, workerData as ThreadOptions)
