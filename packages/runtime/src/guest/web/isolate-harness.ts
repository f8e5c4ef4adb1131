import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { fileURLToPath, domainToASCII } from "node:url"
import { build } from "esbuild"
import ivm from "isolated-vm"
import type { ChunkName, LogLevel } from "../kernel.ts"

/** Test support: a bare isolate with the guest modules on a minimal kernel. Every entry is asynchronous, as in a host. */
export interface Guest extends AsyncDisposable {
  /** Runs `source` as the body of an async strict function and gives its JSON-able result. Rejects when it throws. */
  evaluate(source: string): Promise<unknown>
  readonly logs: { readonly level: LogLevel; readonly message: string }[]
  /** What went to `kernel.report`, as "Name: message". */
  readonly reports: string[]
  /** How often the guest asked the host for something at once, by kind. */
  readonly hostCalls: { entropy: number; ask: number }
  /** Disposing twice is safe. */
  dispose(): Promise<void>
}

export interface GuestOptions {
  /** Absolute paths of the chunk modules, by name. Their globals appear lazily. */
  readonly chunks?: Partial<Record<ChunkName, string>>
  /** The globals of a chunk where they differ from `chunkGlobals`. */
  readonly globals?: Partial<Record<ChunkName, readonly string[]>>
  /** Absolute path of a further module whose named export `install` is called with the kernel, after the base. */
  readonly extra?: string
  /** Answers `kernel.request`. A thrown error's `code` and message reach the guest. */
  readonly request?: (operation: string, payload: string, signal: AbortSignal) => Promise<string>
  readonly memoryLimitMb?: number
}

export const chunkGlobals: Readonly<Partial<Record<ChunkName, readonly string[]>>> = {
  base: [],
  console: [],
  url: ["URL", "URLSearchParams"],
  urlpattern: ["URLPattern"],
  fetch: ["fetch", "Headers", "Request", "Response", "FormData", "Blob", "File"],
  streams: [
    "ReadableStream",
    "ReadableStreamDefaultReader",
    "ReadableStreamBYOBReader",
    "ReadableStreamDefaultController",
    "ReadableByteStreamController",
    "ReadableStreamBYOBRequest",
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
  inspect: [],
}

export async function createGuest(options: GuestOptions = {}): Promise<Guest> {
  const isolate = new ivm.Isolate({ memoryLimit: options.memoryLimitMb ?? 128 })
  const context = await isolate.createContext()
  const state = createState(isolate)
  const boot = await isolate.compileScript(await bootSource(options), { filename: "mayfly:harness" })
  const start: ivm.Reference = await boot.run(context, { reference: true })
  const host = hostFunctions(state, options)
  const entries: ivm.Reference = await start.apply(undefined, host, { result: { reference: true } })
  state.fire = await entries.get("fire", { reference: true })
  state.answer = await entries.get("answer", { reference: true })
  const evaluate: ivm.Reference = await entries.get("evaluate", { reference: true })
  return {
    logs: state.logs,
    reports: state.reports,
    hostCalls: state.hostCalls,
    evaluate: (source) => evaluateIn({ isolate, context, evaluate, state }, source),
    dispose: () => disposeState(state),
    [Symbol.asyncDispose]: () => disposeState(state),
  }
}

/** Bundles one guest module to the text of an expression that gives its exports. Minified, strict, in memory. */
export async function bundleGuest(contents: string, minify = true): Promise<string> {
  const result = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL(".", import.meta.url)), loader: "ts" },
    bundle: true,
    minify,
    format: "iife",
    globalName: "exported",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["source"],
    target: "esnext",
    write: false,
  })
  const text = result.outputFiles[0]?.text.trim() ?? ""
  return `(()=>{"use strict";${text}\nreturn exported})()`
}

interface HarnessState {
  readonly isolate: ivm.Isolate
  readonly logs: { level: LogLevel; message: string }[]
  readonly reports: string[]
  readonly hostCalls: { entropy: number; ask: number }
  readonly timers: Map<number, NodeJS.Timeout>
  readonly requests: Map<number, AbortController>
  readonly evaluations: Map<number, PromiseWithResolvers<unknown>>
  readonly entries: Set<Promise<unknown>>
  fire: ivm.Reference | null
  answer: ivm.Reference | null
  lastEvaluation: number
  isDisposed: boolean
}

