import type { Kernel } from "../kernel.ts"
import { argumentError, illegalConstructor } from "./argument-error.ts"
import { defineInterface } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"
import { EventTarget, targetControl, useAbortHooks } from "./event-target.ts"
import { Event } from "./event.ts"
import { maxDelayMs } from "./pending-timers.ts"
import type { PendingTimers } from "./pending-timers.ts"
import { WeakList } from "./weak-list.ts"

/** Node's bound for `AbortSignal.timeout`. */
const maxTimeoutMs = 2 ** 32 - 1

const { apply } = Reflect
const key = Symbol("AbortSignal")

let startTimer: PendingTimers["start"]
let isSignal: (value: unknown) => value is AbortSignal

/** Makes a signal that nothing has aborted. */
export let createSignal: () => AbortSignal
/** Aborts a signal and those that follow it. Nothing happens the second time. */
export let abortSignal: (signal: AbortSignal, reason?: unknown) => void

/** https://dom.spec.whatwg.org/#interface-AbortSignal */
export class AbortSignal extends EventTarget {
  #isAborted = false
  #reason: unknown = undefined
  #algorithms: Set<() => void> | null = null
  #handler: Handler | null = null
  #listenerCount = 0
  /** Set on signals made by `any`: those that it follows, none of which follows another. */
  #sources: Set<AbortSignal> | null = null
  /** Signals made by `any` that nobody waits for: they may be collected although this one lives. */
  #followers: WeakList<AbortSignal> | null = null
  /** Signals made by `any` that somebody waits for: they must stay, although only this one knows them. */
  #awaited: Set<AbortSignal> | null = null

  constructor(secret?: unknown) {
    if (secret !== key) throw illegalConstructor()
    super()
  }

  static {
    createSignal = () => new AbortSignal(key)
    abortSignal = (signal, reason) => signal.#abort(reason === undefined ? abortError() : reason)
    isSignal = (value): value is AbortSignal => typeof value === "object" && value !== null && #isAborted in value
    useAbortHooks({
      isSignal,
      isAborted: (signal) => (signal as AbortSignal).#isAborted,
      onAbort: (signal, algorithm) => (signal as AbortSignal).#onAbort(algorithm),
    })
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = createSignal()
    abortSignal(signal, reason)
    return signal
  }

  static timeout(delay: unknown): AbortSignal {
    const ms = readDelay(delay)
    const signal = createSignal()
    startTimer(() => signal.#abort(timeoutError()), ms)
    return signal
  }

  static any(signals: unknown): AbortSignal {
    const given = readSignals(signals)
    const result = createSignal()
    for (const signal of given) {
      if (!signal.#isAborted) continue
      result.#isAborted = true
      result.#reason = signal.#reason
      return result
    }
    for (const signal of given) result.#follow(signal)
    return result
  }

  get aborted(): boolean {
    return this.#isAborted
  }

  get reason(): unknown {
    return this.#reason
  }

  get onabort(): unknown {
    return this.#handler?.current ?? null
  }

  set onabort(value: unknown) {
    if (this.#handler !== null) this.removeEventListener("abort", this.#handler.run)
    this.#handler = createHandler(this, value)
    if (this.#handler !== null) this.addEventListener("abort", this.#handler.run)
  }

  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason
  }

  /** https://dom.spec.whatwg.org/#abortsignal-signal-abort: every follower is aborted before any listener runs. */
  #abort(reason: unknown): void {
    if (this.#isAborted) return
    const aborted: AbortSignal[] = [this]
    this.#mark(reason)
    for (const follower of this.#followers?.live() ?? []) {
      if (follower.#isAborted) continue
      follower.#mark(reason)
      aborted.push(follower)
    }
    this.#followers = null
    this.#awaited = null
    for (const signal of aborted) signal.#announce()
  }

  #mark(reason: unknown): void {
    this.#isAborted = true
    this.#reason = reason
  }

  #announce(): void {
    const algorithms = this.#algorithms
    this.#algorithms = null
    for (const algorithm of algorithms ?? []) algorithm()
    targetControl.dispatchTrusted(this, new Event("abort"))
    this.#unfollow()
  }

  #onAbort(algorithm: () => void): () => void {
    this.#algorithms ??= new Set()
    this.#algorithms.add(algorithm)
    this.#keep()
    return () => {
      this.#algorithms?.delete(algorithm)
      this.#keep()
    }
  }

  #follow(signal: AbortSignal): void {
    if (this.#sources === null) this.#startFollowing()
    for (const source of signal.#sources ?? [signal]) {
      if (this.#sources?.has(source)) continue
      this.#sources?.add(source)
      source.#followers ??= new WeakList()
      source.#followers.add(this)
    }
  }

  #startFollowing(): void {
    this.#sources = new Set()
    targetControl.watchListeners(this, "abort", (count) => {
      this.#listenerCount = count
      this.#keep()
    })
  }

  /** Somebody waits for a signal that follows others: these must hold it, it may be reachable through them alone. */
  #keep(): void {
    const isAwaited = !this.#isAborted && this.#listenerCount + (this.#algorithms?.size ?? 0) > 0
    for (const source of this.#sources ?? []) {
      if (!isAwaited) source.#awaited?.delete(this)
      else (source.#awaited ??= new Set()).add(this)
    }
  }

  #unfollow(): void {
    for (const source of this.#sources ?? []) source.#awaited?.delete(this)
    this.#sources = null
  }
}

export function installAbortSignal(kernel: Kernel, pending: PendingTimers): void {
  startTimer = (callback, ms) => pending.start(callback, ms)
  defineInterface(kernel, "AbortSignal", AbortSignal)
}

interface Handler {
  readonly current: unknown
  readonly run: (event: Event) => void
}

function createHandler(target: AbortSignal, value: unknown): Handler | null {
  if (typeof value !== "function") return null
  return { current: value, run: (event) => void apply(value, target, [event]) }
}

function readDelay(delay: unknown): number {
  if (typeof delay !== "number") throw argumentError('The "delay" argument must be of type number')
  if (delay >= 0 && delay <= maxTimeoutMs && delay === Math.trunc(delay)) return Math.min(delay, maxDelayMs)
  const message = `The value of "delay" is out of range. It must be >= 0 && <= ${maxTimeoutMs}. Received ${delay}`
  throw Object.assign(new RangeError(message), { code: "ERR_OUT_OF_RANGE" })
}

function readSignals(signals: unknown): AbortSignal[] {
  if (typeof (signals as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw argumentError("signals cannot be converted to sequence.")
  }
  const given = [...(signals as Iterable<AbortSignal>)]
  given.forEach((signal, index) => {
    if (!isSignal(signal)) throw argumentError(`signals[${index}] is not of type AbortSignal.`)
  })
  return given
}

function abortError(): DOMException {
  return new DOMException("This operation was aborted", "AbortError")
}

function timeoutError(): DOMException {
  return new DOMException("The operation was aborted due to timeout", "TimeoutError")
}
