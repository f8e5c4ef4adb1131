import { rm } from "node:fs/promises"
import { MayflyError } from "@mayfly/protocol"
import type { StoreReply } from "../pool/isolate-pool.ts"
import type { Head } from "../wire/frame-channel.ts"
import { removeAlarmFile, writeAlarmFile } from "./alarm-file.ts"
import type { FileLocks } from "./file-locks.ts"
import type { ObjectFiles, ObjectKey } from "./object-key.ts"
import type { StoragePool } from "./storage-pool.ts"
import { type StorageAnswer, StorageGone, type StorageProcess, type StorageRequest } from "./storage-process.ts"
import { TransactionLog } from "./transaction-log.ts"

export interface ObjectStorageOptions {
  readonly key: ObjectKey
  readonly files: ObjectFiles
  readonly pool: StoragePool
  /** Of the files of all objects. */
  readonly locks: FileLocks
  /** Most bytes of the database. */
  readonly maxBytes: number
  /** The alarm that is committed has changed. */
  onAlarm(at: number | null): void
}

/** Opening may wait for another process to let go, a commit for the disk. */
const systemTimeoutMs = 30_000
/** An object whose storage died under it is kept apart from others for so long. */
const apartMs = 600_000
const maxAttempts = 3

/** What a storage operation costs the processes on its way, which nobody else pays: a flood of them ends at `cpuMs`. */
const callCostMs = 0.1

let nextObject = 0

/**
 * One object's storage, as the supervisor sees it: opened when first used, opened again when its process died as long as that can be done without loss. Everything that it
 * throws but `platform.*` means that the object's instance has to go.
 */
export class ObjectStorage {
  readonly #options: ObjectStorageOptions
  readonly #id = ++nextObject
  #process: StorageProcess | undefined
  #isUncommitted = false
  /** What was done in the transaction that is open, should it have to be done again. */
  readonly #transaction = new TransactionLog()
  /** The process died with a transaction, which a new one has to have first. */
  #mustReplay = false
  #apartUntil = 0
  #resets = 0
  /** As the guest sees it; committed with what else it writes. */
  #pendingAlarm: number | null = null
  #alarm: number | null | undefined
  #hasAlarmFile = true

  constructor(options: ObjectStorageOptions) {
    this.#options = options
  }

  /** When the alarm is due that is committed; undefined as long as the database was not opened. */
  get alarm(): number | null | undefined {
    return this.#alarm
  }

  /** A guest's operation. Failures that are the guest's own are answers. */
  async call(payload: string, timeoutMs: number): Promise<StoreReply> {
    const answer = await this.#request({ t: "call" }, payload, timeoutMs)
    const { isDirty, cpuMs } = answer
    const text = replyOf(answer)
    if (answer.isInTransaction) this.#transaction.add(payload, text)
    return { text, isDirty, cpuMs: cpuMs + callCostMs }
  }

  /** What was written is on disk when this resolves. */
  async commit(): Promise<StoreReply> {
    // Before the commit: no crash may leave an alarm that nobody knows of.
    if (this.#pendingAlarm !== null) await this.#writeAlarmFile(this.#pendingAlarm)
    const { isOk, text, cpuMs } = await this.#request({ t: "commit" }, "", systemTimeoutMs)
    if (!isOk) throw storageFailed(text)
    if (this.#alarm === null) await this.#removeAlarmFile()
    return { text: "+", isDirty: false, cpuMs }
  }

  /** Opens the database, to learn when its alarm is due. */
  async open(): Promise<void> {
    await this.#opened()
  }

  /** The alarm's handler took its instance down with it; nothing is uncommitted. Counts as a failed attempt. */
  async failAlarm(): Promise<void> {
    await this.#request({ t: "fail-alarm" }, "", systemTimeoutMs)
    if (this.#alarm === null) await this.#removeAlarmFile()
  }

  /** Takes back what an instance that is gone has not committed. Never rejects. */
  async reset(): Promise<void> {
    this.#mustReplay = false
    this.#isUncommitted = false
    this.#transaction.clear()
    this.#resets++
    await this.#opening?.catch(() => {})
    if (this.#process === undefined) return
    await this.#send(this.#process, { t: "reset" }, "", systemTimeoutMs).catch(() => {})
  }

  /** Lets go of the database; it is opened again when needed. Never rejects. */
  async close(): Promise<void> {
    // Tells also which alarm is left.
    await this.reset()
    const process = this.#process
    if (process === undefined) return
    await this.#send(process, { t: "close" }, "", systemTimeoutMs).catch(() => {})
    this.#release(process)
  }

  /** Closes and deletes everything. */
  async erase(): Promise<void> {
    await this.close()
    const { database, alarm } = this.#options.files
    // The database first: without it SQLite throws a write-ahead log away.
    await this.#options.locks.share(database, async () => {
      for (const path of [database, `${database}-wal`, `${database}-shm`, `${database}-journal`, alarm, `${alarm}.new`])
        await rm(path, { force: true })
    })
    this.#alarm = null
    this.#pendingAlarm = null
    this.#writtenAlarm = null
    this.#hasAlarmFile = false
  }

  async #request(head: Head, payload: string, timeoutMs: number): Promise<StorageAnswer> {
    const resets = this.#resets
    for (let attempt = 1; ; attempt++) {
      try {
        const process = await this.#opened()
        // Whoever asked is gone; the next instance must not find what it would have done.
        if (this.#resets !== resets) throw goneError()
        const answer = await this.#send(process, head, payload, timeoutMs)
        if (answer.isLost) throw lostError(failureMessage(answer.text))
        return answer
      } catch (error) {
        if (!(error instanceof StorageGone)) throw error
        this.#blame(error, timeoutMs)
        // Nobody knows whether it came to that.
        if (head.t === "commit" && error.how === "died") throw goneError()
        if (attempt >= maxAttempts) throw error.how === "died" ? diedError() : goneError()
      }
    }
  }

  #blame({ how }: StorageGone, timeoutMs: number): void {
    if (how !== "innocent") this.#apartUntil = Date.now() + apartMs
    if (how === "late") throw lateError(timeoutMs)
  }

  async #send(process: StorageProcess, head: Head, payload: string, timeoutMs: number): Promise<StorageAnswer> {
    const answer = await this.#ask(process, { head, payload, timeoutMs })
    this.#isUncommitted = answer.isInTransaction
    if (!answer.isInTransaction) this.#transaction.clear()
    if (head.t === "close") return answer
    this.#pendingAlarm = answer.alarm
    if (!answer.isInTransaction) this.#committed(answer.alarm)
    return answer
  }