function createState(isolate: ivm.Isolate): HarnessState {
  return {
    isolate,
    logs: [],
    reports: [],
    hostCalls: { entropy: 0, ask: 0 },
    timers: new Map(),
    requests: new Map(),
    evaluations: new Map(),
    entries: new Set(),
    fire: null,
    answer: null,
    lastEvaluation: 0,
    isDisposed: false,
  }
}

const bundles = new Map<string, Promise<string>>()

function bundled(contents: string): Promise<string> {
  const known = bundles.get(contents)
  if (known !== undefined) return known
  const made = bundleGuest(contents)
  bundles.set(contents, made)
  return made
}

async function bootSource(options: GuestOptions): Promise<string> {
  const named = Object.entries(options.chunks ?? {}) as [ChunkName, string][]
  const chunks = await Promise.all(
    named.map(
      async ([name, path]) => `["${name}",()=>${await bundled(`export{default}from${JSON.stringify(path)}`)}.default]`,
    ),
  )
  const lazy = named.map(([name]) => [name, options.globals?.[name] ?? chunkGlobals[name]])
  const extra =
    options.extra === undefined ? "{}" : await bundled(`export{install}from${JSON.stringify(options.extra)}`)
  const runtime = await bundled(
    'export{createHarnessKernel}from"./harness-kernel.ts";export{installEverything}from"./install-everything.ts"',
  )
  return `(()=>{"use strict"
const runtime=${runtime},extra=${extra},chunks=new Map([${chunks.join(",")}])
const{stringify}=JSON,then=Function.prototype.call.bind(Promise.prototype.then)
return(setTimer,clearTimer,entropy,ask,request,cancel,log,report,done)=>{
const guest=runtime.createHarnessKernel({setTimer,clearTimer,entropy,ask,request,cancel,log,report},chunks)
for(const[name,names]of ${JSON.stringify(lazy)})guest.kernel.lazy(name,names)
runtime.installEverything(guest.kernel)
extra.install?.(guest.kernel)
const fail=(id,error)=>{let m="[unprintable]";try{m=error instanceof Error?error.name+": "+error.message:"thrown: "+String(error)}catch{}done(id,false,m)}
const evaluate=(id,body)=>{then(body(),(v)=>{let s;try{s=stringify(v)}catch(e){return fail(id,e)}done(id,true,s)},(e)=>fail(id,e))}
return{fire:guest.fire,answer:guest.answer,evaluate}}})()`
}

function hostFunctions(state: HarnessState, options: GuestOptions): unknown[] {
  const later = (act: (...values: never[]) => void) => new ivm.Callback(act, { ignored: true })
  const now = (act: (...values: never[]) => unknown) => new ivm.Callback(act, { sync: true })
  return [
    later((handle: number, ms: number) => startTimer(state, handle, ms)),
    later((handle: number) => stopTimer(state, handle)),
    now((byteLength: number) => entropy(state, byteLength)),
    now((question: string, text: string) => ask(state, question, text)),
    later((id: number, operation: string, payload: string) => void request(state, options, { id, operation, payload })),
    later((id: number) => state.requests.get(id)?.abort()),
    later((level: LogLevel, message: string) => void state.logs.push({ level, message })),
    later((message: string) => void state.reports.push(message)),
    later((id: number, ok: boolean, text: string | undefined) => settle(state, { id, ok, text })),
  ]
}

function startTimer(state: HarnessState, handle: number, ms: number): void {
  const fire = (): void => {
    state.timers.delete(handle)
    enter(state, state.fire, [handle])
  }
  state.timers.set(handle, setTimeout(fire, ms))
}

function stopTimer(state: HarnessState, handle: number): void {
  clearTimeout(state.timers.get(handle))
  state.timers.delete(handle)
}

function entropy(state: HarnessState, byteLength: number): ArrayBuffer {
  state.hostCalls.entropy++
  return new Uint8Array(randomBytes(byteLength)).buffer
}

