import { MayflyError } from "@mayfly/protocol"
import type { Runtime } from "../runtime.ts"
import { loadWorker } from "../worker/load-worker.ts"
import { parseTenant } from "../worker/worker-options.ts"
import { parseWorkerCode, type WorkerCode } from "./worker-code.ts"
import { type LoadedWorker, WorkerStub } from "./worker-stub.ts"

export interface WorkerLoaderOptions {
  readonly platform?: { readonly runtime: Runtime }
  /** Workers of two loaders never share an isolate, whatever their ids and tenants. Default "default". */
  readonly tenant?: string
}

type GetCode = () => WorkerCode | Promise<WorkerCode>

/** Workers that are kept by id; the one used longest ago goes first. */
const maxKept = 1_000

/**
 * Cloudflare's worker loader: code written for `env.LOADER` works with it. Differences: an omitted `globalOutbound` does not inherit the parent's
 * network but denies everything (or follows `network`), limits are enforced, and TypeScript modules are accepted.
 */
export class WorkerLoader {
  readonly #options: WorkerLoaderOptions
  readonly #kept = new Map<string, Promise<LoadedWorker>>()

  constructor(options: WorkerLoaderOptions = {}) {
    parseTenant(options.tenant)
    this.#options = options
  }

  /**
   * The worker with this id; `getCode` is called when it is not loaded, on the first call, and must give the same code for the same id. Its isolate
   * is kept warm between calls. A null id loads anew for each stub and keeps nothing. What `getCode` throws reaches each caller.
   */
  get(id: string | null | undefined, getCode: GetCode): WorkerStub {
    if (typeof getCode !== "function")
      throw new MayflyError("input.invalid", "the second argument of get must be a function that gives the code")
    if (id === null || id === undefined)
      return new WorkerStub(
        once(() => this.#load(getCode)),
        false,
      )
    return new WorkerStub(() => this.#loaded(String(id), getCode), true)
  }

  /** A worker for once: no id, nothing kept. */
  load(code: WorkerCode): WorkerStub {
    return this.get(null, () => code)
  }

  #loaded(id: string, getCode: GetCode): Promise<LoadedWorker> {
    const known = this.#kept.get(id)
    if (known !== undefined) {
      this.#kept.delete(id)
      this.#kept.set(id, known)
      return known
    }
    const loading = this.#load(getCode)
    this.#kept.set(id, loading)
    // A failure is everybody's who waits now, and nobody's later.
    loading.catch(() => this.#kept.get(id) === loading && this.#kept.delete(id))
    const oldest = this.#kept.keys().next().value
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest)
    return loading
  }

  async #load(getCode: GetCode): Promise<LoadedWorker> {
    const code = parseWorkerCode(await getCode())
    const parts = await loadWorker({ ...code.worker, ...this.#options })
    return { parts, code }
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
