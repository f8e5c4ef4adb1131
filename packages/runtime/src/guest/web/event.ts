import { argumentError } from "./argument-error.ts"
import { elapsedMs } from "./clock.ts"

export interface EventInit {
  readonly bubbles?: unknown
  readonly cancelable?: unknown
  readonly composed?: unknown
}

/** One bit each, so that an event has two private fields for its flags and not nine. */
const bubbles = 1
const cancelable = 2
const composed = 4
const canceled = 8
const stopped = 16
const stoppedNow = 32
const dispatching = 64
const inPassiveListener = 128
const trusted = 256

const atTarget = 2

/** What dispatch may do to an event and guest code may not. */
export interface EventControl {
  isEvent(value: unknown): value is Event
  isDispatching(event: Event): boolean
  begin(event: Event, target: object, isTrusted: boolean): void
  end(event: Event): void
  setPassive(event: Event, isPassive: boolean): void
  isStopped(event: Event): boolean
  isStoppedNow(event: Event): boolean
  isCanceled(event: Event): boolean
}

let control: EventControl

/** https://dom.spec.whatwg.org/#interface-event */
export class Event {
  #type: string
  #flags = 0
  #target: object | null = null
  #timeStamp = elapsedMs()

  constructor(type: unknown, init: EventInit | null = null) {
    if (arguments.length === 0) throw argumentError('The "type" argument must be specified', "ERR_MISSING_ARGS")
    if (init !== null && typeof init !== "object" && typeof init !== "function") {
      throw argumentError('The "options" argument must be of type object')
    }
    this.#type = `${type}`
    if (init?.bubbles) this.#flags |= bubbles
    if (init?.cancelable) this.#flags |= cancelable
    if (init?.composed) this.#flags |= composed
  }

  static {
    control = {
      isEvent: (value): value is Event => typeof value === "object" && value !== null && #flags in value,
      isDispatching: (event) => event.#has(dispatching),
      begin(event, target, isTrusted) {
        event.#target = target
        event.#set(trusted, isTrusted)
        event.#set(dispatching, true)
      },
      end: (event) => event.#set(dispatching | stopped | stoppedNow, false),
      setPassive: (event, isPassive) => event.#set(inPassiveListener, isPassive),
      isStopped: (event) => event.#has(stopped),
      isStoppedNow: (event) => event.#has(stoppedNow),
      isCanceled: (event) => event.#has(canceled),
    }
  }

  get type(): string {
    return this.#type
  }
  get target(): object | null {
    return this.#target
  }
  get srcElement(): object | null {
    return this.#target
  }
  get currentTarget(): object | null {
    return this.#has(dispatching) ? this.#target : null
  }
  get eventPhase(): number {
    return this.#has(dispatching) ? atTarget : 0
  }
  get bubbles(): boolean {
    return this.#has(bubbles)
  }
  get cancelable(): boolean {
    return this.#has(cancelable)
  }
  get composed(): boolean {
    return this.#has(composed)
  }
  get isTrusted(): boolean {
    return this.#has(trusted)
  }
  get timeStamp(): number {
    return this.#timeStamp
  }
  get defaultPrevented(): boolean {
    return this.#has(canceled)
  }
  get returnValue(): boolean {
    return !this.#has(canceled)
  }
  set returnValue(value: unknown) {
    if (!value) this.preventDefault()
  }
  get cancelBubble(): boolean {
    return this.#has(stopped)
  }
  set cancelBubble(value: unknown) {
    if (value) this.#set(stopped, true)
  }

  composedPath(): object[] {
    return this.#target !== null && this.#has(dispatching) ? [this.#target] : []
  }
  preventDefault(): void {
    if (this.#has(cancelable) && !this.#has(inPassiveListener)) this.#set(canceled, true)
  }
  stopPropagation(): void {
    this.#set(stopped, true)
  }
  stopImmediatePropagation(): void {
    this.#set(stopped | stoppedNow, true)
  }
  initEvent(type: unknown, canBubble: unknown = false, isCancelable: unknown = false): void {
    if (this.#has(dispatching)) return
    this.#type = `${type}`
    this.#target = null
    this.#flags = (canBubble ? bubbles : 0) | (isCancelable ? cancelable : 0)
  }

  #has(flag: number): boolean {
    return (this.#flags & flag) !== 0
  }
  #set(flags: number, isOn: boolean): void {
    this.#flags = isOn ? this.#flags | flags : this.#flags & ~flags
  }
}

const phases = {
  NONE: { value: 0, enumerable: true },
  CAPTURING_PHASE: { value: 1, enumerable: true },
  AT_TARGET: { value: atTarget, enumerable: true },
  BUBBLING_PHASE: { value: 3, enumerable: true },
}
Object.defineProperties(Event, phases)
Object.defineProperties(Event.prototype, phases)

export const eventControl: EventControl = control
