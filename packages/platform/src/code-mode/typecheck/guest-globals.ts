/**
 * What guests have besides the language, for the type check. Neither TypeScript's DOM nor its worker library: both promise things that are not
 * there. Lenient where exactness would only refuse code that runs.
 */
export const guestGlobals = `
interface Console {
  log(...values: any[]): void; info(...values: any[]): void; warn(...values: any[]): void; error(...values: any[]): void; debug(...values: any[]): void
  dir(...values: any[]): void; dirxml(...values: any[]): void; table(...values: any[]): void; trace(...values: any[]): void
  group(...values: any[]): void; groupCollapsed(...values: any[]): void; groupEnd(): void; assert(condition?: any, ...values: any[]): void; clear(): void
  count(label?: string): void; countReset(label?: string): void; time(label?: string): void; timeLog(label?: string, ...values: any[]): void; timeEnd(label?: string): void
}
declare const console: Console
declare const self: typeof globalThis

declare function setTimeout<A extends any[]>(callback: (...args: A) => void, delayMs?: number, ...args: A): any
declare function setInterval<A extends any[]>(callback: (...args: A) => void, delayMs?: number, ...args: A): any
declare function setImmediate<A extends any[]>(callback: (...args: A) => void, ...args: A): any
declare function clearTimeout(timer?: any): void
declare function clearInterval(timer?: any): void
declare function clearImmediate(timer?: any): void
declare function queueMicrotask(callback: () => void): void
declare function reportError(error: any): void
declare function structuredClone<T>(value: T, options?: { transfer?: any[] }): T
declare function atob(text: string): string
declare function btoa(text: string): string

declare class DOMException extends Error { constructor(message?: string, name?: string | { name?: string; cause?: unknown }); readonly code: number }
declare class Event { constructor(type: string, init?: any); readonly type: string; readonly target: any; readonly defaultPrevented: boolean; preventDefault(): void; stopPropagation(): void }
declare class CustomEvent<T = any> extends Event { readonly detail: T }
declare class MessageEvent<T = any> extends Event { readonly data: T }
declare class ErrorEvent extends Event { readonly error: any; readonly message: string }
declare class CloseEvent extends Event { readonly code: number; readonly reason: string }
declare class EventTarget {
  addEventListener(type: string, listener: any, options?: any): void
  removeEventListener(type: string, listener: any, options?: any): void
  dispatchEvent(event: Event): boolean
}
declare class AbortSignal extends EventTarget {
  static abort(reason?: any): AbortSignal; static timeout(delayMs: number): AbortSignal; static any(signals: Iterable<AbortSignal>): AbortSignal
  readonly aborted: boolean; readonly reason: any; onabort: any; throwIfAborted(): void
}
declare class AbortController { readonly signal: AbortSignal; abort(reason?: any): void }

type BufferSource = ArrayBufferLike | ArrayBufferView
declare class TextEncoder { readonly encoding: string; encode(text?: string): Uint8Array<ArrayBuffer>; encodeInto(text: string, into: Uint8Array): { read: number; written: number } }
declare class TextDecoder { constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }); readonly encoding: string; decode(bytes?: BufferSource, options?: { stream?: boolean }): string }
declare class URLSearchParams {
  constructor(init?: string | URLSearchParams | Record<string, any> | Iterable<any>)
  readonly size: number
  append(name: string, value: any): void; delete(name: string, value?: string): void; get(name: string): string | null; getAll(name: string): string[]
  has(name: string, value?: string): boolean; set(name: string, value: any): void; sort(): void; toString(): string
  forEach(callback: (value: string, key: string, parent: URLSearchParams) => void): void
  entries(): IterableIterator<[string, string]>; keys(): IterableIterator<string>; values(): IterableIterator<string>; [Symbol.iterator](): IterableIterator<[string, string]>
}
declare class URL {
  constructor(url: string | URL, base?: string | URL)
  static canParse(url: string | URL, base?: string | URL): boolean; static parse(url: string | URL, base?: string | URL): URL | null
  hash: string; host: string; hostname: string; href: string; readonly origin: string; password: string; pathname: string; port: string; protocol: string
  search: string; readonly searchParams: URLSearchParams; username: string; toString(): string; toJSON(): string
}
declare class URLPattern { constructor(input?: any, base?: any, options?: any); test(input?: any, base?: string): boolean; exec(input?: any, base?: string): any; [name: string]: any }
declare class Headers {
  constructor(init?: HeadersInit)
  append(name: string, value: string): void; delete(name: string): void; get(name: string): string | null; getSetCookie(): string[]; has(name: string): boolean; set(name: string, value: string): void
  forEach(callback: (value: string, key: string, parent: Headers) => void): void
  entries(): IterableIterator<[string, string]>; keys(): IterableIterator<string>; values(): IterableIterator<string>; [Symbol.iterator](): IterableIterator<[string, string]>
}
type HeadersInit = Headers | Record<string, any> | Iterable<any>
declare class Blob {
  constructor(parts?: Iterable<any>, options?: { type?: string; endings?: string })
  readonly size: number; readonly type: string
  arrayBuffer(): Promise<ArrayBuffer>; bytes(): Promise<Uint8Array<ArrayBuffer>>; text(): Promise<string>; stream(): ReadableStream<Uint8Array>; slice(start?: number, end?: number, type?: string): Blob
}
declare class File extends Blob { constructor(parts: Iterable<any>, name: string, options?: { type?: string; lastModified?: number }); readonly name: string; readonly lastModified: number }
declare class FormData {
  append(name: string, value: any, fileName?: string): void; delete(name: string): void; get(name: string): any; getAll(name: string): any[]; has(name: string): boolean
  set(name: string, value: any, fileName?: string): void; forEach(callback: (value: any, key: string, parent: FormData) => void): void
  entries(): IterableIterator<[string, any]>; keys(): IterableIterator<string>; values(): IterableIterator<any>; [Symbol.iterator](): IterableIterator<[string, any]>
}
interface BodyMethods {
  readonly body: ReadableStream<Uint8Array> | null; readonly bodyUsed: boolean
  arrayBuffer(): Promise<ArrayBuffer>; blob(): Promise<Blob>; bytes(): Promise<Uint8Array<ArrayBuffer>>; formData(): Promise<FormData>; json(): Promise<any>; text(): Promise<string>
}
type BodyInit = string | BufferSource | Blob | FormData | URLSearchParams | ReadableStream
interface RequestInit { body?: BodyInit | null; headers?: HeadersInit; method?: string; redirect?: string; signal?: AbortSignal | null; [name: string]: any }
interface ResponseInit { headers?: HeadersInit; status?: number; statusText?: string; [name: string]: any }
interface Request extends BodyMethods { readonly headers: Headers; readonly method: string; readonly redirect: string; readonly signal: AbortSignal; readonly url: string; clone(): Request }
declare const Request: { new (input: string | URL | Request, init?: RequestInit): Request; prototype: Request }
interface Response extends BodyMethods { readonly headers: Headers; readonly ok: boolean; readonly redirected: boolean; readonly status: number; readonly statusText: string; readonly type: string; readonly url: string; clone(): Response }
declare const Response: {
  new (body?: BodyInit | null, init?: ResponseInit): Response; prototype: Response
  error(): Response; json(data: any, init?: ResponseInit): Response; redirect(url: string | URL, status?: number): Response
}
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>

declare class ReadableStream<T = any> {
  constructor(source?: any, strategy?: any)
  static from<T>(items: Iterable<T> | AsyncIterable<T>): ReadableStream<T>
  readonly locked: boolean; cancel(reason?: any): Promise<void>; getReader(options?: any): any; tee(): [ReadableStream<T>, ReadableStream<T>]
  pipeThrough(pair: { readable: ReadableStream<any>; writable: WritableStream<any> }, options?: any): ReadableStream<any>; pipeTo(to: WritableStream<any>, options?: any): Promise<void>
  values(options?: any): AsyncIterableIterator<T>; [Symbol.asyncIterator](): AsyncIterableIterator<T>
}
declare class WritableStream<T = any> { constructor(sink?: any, strategy?: any); readonly locked: boolean; abort(reason?: any): Promise<void>; close(): Promise<void>; getWriter(): any }
declare class TransformStream<I = any, O = any> { constructor(transformer?: any, writable?: any, readable?: any); readonly readable: ReadableStream<O>; readonly writable: WritableStream<I> }
declare class TextEncoderStream extends TransformStream<string, Uint8Array> {}
declare class TextDecoderStream extends TransformStream<any, string> { constructor(label?: string, options?: any) }
declare class CompressionStream extends TransformStream { constructor(format: string) }
declare class DecompressionStream extends TransformStream { constructor(format: string) }
declare const ByteLengthQueuingStrategy: any
declare const CountQueuingStrategy: any

interface Crypto { readonly subtle: any; getRandomValues<T extends ArrayBufferView>(into: T): T; randomUUID(): string }
declare const crypto: Crypto
declare const performance: { now(): number; readonly timeOrigin: number; [name: string]: any }
declare const navigator: { readonly userAgent: string; [name: string]: any }
declare const Buffer: any
declare namespace WebAssembly { const Module: any; const Instance: any; const Memory: any; const Table: any; const Global: any; const compile: any; const instantiate: any; const validate: any }

declare module "node:*"
declare module "cloudflare:*"
`

/** What a worker's program has besides: bodies and expressions have `input` and `ctx` in scope, modules may name the types. */
export const programGlobals = `
interface ExecutionContext<Props = any> {
  readonly props: Props; readonly exports: any; readonly signal: AbortSignal
  waitUntil(promise: Promise<any>): void; passThroughOnException(): void
}
declare const input: any
declare const ctx: ExecutionContext
`
