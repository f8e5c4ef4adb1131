import EventEmitter from "events/"
import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "../web/name-classes.ts"
import { onEvents } from "./on-events.ts"

interface Emitter {
  listeners?(name: string | symbol): unknown[]
  setMaxListeners?(count: number): void
  getMaxListeners?(): number
}

/** EventEmitter from events (Node's own code, a function, so that `EventEmitter.call(this)` works), and what it lacks of Node's module. */
const loadEvents: LoadChunk = () => {
  Object.assign(EventEmitter, nameClasses({ EventEmitter }), {
    on: onEvents,
    errorMonitor: Symbol.for("events.errorMonitor"),
    captureRejectionSymbol: Symbol.for("nodejs.rejection"),
    captureRejections: false,
    usingDomains: false,
    getEventListeners: (emitter: Emitter, name: string | symbol): unknown[] => emitter.listeners?.(name) ?? [],
    getMaxListeners: (emitter: Emitter): number => emitter.getMaxListeners?.() ?? EventEmitter.defaultMaxListeners,
    setMaxListeners(count: number, ...emitters: Emitter[]): void {
      if (emitters.length === 0) EventEmitter.defaultMaxListeners = count
      for (const emitter of emitters) emitter.setMaxListeners?.(count)
    },
    addAbortListener,
  })
  return { "node:events": EventEmitter }
}

export default loadEvents

function addAbortListener(signal: AbortSignal, listener: () => void): Disposable {
  if (signal.aborted) queueMicrotask(listener)
  else signal.addEventListener("abort", listener, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) }
}