  #ask(process: StorageProcess, request: Omit<StorageRequest, "object">): Promise<StorageAnswer> {
    const { locks, files } = this.#options
    return locks.share(files.database, () => process.request({ object: this.#id, ...request }))
  }

  #committed(alarm: number | null): void {
    if (this.#alarm === alarm) return
    this.#alarm = alarm
    this.#options.onAlarm(alarm)
  }

  #opening: Promise<StorageProcess> | undefined

  async #opened(): Promise<StorageProcess> {
    if (this.#process !== undefined) return this.#process
    this.#opening ??= this.#openAgain().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #openAgain(): Promise<StorageProcess> {
    const process = await this.#open()
    if (!this.#mustReplay) return process
    try {
      await this.#replay(process)
    } catch (error) {
      // It stands in for the transaction as long as that is not back.
      this.#mustReplay = true
      throw error
    }
    this.#mustReplay = false
    return process
  }

  /**
   * Does again what a dead process took with it: another object's fault must not be this one's. Where an answer is another one than the guest has
   * seen (it asked for a random number, or the time), the transaction is lost.
   */
  async #replay(process: StorageProcess): Promise<void> {
    const entries = this.#transaction.entries
    if (entries === undefined) throw goneError()
    for (const { payload, reply } of entries) {
      const answer = await this.#ask(process, { head: { t: "call" }, payload, timeoutMs: systemTimeoutMs })
      if (answer.isLost || replyOf(answer) !== reply) throw goneError()
      this.#pendingAlarm = answer.alarm
    }
    this.#isUncommitted = true
  }

  async #open(): Promise<StorageProcess> {
    for (let attempt = 1; ; attempt++) {
      const { pool, files, maxBytes } = this.#options
      const process = pool.acquire(files.folder, Date.now() < this.#apartUntil)
      try {
        const head = { t: "open", file: files.database, maxBytes }
        // Not by #send, for which an answer without a transaction means that there is none to do again.
        const answer = await this.#ask(process, { head, payload: "", timeoutMs: systemTimeoutMs })
        if (!answer.isOk) throw storageFailed(answer.text)
        this.#pendingAlarm = answer.alarm
        this.#committed(answer.alarm)
        this.#process = process
        process.onGone(this.#onGone)
        return process
      } catch (error) {
        pool.release(process)
        if (!(error instanceof StorageGone)) throw error
        if (attempt >= maxAttempts)
          throw new MayflyError("platform.no-host", `the storage process does not start: ${error.message}`)
      }
    }
  }

  readonly #onGone = (): void => {
    if (this.#process === undefined) return
    if (this.#isUncommitted) this.#mustReplay = true
    this.#gone(this.#process)
  }

  #gone(process: StorageProcess): void {
    if (this.#process !== process) return
    this.#isUncommitted = false
    this.#release(process)
  }

  #release(process: StorageProcess): void {
    if (this.#process !== process) return
    this.#process = undefined
    process.offGone(this.#onGone)
    this.#options.pool.release(process)
  }

  #writtenAlarm: number | null = null

  async #writeAlarmFile(at: number): Promise<void> {
    if (this.#writtenAlarm === at) return
    await writeAlarmFile(this.#options.files.alarm, { key: this.#options.key, at })
    this.#writtenAlarm = at
    this.#hasAlarmFile = true
  }

  async #removeAlarmFile(): Promise<void> {
    if (!this.#hasAlarmFile) return
    this.#hasAlarmFile = false
    this.#writtenAlarm = null
    await removeAlarmFile(this.#options.files.alarm)
  }
}

function replyOf({ isOk, text }: StorageAnswer): string {
  return `${isOk ? "+" : "-"}${text}`
}

function failureMessage(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return String(message).slice(0, 1_000)
  } catch {
    return "it can't be said why"
  }
}

function storageFailed(text: string): MayflyError {
  return new MayflyError("object.storage-failed", `the object's storage failed: ${failureMessage(text)}`)
}

function lostError(message: string): MayflyError {
  return new MayflyError("object.reset", `the object was reset: ${message}`, { retry: false })
}

function lateError(timeoutMs: number): MayflyError {
  const message = `a storage operation took more than ${timeoutMs} ms; the object was reset`
  return new MayflyError("object.storage-limit", message, { details: { limitMs: timeoutMs } })
}

function diedError(): MayflyError {
  return new MayflyError("object.storage-limit", "a storage operation needed too much memory; the object was reset")
}

function goneError(): MayflyError {
  return new MayflyError("object.reset", "the object was reset: the process of its storage died before a commit")
}