function ask(state: HarnessState, question: string, text: string): string | null {
  state.hostCalls.ask++
  if (question === "idna") return domainToASCII(text)
  if (!question.startsWith("decode:")) return null
  try {
    return new TextDecoder(question.slice("decode:".length)).decode(Buffer.from(text, "latin1"))
  } catch {
    return null
  }
}

interface HarnessRequest {
  readonly id: number
  readonly operation: string
  readonly payload: string
}

async function request(state: HarnessState, options: GuestOptions, asked: HarnessRequest): Promise<void> {
  const abort = new AbortController()
  state.requests.set(asked.id, abort)
  try {
    if (options.request === undefined) throw new Error("createGuest was not given a request function")
    const text = await options.request(asked.operation, asked.payload, abort.signal)
    enter(state, state.answer, [asked.id, null, text])
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    enter(state, state.answer, [asked.id, String(code ?? "test.failed"), String(message)])
  } finally {
    state.requests.delete(asked.id)
  }
}

function settle(state: HarnessState, result: { id: number; ok: boolean; text: string | undefined }): void {
  const pending = state.evaluations.get(result.id)
  state.evaluations.delete(result.id)
  if (!result.ok) pending?.reject(new Error(result.text))
  else pending?.resolve(result.text === undefined ? undefined : JSON.parse(result.text))
}

/** An unhandled rejection makes the entry that is running reject, even an unrelated one; tests look at results, not entries. */
function enter(state: HarnessState, entry: ivm.Reference | null, values: unknown[]): void {
  if (state.isDisposed || entry === null) return
  const running = entry.apply(undefined, values).catch((error: unknown) => {
    if (state.isolate.isDisposed) rejectAll(state, error)
  })
  state.entries.add(running)
  void running.then(() => state.entries.delete(running))
}

interface Evaluation {
  readonly isolate: ivm.Isolate
  readonly context: ivm.Context
  readonly evaluate: ivm.Reference
  readonly state: HarnessState
}

async function evaluateIn({ isolate, context, evaluate, state }: Evaluation, source: string): Promise<unknown> {
  const id = ++state.lastEvaluation
  const pending = Promise.withResolvers<unknown>()
  state.evaluations.set(id, pending)
  const script = await isolate.compileScript(`(async()=>{"use strict";${source}\n})`, { filename: "file:///main.js" })
  const body = await script.run(context, { reference: true })
  enter(state, evaluate, [id, body.derefInto()])
  return pending.promise
}

function rejectAll(state: HarnessState, error: unknown): void {
  for (const pending of state.evaluations.values()) pending.reject(error)
  state.evaluations.clear()
}

async function disposeState(state: HarnessState): Promise<void> {
  if (state.isDisposed) return
  state.isDisposed = true
  for (const timer of state.timers.values()) clearTimeout(timer)
  for (const abort of state.requests.values()) abort.abort()
  rejectAll(state, new Error("the guest was disposed"))
  if (!state.isolate.isDisposed) state.isolate.dispose()
  await Promise.allSettled(state.entries)
}

const AsyncFunction = (async () => undefined).constructor as new (body: string) => () => Promise<unknown>

/** The same as `Guest.evaluate`, in this Node: what the guest's answer is compared with. */
export async function evaluateHere(source: string): Promise<unknown> {
  const text = JSON.stringify(await new AsyncFunction(`"use strict";${source}`)()) as string | undefined
  return text === undefined ? undefined : JSON.parse(text)
}

/** Test support: a table of names and bodies, each of which must give the same value in a guest and in this Node. */
export async function conform(guest: Guest, cases: Readonly<Record<string, string>>): Promise<void> {
  const run = async (evaluate: (source: string) => Promise<unknown>, body: string): Promise<unknown> => {
    const caught = `const attempt = (f) => { try { return f() } catch (e) { return { threw: e.name, code: e.code } } };`
    return evaluate(`${caught}${body}`).catch((error: unknown) => ({ failed: String(error) }))
  }
  for (const [name, body] of Object.entries(cases)) {
    const [actual, expected] = [await run(guest.evaluate, body), await run(evaluateHere, body)]
    assert.deepEqual(actual, expected, name)
  }
}
