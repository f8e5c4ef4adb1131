import ivm from "isolated-vm"
import type { ChunkName } from "../guest/kernel.ts"
import { type CachedScript, type GuestBundle, runtimeFile } from "./guest-bundle.ts"
import { answerQuestion } from "./host-questions.ts"

/** Synchronous questions that one run may ask; entropy comes in batches, so honest programs stay far below. */
const maxQuestions = 20_000

/** Far above the largest value and query that storage takes. */
const maxStoreLength = 32 << 20

export interface IsolateEvents {
  /** A live log line. */
  onLine(line: string): void
  /** The isolate's thread waits for its storage. Never rejects; never settles when the run ends before. */
  onStore?(payload: string): Promise<string>
  /** V8 gave up for lack of memory; the isolate's thread is parked for ever and the process must go. */
  onCatastrophe(message: string): void
}

/** An isolate with the guest runtime in it, ready for one run. Only the runtime's own code has run in it. */
export class WarmIsolate {
  readonly memoryMb: number
  readonly isolate: ivm.Isolate
  readonly context: ivm.Context
  readonly dispatch: ivm.Reference
  readonly #bundle: GuestBundle
  #events: IsolateEvents | undefined
  #questions = 0

  constructor(memoryMb: number, bundle: GuestBundle) {
    this.memoryMb = memoryMb
    this.#bundle = bundle
    this.isolate = new ivm.Isolate({
      memoryLimit: memoryMb,
      onCatastrophicError: (message) => this.#events?.onCatastrophe(message),
    })
    this.context = this.isolate.createContextSync()
    this.dispatch = this.#boot()
  }

  #boot(): ivm.Reference {
    const push = new ivm.Callback((line: unknown) => this.#line(line), { ignored: true })
    const ask = new ivm.Callback((question: unknown, argument: unknown) => this.#answer(question, argument), {
      sync: true,
    })
    const boot = this.#evaluate(this.#bundle.boot)
    const waiter = waiterReference((payload) => this.#store(payload))
    return boot.applySync(undefined, [push, ask, waiter], { result: { reference: true } }) as ivm.Reference
  }

  #evaluate(script: CachedScript): ivm.Reference {
    const { source, cachedData } = script
    const options = { filename: runtimeFile, ...(cachedData === undefined ? {} : { cachedData }) }
    return this.isolate.compileScriptSync(source, options).runSync(this.context, { reference: true }) as ivm.Reference
  }

  /** Every run but an object's is refused. */
  async #store(payload: unknown): Promise<string> {
    const onStore = this.#events?.onStore
    if (onStore === undefined || typeof payload !== "string" || payload.length > maxStoreLength)
      return `-${JSON.stringify({ name: "RangeError", message: "there is no storage for this" })}`
    return onStore(payload)
  }

  #line(line: unknown): void {
    if (typeof line === "string") this.#events?.onLine(line)
  }

  #answer(question: unknown, argument: unknown): string | ArrayBuffer | null {
    return ++this.#questions > maxQuestions ? null : answerQuestion(question, argument, this.#bundle.sources)
  }

  /** Hands the isolate to a run. Only before guest code runs in it, as it runs on the main thread. */
  assign(events: IsolateEvents, chunks: readonly ChunkName[], job: string, input: string, env: string): void {
    this.#events = events
    for (const name of chunks) {
      const script = this.#bundle.chunks.get(name)
      if (script === undefined) continue
      this.dispatch.applySync(undefined, ["preload", name, this.#evaluate(script).derefInto()])
    }
    this.dispatch.applySync(undefined, ["job", job, input, env])
  }

  /** The isolate's guest is called again, by another run. */
  reassign(events: IsolateEvents): void {
    this.#events = events
    this.#questions = 0
  }

  /** A guest that lives long may ask again with each call. */
  renewQuestions(): void {
    this.#questions = 0
  }

  dispose(): void {
    this.#events = undefined
    try {
      this.isolate.dispose()
    } catch {
      // Already disposed by its own memory limit.
    }
  }
}

/**
 * A function of this process for an isolate to wait for. Should a guest ever get hold of the reference, there is nothing behind it but the call:
 * no prototype to climb, no property to set.
 */
export function waiterReference(act: (payload: unknown) => Promise<string>): ivm.Reference {
  return new ivm.Reference(Object.freeze(Object.setPrototypeOf((payload: unknown) => act(payload), null)))
}
