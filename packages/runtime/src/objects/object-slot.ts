import { MayflyError } from "@mayfly/protocol"
import type { Runtime } from "../runtime.ts"
import { readAlarmFile } from "./alarm-file.ts"
import { DurableObjectClass } from "./durable-object-class.ts"
import type { DurableObjectId } from "./durable-object-id.ts"
import { type ObjectCall, ObjectInstance } from "./object-instance.ts"
import type { FileLocks } from "./file-locks.ts"
import type { ObjectFiles, ObjectKey } from "./object-key.ts"
import { ObjectStorage } from "./object-storage.ts"
import type { StoragePool } from "./storage-pool.ts"

/** What a facet is started with, as at Cloudflare. */
export interface FacetStartupOptions {
  readonly class: DurableObjectClass
  /** What the facet sees as its own `ctx.id`. Default: the parent's. */
  readonly id?: DurableObjectId | string
}

export type GetStartupOptions = () => FacetStartupOptions | Promise<FacetStartupOptions>

export interface SlotOptions {
  readonly key: ObjectKey
  readonly parentId: { readonly id: string; readonly name?: string }
  readonly files: ObjectFiles
  readonly storagePool: StoragePool
  readonly locks: FileLocks
  readonly maxBytes: number
  readonly runtime: Pick<Runtime, "pool" | "egress" | "gate">
  /** Makes room for one more instance. Throws when there is none. */
  admit(): void
}

const maxTimerMs = 2_147_483_647
/** An object that sets its next alarm in its alarm must not keep the supervisor busy. */
const minAlarmGapMs = 50
/** After a failure that says nothing about the alarm itself, such as a program that does not load. */
const alarmPauseMs = 30_000

/** One object's place: at most one instance of it, its storage, its alarm. */
export class ObjectSlot {
  readonly key: ObjectKey
  readonly #options: SlotOptions
  readonly #storage: ObjectStorage
  #instance: ObjectInstance | undefined
  #starting: Promise<ObjectInstance> | undefined
  #start: GetStartupOptions | undefined
  /** What has to be over before the next instance starts: the last one's storage is put in order. */
  #settled: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isFiring = false
  #lastFired = -Infinity
  #isDisposed = false
  #aborts = 0
  #reason: unknown

  constructor(options: SlotOptions) {
    this.#options = options
    this.key = options.key
    const { key, files, storagePool: pool, locks, maxBytes } = options
    this.#storage = new ObjectStorage({ key, files, pool, locks, maxBytes, onAlarm: (at) => this.#armAlarm(at) })
  }

  /** How often it was aborted: a stub from before an abort is not valid any more. */
  get aborts(): number {
    return this.#aborts
  }

  /** Why, the last time. */
  get reason(): unknown {
    return this.#reason
  }

  get isWarm(): boolean {
    return this.#instance !== undefined || this.#starting !== undefined
  }

  /** How long it has not been used; undefined while it is, or is not there. */
  get idleMs(): number | undefined {
    const idleMs = this.#isFiring ? 0 : (this.#instance?.idleMs ?? 0)
    return idleMs > 0 ? idleMs : undefined
  }

  get isWorn(): boolean {
    return this.#instance?.isWorn ?? false
  }

  /** Whether nothing would be lost if it were forgotten. */
  get isSpent(): boolean {
    return !this.isWarm && this.#timer === undefined && this.#aborts === 0
  }

  /** How it is started from now on. The first time, an alarm of an earlier life is found. */
  provide(start: GetStartupOptions): void {
    const isFirst = this.#start === undefined
    this.#start = start
    if (isFirst) void this.#findAlarm()
  }

