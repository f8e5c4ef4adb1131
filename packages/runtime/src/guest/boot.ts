import type { RuntimeParts } from "./cloudflare/cloudflare-chunk.ts"
import { CommonJs } from "./commonjs.ts"
import { type AskHost, GuestKernel } from "./guest-kernel.ts"
import type { GuestJob } from "./job.ts"
import type { BuiltinChunk, ChunkName, LoadChunk } from "./kernel.ts"
import { LogSink } from "./log-sink.ts"
import { Outbox } from "./outbox.ts"
import { currentContext, runJob } from "./run-job.ts"
import { installCore } from "./web/core.ts"

/** The host's one handle on an isolate. Each call but `drain` and `buffer` is a turn on the isolate's own thread. */
export type Dispatch = (op: string, first?: unknown, second?: unknown, third?: unknown, ...rest: unknown[]) => unknown

export const lazyGlobals: Readonly<Partial<Record<ChunkName, readonly string[]>>> = {
  base: [
    "DOMException",
    "Event",
    "EventTarget",
    "CustomEvent",
    "MessageEvent",
    "ErrorEvent",
    "CloseEvent",
    "AbortController",
    "AbortSignal",
    "TextEncoder",
    "TextDecoder",
    "atob",
    "btoa",
    "Crypto",
    "crypto",
    "Performance",
    "performance",
    "Navigator",
    "navigator",
    "structuredClone",
  ],
  console: ["console"],
  url: ["URL", "URLSearchParams"],
  urlpattern: ["URLPattern"],
  fetch: ["Headers", "Request", "Response", "FormData", "Blob", "File", "fetch"],
  streams: [
    "ReadableStream",
    "ReadableStreamDefaultReader",
    "ReadableStreamBYOBReader",
    "ReadableStreamBYOBRequest",
    "ReadableByteStreamController",
    "ReadableStreamDefaultController",
    "WritableStream",
    "WritableStreamDefaultWriter",
    "WritableStreamDefaultController",
    "TransformStream",
    "TransformStreamDefaultController",
    "ByteLengthQueuingStrategy",
    "CountQueuingStrategy",
    "TextEncoderStream",
    "TextDecoderStream",
  ],
  compression: ["CompressionStream", "DecompressionStream"],
  subtle: ["CryptoKey", "SubtleCrypto"],
  html: ["HTMLRewriter"],
  cache: ["caches", "Cache", "CacheStorage"],
  websocket: ["WebSocket", "WebSocketPair"],
  "builtin:buffer": ["Buffer"],
}

/** A function of the host's whose promise this isolate's thread waits for. */
export interface Waiter {
  applySyncPromise(receiver: undefined, args: readonly [string]): unknown
}

/**
 * Evaluated in every isolate before guest code. `push` sends a live log line; `ask` answers small questions at once; `waiter` performs storage
 * operations. It stays in here: a guest must not get hold of a reference to something of the host's.
 */
export function boot(push: (line: string) => void, ask: AskHost, waiter: Waiter): Dispatch {
  const outbox = new Outbox()
  const store = (payload: string): string => `${waiter.applySyncPromise(undefined, [payload]) as string}`
  const kernel = new GuestKernel(outbox, new LogSink(outbox, push), ask, store)
  installCore(kernel)
  for (const [chunk, names] of Object.entries(lazyGlobals)) kernel.lazy(chunk as ChunkName, names)
  return dispatchTo(kernel, outbox)
}

function dispatchTo(kernel: GuestKernel, outbox: Outbox): Dispatch {
  return (op, first, second, third, ...rest) => {
    switch (op) {
      case "drain":
        return outbox.take()
      case "buffer":
        return outbox.takeBuffer()
      case "timer":
        kernel.logs.speak()
        return kernel.fire(first as number)
      case "invoke":
        kernel.logs.speak()
        return invoke(kernel, first as number, second as string, third as string, rest as ArrayBuffer[])
      case "release":
        return kernel.session.onRelease(first as number, second as number)
      case "answers":
        kernel.logs.speak()
        return deliver(kernel, first as string, second as string, rest as ArrayBuffer[])
      case "imported":
        return kernel.imported(first as number, second)
      case "preload":
        return kernel.preload(first as ChunkName, second as LoadChunk)
      case "job":
        return prepare(kernel, jobOf(first, second, third))
      case "again":
        outbox.clear()
        return again(kernel, jobOf(first, second, third), false)
      case "first":
        outbox.clear()
        turnBegan = now()
        return again(kernel, jobOf(first, second, third), true)
      case "next":
        // What the last one left to do was done before this call: the host makes one for each run.
        if (now() - turnBegan < maxSharedMs && outbox.endRun()) again(kernel, jobOf(first, second, third), true)
        return undefined
      case "importing":
        return expectImport(kernel, first as number, second as string)
    }
    return undefined
  }
}

