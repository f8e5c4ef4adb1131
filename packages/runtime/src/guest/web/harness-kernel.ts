import { cloneValue, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { ChunkName, Kernel, LoadChunk, LogLevel, PendingRequest } from "../kernel.ts"

/** What the test host gives the isolate. Plain functions, captured here, never on the global object. */
export interface HarnessHost {
  setTimer(handle: number, ms: number): void
  clearTimer(handle: number): void
  entropy(byteLength: number): ArrayBuffer
  ask(question: string, text: string): string | null
  request(id: number, operation: string, payload: string): void
  cancel(id: number): void
  log(level: LogLevel, message: string): void
  report(message: string): void
}

/** What the test host may call, always through an asynchronous entry. */
export interface HarnessGuest {
  readonly kernel: Kernel
  fire(handle: number): void
  answer(id: number, code: string | null, text: string): void
}

/** The smallest kernel that the guest modules can be tested on. It is not hardened: only tests run on it. */
export function createHarnessKernel(host: HarnessHost, chunks: ReadonlyMap<ChunkName, () => LoadChunk>): HarnessGuest {
  const timers = new Map<number, () => void>()
  const requests = new Map<number, PromiseWithResolvers<string>>()
  const loaded = new Map<ChunkName, Record<string, unknown>>()
  let lastHandle = 0

  const kernel: Kernel = {
    define(name, value) {
      Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
    },
    lazy(chunk, names) {
      for (const name of names) defineLazily(kernel, chunk, name)
    },
    isLoaded: (name) => loaded.has(name),
    chunk<Exports>(name: ChunkName): Exports {
      const known = loaded.get(name)
      if (known !== undefined) return known as Exports
      const evaluate = chunks.get(name)
      if (evaluate === undefined) throw new Error(`chunk "${name}" was not given to createGuest`)
      const exports = evaluate()(kernel)
      loaded.set(name, exports)
      return exports as Exports
    },
    entropy: (byteLength) => host.entropy(byteLength),
    ask: (question, text) => host.ask(question, text),
    request(operation, payload): PendingRequest {
      const id = ++lastHandle
      const pending = Promise.withResolvers<string>()
      requests.set(id, pending)
      host.request(id, operation, payload)
      return { answer: pending.promise, cancel: () => requests.delete(id) && host.cancel(id) }
    },
    encode: (value) => encodeValue(value),
    decode: (text) => decodeValue(text),
    clone: (value, transfer) => cloneValue(value, transfer),
    setTimer(callback, ms) {
      timers.set(++lastHandle, callback)
      host.setTimer(lastHandle, ms)
      return lastHandle
    },
    clearTimer(handle) {
      if (timers.delete(handle)) host.clearTimer(handle)
    },
    log: (level, message) => host.log(level, message),
    report: (error) => host.report(describe(error)),
    describe,
  }

  return {
    kernel,
    fire(handle) {
      const callback = timers.get(handle)
      timers.delete(handle)
      callback?.()
    },
    answer(id, code, text) {
      const pending = requests.get(id)
      requests.delete(id)
      if (code === null) pending?.resolve(text)
      else pending?.reject(Object.assign(new Error(text), { code }))
    },
  }
}

function defineLazily(kernel: Kernel, chunk: ChunkName, name: string): void {
  Object.defineProperty(globalThis, name, {
    get() {
      const value = kernel.chunk<Record<string, unknown>>(chunk)[name]
      kernel.define(name, value)
      return value
    },
    set(value: unknown) {
      kernel.define(name, value)
    },
    configurable: true,
    enumerable: false,
  })
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `Uncaught ${String(error)}`
  } catch {
    return "[unprintable]"
  }
}
