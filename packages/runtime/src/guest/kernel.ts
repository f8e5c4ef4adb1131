/**
 * What the guest runtime's own modules may use. One kernel exists per isolate; guest code never sees it.
 *
 * Everything here runs inside the isolate, on the isolate's thread, before or between guest turns. Modules must take
 * what they need from the global object when they are evaluated (before guest code), be strict, and put nothing on the
 * global object except through `define` and `lazy`.
 */
export interface Kernel {
  /** Defines a non-enumerable, writable, configurable global. */
  define(name: string, value: unknown): void

  /** Defines globals that evaluate `chunk` on first touch. Programs that do not use them pay nothing. */
  lazy(chunk: ChunkName, names: readonly string[]): void

  isLoaded(chunk: ChunkName): boolean

  /** The exports of a lazily evaluated chunk. Evaluates it once. */
  chunk<Exports>(name: ChunkName): Exports

  /** Random bytes from the host, at most 65,536. Returns a fresh buffer that the caller owns. */
  entropy(byteLength: number): ArrayBuffer

  /**
   * A small pure question answered by the host at once: `idna` turns a domain into ASCII ("" when invalid), and
   * `decode:<label>` turns a byte string (one character per byte) into text, or gives null for a label nobody knows.
   */
  ask(question: string, text: string): string | null

  /**
   * Starts an operation outside the isolate: "subtle" runs in the host, "fetch" and "call" in the supervisor. Payload and
   * answer are opaque text. Rejects with a guest-realm Error whose `code` is the error's code. `cancel` is safe to call twice;
   * after it the promise stays pending, so the caller settles its own.
   */
  request(operation: "subtle" | "fetch" | "call", payload: string): PendingRequest

  /** Structured clone as text and back, for payloads and answers. Part of the kernel, so that chunks need not carry it each. */
  encode(value: unknown): string
  decode(text: string): unknown
  /** A structured clone within the isolate; buffers in `transfer` are detached. */
  clone(value: unknown, transfer: readonly unknown[]): unknown

  /** Calls `callback` once, `ms` milliseconds from now (rounded down, at least 0). Returns a handle for `clearTimer`. */
  setTimer(callback: () => void, ms: number): number
  clearTimer(handle: number): void

  /** Appends a console line. `level` is one of the console's own names. Never throws, bounded by the run's `logBytes`. */
  log(level: LogLevel, message: string): void

  /** Reports an error that no one caught (a listener, a timer, a rejected promise) as a log line. */
  report(error: unknown): void

  /** Turns an error into "Name: message\n    at …" without ever throwing. */
  describe(error: unknown): string
}

export type LogLevel = "debug" | "log" | "info" | "warn" | "error"

/** The chunks behind `import "node:…"` and `import "cloudflare:…"`, see compile/builtin-modules.ts. Their exports are modules by specifier. */
export type BuiltinChunk =
  `builtin:${"buffer" | "path" | "events" | "util" | "url" | "crypto" | "small" | "cloudflare" | "sockets"}`

export type ChunkName =
  | BuiltinChunk
  | "base"
  | "bridge"
  | "rich"
  | "console"
  | "url"
  | "urlpattern"
  | "fetch"
  | "streams"
  | "compression"
  | "subtle"
  | "inspect"
  | "websocket"
  | "html"
  | "cache"
  | "objects"

export interface PendingRequest {
  readonly answer: Promise<string>
  cancel(): void
}

/** Installs globals that exist from the start. Runs in every isolate: keep it cheap. */
export type Install = (kernel: Kernel) => void

/** The default export of a chunk: called once, gives the values of the globals it stands for, and anything other chunks use. */
export type LoadChunk = (kernel: Kernel) => Record<string, unknown>
