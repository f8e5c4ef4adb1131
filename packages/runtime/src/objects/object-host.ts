import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import type { Runtime } from "../runtime.ts"
import { listAlarmFiles, type PendingAlarm } from "./alarm-file.ts"
import { FileLocks } from "./file-locks.ts"
import { filesOf, keyText, type ObjectKey, tenantFolder } from "./object-key.ts"
import { ObjectSlot } from "./object-slot.ts"
import { StoragePool } from "./storage-pool.ts"

export interface ObjectHostOptions {
  /** Where objects have their databases. Default: a temporary folder that goes with the host. */
  readonly directory?: string
  /** Most bytes of one object's database. Default 1 GiB. */
  readonly maxBytes?: number
  /** An instance that nobody has called for so long is put to rest. Default a minute. */
  readonly idleMs?: number
  /** Most instances at once. */
  readonly maxWarm: number
}

const defaultMaxBytes = 1 << 30
const defaultIdleMs = 60_000
const maxSlots = 100_000

/** All objects of a runtime: which are warm, and where they are kept. */
export class ObjectHost {
  readonly #runtime: Pick<Runtime, "pool" | "egress" | "gate">
  readonly #options: ObjectHostOptions
  readonly #storage = new StoragePool()
  readonly #locks = new FileLocks()
  readonly #slots = new Map<string, ObjectSlot>()
  #sweeper: NodeJS.Timeout | undefined
  #temporary: string | undefined
  #isDisposed = false

  constructor(runtime: Pick<Runtime, "pool" | "egress" | "gate">, options: ObjectHostOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  /** The object's place. Whoever holds it may call it later, so it is looked up anew each time. */
  slot(key: ObjectKey, parentId: { readonly id: string; readonly name?: string }): ObjectSlot {
    if (this.#isDisposed) throw new MayflyError("platform.disposed", "the platform was disposed; its objects are gone")
    const text = keyText(key)
    const known = this.#slots.get(text)
    if (known !== undefined) {
      this.#slots.delete(text)
      this.#slots.set(text, known)
      return known
    }
    const slot = new ObjectSlot({
      key,
      parentId,
      files: filesOf(this.#directory, key),
      storagePool: this.#storage,
      locks: this.#locks,
      maxBytes: this.#options.maxBytes ?? defaultMaxBytes,
      runtime: this.#runtime,
      admit: () => this.#admit(),
    })
    this.#slots.set(text, slot)
    this.#forgetSpent()
    return slot
  }

  /** Alarms of a namespace's facets, from this life and earlier ones. */
  async alarms(tenant: string, namespace: string): Promise<PendingAlarm[]> {
    const all = await listAlarmFiles(tenantFolder(this.#directory, tenant))
    return all.filter(({ key }) => key.tenant === tenant && key.namespace === namespace)
  }

  /**
   * Keeps databases still, named as `<tenant's folder>/<file>.sqlite` below the directory: nothing is written to them, nor to what lies beside them, until what it
   * gives is disposed. Whoever wants to waits.
   */
  hold(databases: readonly string[]): Promise<Disposable> {
    return this.#locks.hold(databases.map((name) => join(this.#directory, name)))
  }

  get #directory(): string {
    const { directory } = this.#options
    if (directory !== undefined) return directory
    if (this.#temporary === undefined) {
      this.#temporary = mkdtempSync(join(tmpdir(), "mayfly-objects-"))
      process.on("exit", this.#removeTemporary)
    }
    return this.#temporary
  }

  readonly #removeTemporary = (): void => {
    process.off("exit", this.#removeTemporary)
    if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true })
  }

  /** Room for one more instance: when there is none, the one that has rested longest goes. */
  #admit(): void {
    this.#sweepLater()
    const warm = [...this.#slots.values()].filter(({ isWarm }) => isWarm)
    if (warm.length <= this.#options.maxWarm) return
    const [idlest] = warm.filter((slot) => slot.idleMs !== undefined).sort((a, b) => (b.idleMs ?? 0) - (a.idleMs ?? 0))
    if (idlest !== undefined) return idlest.evict()
    const message = `${this.#options.maxWarm} objects are in use at once already`
    throw new MayflyError("worker.queue-full", message, {
      details: { limit: this.#options.maxWarm, retryAfterMs: 1_000 },
    })
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined) return
    const { idleMs = defaultIdleMs } = this.#options
    this.#sweeper = setInterval(() => this.#sweep(idleMs), Math.max(50, idleMs / 4)).unref()
  }

  #sweep(maxIdleMs: number): void {
    let warm = 0
    for (const slot of this.#slots.values()) {
      const { idleMs } = slot
      if (idleMs !== undefined && (idleMs > maxIdleMs || slot.isWorn)) slot.evict()
      else if (slot.isWarm) warm++
    }
    if (warm > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  /** Stubs look their slot up by name, so a slot that holds nothing may go. */
  #forgetSpent(): void {
    if (this.#slots.size <= maxSlots) return
    for (const [text, slot] of this.#slots) {
      if (slot.isSpent) return void this.#slots.delete(text)
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    clearInterval(this.#sweeper)
    for (const slot of this.#slots.values()) slot.dispose()
    this.#slots.clear()
    await this.#storage.dispose()
    this.#removeTemporary()
  }
}
