import type { Kernel } from "../kernel.ts"
import { argumentError } from "./argument-error.ts"
import { defineInterface } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"
import { Event, eventControl } from "./event.ts"

/** What an event target asks of abort signals. AbortSignal is an event target itself, so `abort.ts` brings these. */
export interface AbortHooks {
  isSignal(value: unknown): value is object
  isAborted(signal: object): boolean
  /** Runs `algorithm` once when `signal` aborts, before its listeners. The returned function takes it back. */
  onAbort(signal: object, algorithm: () => void): () => void
}

/** What the runtime may do to a target and guest code may not. */
export interface TargetControl {
  /** Dispatches an event of the platform's own. */
  dispatchTrusted(target: EventTarget, event: Event): void
  /** Calls `watch` with the number of listeners for `type` whenever it changes. One watch per target. */
  watchListeners(target: EventTarget, type: string, watch: (count: number) => void): void
}

interface Listener {
  readonly callback: object
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  isRemoved: boolean
  forgetSignal: (() => void) | null
}

interface Watch {
  readonly type: string
  readonly notify: (count: number) => void
}

const { apply } = Reflect
let report: Kernel["report"] = () => undefined
let abortHooks: AbortHooks | null = null
let control: TargetControl

/** https://dom.spec.whatwg.org/#interface-eventtarget, for targets that have no parent. */
export class EventTarget {
  #listeners: Map<string, Listener[]> | null = null
  #watch: Watch | null = null

  static {
    control = {
      dispatchTrusted: (target, event) => void target.#dispatch(event, true),
      watchListeners(target, type, notify) {
        target.#watch = { type, notify }
      },
    }
  }

  addEventListener(type: unknown, callback: unknown, options?: unknown): void {
    if (arguments.length < 2) throw missingListener()
    const { capture, once, passive, signal } = readOptions(options)
    if (!isCallback(callback)) return
    if (signal !== null && abortHooks?.isAborted(signal)) return
    const name = `${type}`
    const listener: Listener = { callback, capture, once, passive, isRemoved: false, forgetSignal: null }
    if (!this.#insert(name, listener) || signal === null) return
    listener.forgetSignal = abortHooks?.onAbort(signal, () => this.#remove(name, callback, capture)) ?? null
  }

  removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
    if (arguments.length < 2) throw missingListener()
    const capture = readCapture(options)
    if (isCallback(callback)) this.#remove(`${type}`, callback, capture)
  }

  dispatchEvent(event: unknown): boolean {
    if (!eventControl.isEvent(event)) throw argumentError('The "event" argument must be an instance of Event')
    if (eventControl.isDispatching(event)) {
      throw new DOMException("The event is already being dispatched", "InvalidStateError")
    }
    return this.#dispatch(event, false)
  }

  #insert(type: string, listener: Listener): boolean {
    this.#listeners ??= new Map()
    const list = this.#listeners.get(type)
    if (list === undefined) this.#listeners.set(type, [listener])
    else if (indexOf(list, listener.callback, listener.capture) >= 0) return false
    else list.push(listener)
    this.#changed(type)
    return true
  }

  #remove(type: string, callback: object, capture: boolean): void {
    const list = this.#listeners?.get(type)
    if (list === undefined) return
    const index = indexOf(list, callback, capture)
    const listener = list[index]
    if (listener === undefined) return
    listener.isRemoved = true
    list.splice(index, 1)
    listener.forgetSignal?.()
    this.#changed(type)
  }

  #changed(type: string): void {
    if (this.#watch?.type === type) this.#watch.notify(this.#listeners?.get(type)?.length ?? 0)
  }

  #dispatch(event: Event, isTrusted: boolean): boolean {
    const { type } = event
    eventControl.begin(event, this, isTrusted)
    this.#invoke(type, event, true)
    this.#invoke(type, event, false)
    eventControl.end(event)
    return !eventControl.isCanceled(event)
  }

  /** https://dom.spec.whatwg.org/#concept-event-listener-invoke: capturing listeners run first, also at the target. */
  #invoke(type: string, event: Event, capture: boolean): void {
    const list = this.#listeners?.get(type)
    if (list === undefined || eventControl.isStopped(event)) return
    for (const listener of [...list]) {
      if (listener.capture !== capture || listener.isRemoved) continue
      if (listener.once) this.#remove(type, listener.callback, capture)
      call(this, listener, event)
      if (eventControl.isStoppedNow(event)) return
    }
  }
}

export const targetControl: TargetControl = control

export function installEventTarget(kernel: Kernel): void {
  report = (error) => kernel.report(error)
  defineInterface(kernel, "Event", Event)
  defineInterface(kernel, "EventTarget", EventTarget)
}

export function useAbortHooks(hooks: AbortHooks): void {
  abortHooks = hooks
}

/** Calls one listener. What it throws is reported and stops nobody. */
function call(target: EventTarget, { callback, passive }: Listener, event: Event): void {
  if (passive) eventControl.setPassive(event, true)
  try {
    if (typeof callback === "function") apply(callback, target, [event])
    else (callback as { handleEvent(event: Event): unknown }).handleEvent(event)
  } catch (error) {
    report(error)
  }
  eventControl.setPassive(event, false)
}

function indexOf(list: readonly Listener[], callback: object, capture: boolean): number {
  for (let index = 0; index < list.length; index++) {
    const listener = list[index]
    if (listener?.callback === callback && listener.capture === capture) return index
  }
  return -1
}

function isCallback(value: unknown): value is object {
  if (value === null || value === undefined) return false
  if (typeof value === "function" || typeof value === "object") return true
  throw argumentError('The "listener" argument must be an instance of EventListener')
}

function readCapture(options: unknown): boolean {
  if (typeof options !== "object" || options === null) return Boolean(options)
  return Boolean((options as { capture?: unknown }).capture)
}

function readOptions(options: unknown): { capture: boolean; once: boolean; passive: boolean; signal: object | null } {
  const capture = readCapture(options)
  if (typeof options !== "object" || options === null) return { capture, once: false, passive: false, signal: null }
  const { once, passive, signal } = options as { once?: unknown; passive?: unknown; signal?: unknown }
  if (signal !== undefined && !abortHooks?.isSignal(signal)) {
    throw argumentError('The "options.signal" property must be an instance of AbortSignal')
  }
  return { capture, once: Boolean(once), passive: Boolean(passive), signal: (signal as object | undefined) ?? null }
}

function missingListener(): TypeError {
  return argumentError('The "type" and "listener" arguments must be specified', "ERR_MISSING_ARGS")
}
