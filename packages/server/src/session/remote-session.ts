import { DynamicWorker, type DynamicWorkerOptions, type Platform } from "@mayfly/platform"
import { maxJsonWeight, MayflyError } from "@mayfly/protocol"
import { type RemoteMessage, RemoteValues } from "@mayfly/protocol/remote"
import { RpcTarget } from "capnweb"
import { asRecord, checkFields } from "../parse-fields.ts"
import type { HeldBytes } from "./held-bytes.ts"
import { outcomeOf } from "./outcome.ts"
import { lengthOf, RemoteWorker } from "./remote-worker.ts"

export interface SessionParts {
  readonly platform: Platform
  /** The tenant that the caller acts for when it names this one, or none. Throws `auth.forbidden`, `input.invalid`. */
  tenantOf(named: string | undefined): string
  /** A place for one run, until it is disposed. Throws `worker.queue-full`. */
  takeSlot(): Disposable
  /** The tenant, where the key is one's: it leaves half of what sessions may hold to others. */
  readonly holder?: string | null
  /** Where programs, inputs and results count. */
  readonly held: HeldBytes
  /** The connection ended, or the server stops. */
  readonly signal: AbortSignal
}

const fields = [
  "script",
  "modules",
  "mainModule",
  "tenant",
  "limits",
  "network",
  "language",
  "typecheck",
  "declarations",
  "name",
  "env",
]
/** Each keeps its compiled program. */
const maxWorkers = 1_000

/** What a client finds on the other end of `/v1/session`: workers whose `env` functions live in the client. */
export class RemoteSession extends RpcTarget {
  readonly #parts: SessionParts
  readonly #workers = new Set<RemoteWorker>()
  #making = 0

  constructor(parts: SessionParts) {
    super()
    this.#parts = parts
  }

  async createWorker(message: unknown): Promise<{ worker: RemoteWorker; hash: string } | { error: RemoteMessage }> {
    const values = new RemoteValues({ maxWeight: maxJsonWeight })
    const created = await outcomeOf(values, async () => {
      // Counted before it is there: a thousand may be asked for at once.
      if (this.#workers.size + this.#making >= maxWorkers)
        throw new MayflyError("worker.queue-full", `a session has at most ${maxWorkers} workers`, { retry: false })
      this.#making++
      try {
        using program = new DisposableStack()
        program.use(this.#parts.held.take(lengthOf(message)))
        const worker = await DynamicWorker.create(this.#options(values.decode(message)))
        return { worker: this.#offer(worker, values, program.move()), hash: worker.hash }
      } finally {
        this.#making--
      }
    })
    if ("error" in created) values.dispose()
    return created
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker[Symbol.dispose]()
  }

  #options(value: unknown): DynamicWorkerOptions {
    const given = asRecord(value, "options")
    checkFields(given, fields, "")
    const { platform, tenantOf } = this.#parts
    return { ...given, tenant: tenantOf(given["tenant"] as string | undefined), platform }
  }

  #offer(worker: DynamicWorker, values: RemoteValues, program: Disposable): RemoteWorker {
    const offered = new RemoteWorker(worker, values, this.#parts, () => {
      this.#workers.delete(offered)
      program[Symbol.dispose]()
    })
    this.#workers.add(offered)
    return offered
  }
}