  async #findAlarm(): Promise<void> {
    const alarm = await readAlarmFile(this.#options.files.alarm)
    if (alarm !== undefined && this.#storage.alarm === undefined) this.#armAlarm(alarm.at)
  }

  async call(call: ObjectCall): Promise<unknown> {
    const aborts = this.#aborts
    const release = this.#options.runtime.pool.hold()
    try {
      const instance = await this.#running()
      if (this.#aborts !== aborts) throw this.#reason
      return await instance.call(call)
    } finally {
      release()
    }
  }

  #running(): Promise<ObjectInstance> {
    if (this.#instance !== undefined) return Promise.resolve(this.#instance)
    this.#starting ??= this.#startInstance().finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #startInstance(): Promise<ObjectInstance> {
    const aborts = this.#aborts
    await this.#settled
    this.#options.admit()
    const { class: given, id } = checkStartup(await this.#start?.())
    const worker = await given.load()
    const { tenant } = worker.parts.options
    if (tenant !== this.key.tenant) throw otherTenant(tenant, this.key.tenant)
    if (this.#aborts !== aborts) throw this.#reason
    if (this.#isDisposed) throw new MayflyError("platform.disposed", "the platform was disposed")
    const { runtime, parentId } = this.#options
    const instance = new ObjectInstance({
      runtime,
      worker,
      class: given,
      id: id === undefined ? parentId : idOf(id),
      storage: this.#storage,
      onEnd: () => this.#ended(instance),
    })
    this.#instance = instance
    return instance
  }

  #ended(instance: ObjectInstance): void {
    if (this.#instance !== instance) return
    this.#instance = undefined
    this.#settled = this.#settled.then(() => this.#storage.close())
  }

  /** Stops the instance; its storage stays. Stubs from before throw `reason`. */
  abort(reason: unknown): void {
    this.#aborts++
    this.#reason = reason
    this.#instance?.end(reason)
  }

  /** Stops the instance and deletes its storage. Rejects when the files can't be deleted. */
  erase(reason: unknown): Promise<void> {
    this.abort(reason)
    clearTimeout(this.#timer)
    this.#timer = undefined
    const erased = this.#settled.then(() => this.#storage.erase())
    this.#settled = erased.catch(() => {})
    return erased
  }

  /** Puts an idle instance to rest. */
  evict(): void {
    this.#instance?.end(new MayflyError("object.reset", "the object was put to rest"))
  }

  dispose(): void {
    this.#isDisposed = true
    clearTimeout(this.#timer)
    this.#instance?.end(new MayflyError("platform.disposed", "the platform was disposed while the object was in use"))
  }

  /** Does not keep the process alive: the alarm outlives it. */
  #armAlarm(at: number | null): void {
    if (this.#isFiring || this.#isDisposed) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (at === null || this.#start === undefined) return
    const gapMs = Math.max(0, this.#lastFired + minAlarmGapMs - performance.now())
    const ms = Math.min(Math.max(at - Date.now(), gapMs), maxTimerMs)
    this.#timer = setTimeout(() => void this.#fireAlarm(at), ms).unref()
  }

  async #fireAlarm(at: number): Promise<void> {
    if (at > Date.now()) return this.#armAlarm(at)
    this.#isFiring = true
    let pauseUntil: number | undefined
    try {
      await this.call({ kind: "alarm", method: "alarm", args: [] })
    } catch {
      pauseUntil = await this.#alarmFailed()
    } finally {
      this.#isFiring = false
      this.#lastFired = performance.now()
    }
    this.#armAlarm(pauseUntil ?? this.#storage.alarm ?? null)
  }

  /** What the handler threw, its instance has counted itself; one that died with its handler could not. */
  async #alarmFailed(): Promise<number | undefined> {
    if (this.#instance !== undefined) return undefined
    try {
      await this.#settled
      await this.#storage.failAlarm()
      await this.#storage.close()
      return undefined
    } catch {
      return Date.now() + alarmPauseMs
    }
  }
}

function checkStartup(given: FacetStartupOptions | undefined): FacetStartupOptions {
  const path = "getStartupOptions"
  if (typeof given !== "object" || given === null || !(given.class instanceof DurableObjectClass))
    throw invalid(path, "must give { class }, where class is what worker.getDurableObjectClass() gave")
  const { id } = given
  if (id !== undefined && String(id).length > 2_048) throw invalid(path, "gave an id of more than 2,048 characters")
  return given
}

function idOf(id: DurableObjectId | string): { id: string; name?: string } {
  if (typeof id === "string") return { id }
  return { id: String(id), ...(id.name === undefined ? {} : { name: id.name }) }
}

function otherTenant(tenant: string, expected: string): MayflyError {
  return invalid(
    "class",
    `is a worker's of tenant "${tenant}", and these facets are of tenant "${expected}": give both the same tenant`,
  )
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
