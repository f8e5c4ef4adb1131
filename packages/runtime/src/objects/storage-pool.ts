import { mkdirSync, realpathSync } from "node:fs"
import { MayflyError } from "@mayfly/protocol"
import { findRuntimeFiles, type RuntimeFiles } from "../pool/runtime-files.ts"
import { StorageProcess } from "./storage-process.ts"

/** Objects of one tenant share these, so that one that hangs holds up few. */
const perTenant = 2
/** In all. Each takes some 50 MB. */
const maxProcesses = 32
const idleMs = 10_000

/** Storage processes by tenant: two tenants never share one, and each sees its own tenant's folder only. */
export class StoragePool {
  #files: RuntimeFiles | undefined
  readonly #byFolder = new Map<string, Set<StorageProcess>>()
  #isDisposed = false

  /** A process for one more object of the folder. `alone`: one that it shares with nobody. The caller releases it. */
  acquire(given: string, alone: boolean): StorageProcess {
    if (this.#isDisposed) throw new MayflyError("platform.disposed", "the platform was disposed; its objects are gone")
    mkdirSync(given, { recursive: true, mode: 0o700 })
    const folder = realpathSync(given)
    const processes = this.#byFolder.get(folder) ?? new Set()
    this.#byFolder.set(folder, processes)
    const known = alone ? undefined : leastBusy(processes)
    const process = known !== undefined && (known.connections === 0 || processes.size >= perTenant) ? known : undefined
    const taken = process ?? (this.#hasRoom() ? this.#start(folder, processes, !alone) : known)
    if (taken === undefined)
      throw new MayflyError("worker.queue-full", `${maxProcesses} storage processes are in use already`, {
        details: { limit: maxProcesses, retryAfterMs: 1_000 },
      })
    taken.connections++
    return taken
  }

  release(process: StorageProcess): void {
    process.connections--
    if (process.connections > 0 || process.isGone) return
    const stopIdle = (): void => {
      if (process.connections === 0) void process.stop()
    }
    // One that nobody else may use goes at once.
    if (process.isShared) setTimeout(stopIdle, idleMs).unref()
    else stopIdle()
  }

  #start(folder: string, processes: Set<StorageProcess>, isShared: boolean): StorageProcess {
    this.#files ??= findRuntimeFiles()
    const process = new StorageProcess(this.#files, folder, isShared)
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

function leastBusy(processes: ReadonlySet<StorageProcess>): StorageProcess | undefined {
  let best: StorageProcess | undefined
  for (const process of processes) {
    if (!process.isShared || process.isGone) continue
    if (best === undefined || process.connections < best.connections) best = process
  }
  return best
}