/** Answers one behind the other. `heads` has a line for each: `<id> <+ or -> <length of its text> <number of its buffers>`. */
function deliver(kernel: GuestKernel, heads: string, texts: string, buffers: ArrayBuffer[]): void {
  let at = 0
  let buffer = 0
  for (const head of heads.split("\n")) {
    const [id, sign, length, count] = head.split(" ")
    const text = texts.slice(at, (at += Number(length)))
    kernel.answer(Number(id), sign === "+", text, part(buffers, buffer, (buffer += Number(count))))
  }
}

/** Without the array's own methods, which are the guest's to change. */
function part(buffers: readonly ArrayBuffer[], from: number, to: number): ArrayBuffer[] {
  const found: ArrayBuffer[] = []
  for (let at = from; at < to; at++) found[at - from] = buffers[at] as ArrayBuffer
  return found
}

/** The parent calls a function that this program gave it. `call` is the export's number and the method's name. */
function invoke(kernel: GuestKernel, id: number, call: string, args: string, buffers: ArrayBuffer[]): void {
  const cut = call.indexOf("\n")
  void kernel.session.onCall(id, Number(call.slice(0, cut)), call.slice(cut + 1), args, buffers)
}

function jobOf(job: unknown, input: unknown, env: unknown): GuestJob {
  return { ...(JSON.parse(job as string) as GuestJob), input: input as string, env: env as string }
}

// Taken at evaluation, before guest code can replace it.
const { now } = Date
/** When the first run of this turn began, for turns that several runs share. */
let turnBegan = 0
/** After this long the rest of them wait for another turn. */
const maxSharedMs = 4

/** Another run of the same worker: a new bridge, no timers or calls of the last run, the module's own state as it is. */
function again(kernel: GuestKernel, job: GuestJob, isShared: boolean): void {
  kernel.reset()
  kernel.logs.begin(job.logBytes, isShared)
  runJob(kernel.namespace, job, kernel)
}

/** Everything a run needs, before the first line of guest code. */
function prepare(kernel: GuestKernel, job: GuestJob): void {
  kernel.logs.begin(job.logBytes)
  for (const [identifier, module, targets = {}] of job.imports) {
    kernel.define(identifier, (specifier: unknown) => {
      const name = `${specifier as string}`
      return kernel.import(module, Object.hasOwn(targets, name) ? (targets[name] as string) : name)
    })
  }
  for (const [identifier, module, isMain] of job.metas) kernel.define(identifier, metaOf(module, isMain))
  defineHidden(kernel, job)
}

/** What compiled modules need while they are evaluated; gone when the program is called, unless it may import more of them. */
function defineHidden(kernel: GuestKernel, job: GuestJob): void {
  const start = `${job.prefix}_start`
  const helpers = job.hasHelpers ? moduleHelpers(kernel, job) : {}
  for (const [name, value] of Object.entries(helpers)) kernel.define(`${job.prefix}_${name}`, value)
  kernel.define(start, (namespace: Readonly<Record<string, unknown>>) => {
    Reflect.deleteProperty(globalThis, start)
    if (job.imports.length === 0) {
      for (const name of Object.keys(helpers)) Reflect.deleteProperty(globalThis, `${job.prefix}_${name}`)
    }
    kernel.namespace = namespace
    runJob(namespace, job, kernel)
  })
}

interface BuiltinExports {
  readonly [specifier: string]: unknown
  readonly connect?: (parts: RuntimeParts) => Readonly<Record<string, unknown>>
}

function moduleHelpers(kernel: GuestKernel, job: GuestJob): Readonly<Record<string, unknown>> {
  const modules = new CommonJs()
  let connected: Readonly<Record<string, unknown>> | undefined
  return {
    builtin(chunk: string, name: string): unknown {
      const exports = kernel.chunk<BuiltinExports>(`builtin:${chunk}` as BuiltinChunk)
      if (exports.connect === undefined) return exports[name]
      connected ??= exports.connect({ RpcTarget: kernel.rich.RpcTarget, context: () => currentContext(job, kernel) })
      return connected[name]
    },
    bytes: (text: string) => kernel.rich.base64ToBytes(text).buffer,
    define: modules.define.bind(modules),
    provide: modules.provide.bind(modules),
    require: modules.require.bind(modules),
  }
}

/** The importer module calls this global once, after the imported module's top-level await. */
function expectImport(kernel: GuestKernel, id: number, callback: string): void {
  kernel.define(callback, (namespace: unknown) => {
    Reflect.deleteProperty(globalThis, callback)
    kernel.imported(id, namespace)
  })
}

function metaOf(module: string, isMain: boolean): object {
  const slash = module.lastIndexOf("/")
  const url = `file:///${module}`
  const dirname = `/${module.slice(0, Math.max(slash, 0))}`
  return { __proto__: null, url, main: isMain, filename: `/${module}`, dirname }
}
