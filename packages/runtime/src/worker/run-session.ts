import type { MayflyError } from "@mayfly/protocol"
import type { EncodeOptions } from "@mayfly/protocol/clone"
import { RpcTarget } from "../bridge/rpc-target.ts"
import { Session } from "../bridge/session.ts"
import { type AbortNotice, RunTarget, runTarget } from "../bridge/run-target.ts"
import { standInOf } from "../bridge/stand-in.ts"
import { type ReadableClass, readableFrom, ReadableTarget, WritableTarget } from "../bridge/stream-target.ts"
import { type WebClasses, webSpecials } from "../bridge/web-specials.ts"
import { importSocket, SocketSource } from "../socket/carry-socket.ts"
import { type RunWebSocket, RunWebSocketClass, socketInternals } from "../socket/run-web-socket.ts"
import { WorkerResponse } from "../socket/worker-response.ts"
import type { CallAnswer, RunPort } from "../pool/isolate-pool.ts"
import { decodeGuestValue } from "./decode-guest-value.ts"
import { type CallFailure, callFailure, errorOfGuest } from "./call-failure.ts"
import type { EnvBindings } from "./env-bindings.ts"
import { stubExpired } from "./open-runs.ts"

const collected = new FinalizationRegistry<() => void>((gone) => gone())

/** What is passed by class, and what is made of what comes. A guest's response may be an upgrade, which Node's own class can't be. */
const hostClasses: WebClasses = {
  known(name) {
    if (name === "WebSocketInternals") return undefined
    return (name === "WebSocket" ? RunWebSocketClass : globalThis[name]) as ReturnType<WebClasses["known"]>
  },
  load(name) {
    if (name === "WebSocketInternals") return socketInternals
    if (name === "Response") return WorkerResponse
    return name === "WebSocket" ? RunWebSocketClass : globalThis[name]
  },
}

/** The supervisor's end of the bridge to one run's guest: what the guest may call, and what it gave us to call. */
export class RunSession {
  readonly #session: Session

  #port: RunPort | undefined
  #onUse: ((isBusy: boolean) => void) | undefined
  #target: RunTarget | undefined
  /** While a call to an object is sent, which happens at once. */
  #isRenewing = false

