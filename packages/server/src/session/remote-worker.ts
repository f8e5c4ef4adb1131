import type { DynamicWorker, Run, RunEvent, RunOptions } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { RemoteMessage, RemoteValues } from "@mayfly/protocol/remote"
import { RpcTarget } from "capnweb"
import { asRecord, checkFields, invalid } from "../parse-fields.ts"
import { outcomeOf } from "./outcome.ts"
import { type HeldOutcome, RemoteCall } from "./remote-call.ts"
import type { SessionParts } from "./remote-session.ts"

type Sink = ((event: RemoteMessage) => Promise<void>) & { dup?: () => Sink & Disposable }

/** A response's body streams, and counts on its way. */
interface Ended {
  readonly run?: RemoteMessage
  readonly response?: Response
}

const callFields = ["input", "request", "limits", "props", "reuse", "stubs"]

/** A worker that a client holds. Its runs end when the client's connection does. */
export class RemoteWorker extends RpcTarget {
  readonly #worker: DynamicWorker
  readonly #values: RemoteValues
  readonly #parts: SessionParts
  readonly #onDispose: () => void

  constructor(worker: DynamicWorker, values: RemoteValues, parts: SessionParts, onDispose: () => void) {
    super()
    this.#worker = worker
    this.#values = values
    this.#parts = parts
    this.#onDispose = onDispose
  }

  execute(message: unknown): RemoteCall {
    return this.#call(message, async (signal) => {
      const { input, request, options } = this.#parse(message)
      const given = { ...options, signal }
      const run =
        request === undefined ? this.#worker.execute(input, given) : this.#worker.executeRequest(request, given)
      return { run: this.#encode(await run) }
    })
  }

  /** Gives `sink` one event at a time; it answers when it wants the next. */
  stream(message: unknown, sink: Sink): RemoteCall {
    const kept: Sink & Partial<Disposable> = sink.dup?.() ?? sink
    return this.#call(message, async (signal) => {
      const { input, request, options } = this.#parse(message)
      const given = { ...options, signal }
      const events =
        request === undefined ? this.#worker.stream(input, given) : this.#worker.streamRequest(request, given)
      try {
        for await (const event of events) {
          const run = endOf(event)
          if (run !== undefined) return { run: this.#encode(run) }
          await kept(this.#values.encode(event))
        }
        throw new MayflyError("worker.aborted", "the run was cancelled")
      } finally {
        kept[Symbol.dispose]?.()
      }
    })
  }

  fetch(request: unknown, message: unknown): RemoteCall {
    return this.#call(message, async (signal) => {
      if (!(request instanceof Request)) throw invalid("request", "must be a Request")
      const given = asRecord(this.#values.decode(message), "options")
      checkFields(given, ["reuse"], "")
      const response = await this.#worker.fetch(request, { signal, reuse: given["reuse"] === true })
      if (response.webSocket !== null)
        throw new MayflyError("worker.unsupported", "a session carries no WebSocket of a fetch handler")
      const { status, statusText, headers, body } = response
      return { response: new Response(body, { status, statusText, headers }) }
    })
  }

  async prewarm(count: number): Promise<{ error?: RemoteMessage }> {
    return outcomeOf(this.#values, async () => {
      await this.#worker.prewarm(count)
      return {}
    })
  }

  [Symbol.dispose](): void {
    this.#onDispose()
    this.#values.dispose()
    void this.#worker.dispose()
  }

  #call(message: unknown, act: (signal: AbortSignal) => Promise<Ended>): RemoteCall {
    const { signal, takeSlot, held } = this.#parts
    return new RemoteCall(signal, async (cancelled): Promise<HeldOutcome> => {
      let result: Disposable | undefined
      const outcome = await outcomeOf(this.#values, async () => {
        using _slot = takeSlot()
        using _given = held.take(lengthOf(message))
        const done = await act(cancelled)
        result = held.take(lengthOf(done.run))
        return done
      })
      return { outcome, held: result ?? { [Symbol.dispose]: () => {} } }
    })
  }

  #encode(run: Run): RemoteMessage {
    return this.#values.encode(run.ok ? run : { ...run, error: run.error.toJSON() })
  }

  #parse(message: unknown): { input: unknown; request: Request | undefined; options: RunOptions } {
    const given = asRecord(this.#values.decode(message), "call")
    checkFields(given, callFields, "")
    const { input, request, ...options } = given
    if (request !== undefined && !(request instanceof Request)) throw invalid("request", "must be a Request")
    return { input, request, options }
  }
}

/** The end of a run is told once, by the call. */
function endOf(event: RunEvent): Run | undefined {
  return event.type === "result" || event.type === "error" ? event.run : undefined
}

/** Of a message of values, whose text is nearly all of it. */
export function lengthOf(message: unknown): number {
  const { text } = (message ?? {}) as { readonly text?: unknown }
  return typeof text === "string" ? text.length : 0
}
