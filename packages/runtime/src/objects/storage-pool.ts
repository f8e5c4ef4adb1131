import { mkdirSync, realpathSync } from "node:fs"
import { MayflyError } from "@mayfly/protocol"
import { findRuntimeFiles, type RuntimeFiles } from "../pool/runtime-files.ts"
import { StorageProcess } from "./storage-process.ts"

/** Objects of one tenant share these, and those whose storage died under them share as many others. */
const perTenant = 2
/** In all. Each takes some 50 MB. */
const maxProcesses = 64
const idleMs = 10_000

/** Storage processes by tenant: two tenants never share one, and each sees its own tenant's folder only. */
export class StoragePool {
  #files: RuntimeFiles | undefined
  readonly #byFolder = new Map<string, Set<StorageProcess>>()
  #isDisposed = false

  /** A process for one more object of the folder. `apart`: one of those that only hold objects like it. The caller releases it. */
  acquire(given: string, apart: boolean): StorageProcess {
    if (this.#isDisposed) throw new MayflyError("platform.disposed", "the platform was disposed; its objects are gone")
    mkdirSync(given, { recursive: true, mode: 0o700 })
    const folder = realpathSync(given)
    const all = this.#byFolder.get(folder) ?? new Set()
    this.#byFolder.set(folder, all)
    const process = this.#choose(folder, all, apart)
    process.connections++
    return process
  }

  #choose(folder: string, all: Set<StorageProcess>, apart: boolean): StorageProcess {
    const fitting = [...all].filter((process) => process.isApart === apart && !process.isGone)
    const [known] = fitting.sort((a, b) => a.connections - b.connections)
    if (known !== undefined && (known.connections === 0 || fitting.length >= perTenant)) return known
    if (this.#hasRoom()) return this.#start(folder, all, apart)
    if (known !== undefined) return known
    throw new MayflyError("worker.queue-full", `${maxProcesses} storage processes are in use already`, {
      details: { limit: maxProcesses, retryAfterMs: 1_000 },
    })
  }

  release(process: StorageProcess): void {
    process.connections--
    if (process.connections > 0 || process.isGone) return
    setTimeout(() => {
      if (process.connections === 0) void process.stop()
    }, idleMs).unref()
  }

  #start(folder: string, processes: Set<StorageProcess>, isApart: boolean): StorageProcess {
    this.#files ??= findRuntimeFiles()
    const process = new StorageProcess(this.#files, folder, isApart)
    processes.add(process)
    process.onGone(() => {
      processes.delete(process)
      if (processes.size === 0) this.#byFolder.delete(folder)
    })
    return process
  }

  #hasRoom(): boolean {
    const all = [...this.#byFolder.values()].flatMap((processes) => [...processes])
    if (all.length < maxProcesses) return true
    const idle = all.find(({ connections }) => connections === 0)
    void idle?.stop()
    return idle !== undefined
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    const all = [...this.#byFolder.values()].flatMap((processes) => [...processes])
    await Promise.all(all.map((process) => process.stop()))
  }
}