  /** `services` are the runtime's own objects that every guest may call, by negative numbers. */
  constructor(
    env: EnvBindings,
    maxAnswer = Infinity,
    services: ReadonlyMap<number, object> = new Map(),
    maxBatch = Infinity,
  ) {
    this.#session = new Session({
      wire: {
        call: (id, target, method, { text, buffers }) => {
          this.#onUse?.(true)
          this.#port?.[this.#isRenewing ? "renew" : "invoke"](id, `${target}\n${method}`, text, buffers)
        },
        // Calls of the guest are answered by `perform`.
        answer() {},
        release: (target, count) => this.#port?.release(target, count),
      },
      base: (id) => (id === runTarget ? this.#target : (env.functions[id] ?? services.get(id))),
      nextExport: env.nextExport,
      nameOf: (id) => env.names[id],
      specials: webSpecials(hostClasses),
      standIn: standInOf,
      isTarget: (value) => value instanceof RpcTarget,
      describe: (error) => JSON.stringify(callFailure(error)),
      revive: errorOfGuest,
      expired: (message) => stubExpired(message),
      watch: (stub, gone) => collected.register(stub, gone),
      decode: decodeGuestValue,
      stacks: false,
      maxAnswer,
      ...(maxBatch < Infinity ? { maxBatch } : {}),
    })
  }

  /** The run has an isolate. */
  connect(port: RunPort): void {
    this.#port = port
  }

  /** Encodes what the run gets. Throws CloneError and CloneTooLargeError. */
  encode(value: unknown, options: EncodeOptions): string {
    return this.#session.encode(value, options)
  }

  /** Calls the function that is the guest's export `target`, as a call to an object. */
  callObject(target: number, args: readonly unknown[]): Promise<unknown> {
    this.#isRenewing = true
    try {
      return this.#session.call(target, "", args)
    } finally {
      this.#isRenewing = false
    }
  }

  /** What the guest holds of ours. */
  get exportCount(): number {
    return this.#session.exportCount
  }

  /** Decodes what the run sent, with its streams and functions. Throws CloneError. */
  decode(text: string): unknown {
    return this.#session.decode(text)
  }

  /** Whether a call of the guest is no binding's: it reads or writes a stream or a socket of ours, or asks the runtime itself. */
  isStreamCall(payload: string): boolean {
    const id = Number(payload.slice(0, payload.indexOf("\n")))
    const target = this.#session.exported(id)
    const isStream = target instanceof ReadableTarget || target instanceof WritableTarget
    return isStream || target instanceof SocketSource || id < 0
  }

  /** The guest's export `id`, which is a stream. */
  readable(id: number): ReadableStream<unknown> {
    return readableFrom(
      this.#session,
      id,
      ReadableStream as unknown as ReadableClass,
    ) as unknown as ReadableStream<unknown>
  }

  /** A guest's result, with stubs for what it holds; it can be disposed. */
  decodeResult(text: string): unknown {
    return this.#session.decodeAnswer(text)
  }

  /** Calls the guest's export `id`: a source of values. */
  call(id: number, method: string): Promise<unknown> {
    return this.#session.call(id, method, [])
  }

  /** From now on `onUse` is told of calls to the guest: true when one begins, false when none waits any more. */
  watchUse(onUse: (isBusy: boolean) => void): void {
    this.#onUse = onUse
  }

  /** Whether the run keeps the event loop alive. */
  hold(isHeld: boolean): void {
    this.#port?.hold(isHeld)
  }

  /** Lets the guest ask for its run's signal; `onAsked` is called when it does. */
  offerSignal(onAsked: () => void): void {
    this.#target = new RunTarget(onAsked)
  }

  /** Fires the guest's signal. False when it has never asked for one. */
  notify(notice: AbortNotice): boolean {
    this.#target?.tell(notice)
    return this.#target?.isAsked === true
  }

  /** The guest's export `id`, which is a WebSocket. */
  webSocket(id: number): RunWebSocket {
    return socketInternals.wrap(importSocket(this.#session, id)) as RunWebSocket
  }

  /** A call of the guest: `<target>\n<method>\n<arguments>`. */
  async perform(payload: string, buffers: readonly ArrayBuffer[] = []): Promise<CallAnswer> {
    const afterTarget = payload.indexOf("\n")
    const afterMethod = payload.indexOf("\n", afterTarget + 1)
    if (afterMethod === -1) return { ok: false, name: "Error", message: "malformed call" }
    const target = afterTarget === 0 ? NaN : Number(payload.slice(0, afterTarget))
    const method = payload.slice(afterTarget + 1, afterMethod)
    const answer = await this.#session.perform(target, method, payload.slice(afterMethod + 1), [...buffers])
    if (!answer.ok) return { ok: false, ...(JSON.parse(answer.text) as CallFailure) }
    const beside = answer.buffers.length === 0 ? {} : { buffers: answer.buffers }
    return { ok: true, text: answer.text, ...beside }
  }

  /** The guest's answer to a call of ours: `+` and a result, or `-` and a failure. */
  onReply(id: number, text: string, buffers: readonly ArrayBuffer[] = []): void {
    this.#session.onAnswer(id, text.startsWith("+"), text.slice(1), [...buffers])
    if (this.#session.waitingCount === 0) this.#onUse?.(false)
  }

  onRelease(target: number, count: number): void {
    this.#session.onRelease(target, count)
  }

  /** The run is over: calls under way and streams fail with `reason`, stubs that are called later are expired because of it. */
  close(reason?: MayflyError): void {
    this.#onUse = undefined
    const ended = "the function belonged to a run that has ended"
    if (reason === undefined || reason.code === "worker.stub-expired")
      return this.#session.close(() => reason ?? stubExpired(ended))
    this.#session.close(
      () => reason,
      () => stubExpired(`${ended}: ${reason.message}`, reason),
    )
  }
}
