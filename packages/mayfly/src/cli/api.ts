import { type ErrorCode, type ErrorJson, errorTable, MayflyError } from "@mayfly/protocol"
import type { WebSocket } from "ws"
import type { ServerEvent } from "./server-events.ts"

/** The HTTP API of a data directory, wherever it runs. Whoever opened it disposes it. */
export interface Api extends AsyncDisposable {
  /** Whether what was started goes on when this command has ended. */
  readonly isLasting: boolean
  /** The answer's JSON, undefined when there is none. Rejects with the error that the API answers with. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Server-sent events, until the server ends them or the signal fires. Rejects as `call` does. */
  events(path: string, signal: AbortSignal): AsyncIterable<ServerEvent>
  /** Bytes both ways, as they come. Rejects as `call` does. */
  stream(method: string, path: string, options: StreamOptions): Promise<AsyncIterable<Uint8Array>>
  /** A WebSocket that is open, and paused: whoever listens to it resumes it. Rejects as `call` does. */
  socket(path: string): Promise<WebSocket>
}

export interface StreamOptions {
  readonly accept?: string
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal: AbortSignal
}

/** The JSON of an answer. Throws the error that it tells. */
export function answerOf(status: number, text: string): unknown {
  if (status >= 400) throw failure(status, text)
  if (text === "") return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw failure(status, text)
  }
}

/** Something else than our server may have answered. */
export function failure(status: number, text: string): MayflyError {
  const none = new MayflyError("server.unreachable", `the server answered ${status} with what is no answer of Mayfly's`)
  try {
    const given = status >= 400 ? (JSON.parse(text) as { readonly error?: unknown } | null) : undefined
    return typeof given?.error === "object" ? apiError(given) : none
  } catch {
    return none
  }
}

/** The error in an answer of the API, or in an event. Whoever answers may be anybody, or newer than this command and have codes that it does not know. */
export function apiError(value: unknown): MayflyError {
  const { error } = (value ?? {}) as { readonly error?: Partial<ErrorJson> }
  const { code, message, retry, fix, details } = error ?? {}
  if (typeof code !== "string" || typeof message !== "string")
    return new MayflyError("server.unreachable", "the server told an error that is none of Mayfly's")
  const isKnown = Object.hasOwn(errorTable, code)
  return new MayflyError(isKnown ? (code as ErrorCode) : "server.internal", isKnown ? message : `${code}: ${message}`, {
    ...(typeof retry === "boolean" ? { retry } : {}),
    ...(typeof fix === "string" ? { fix } : {}),
    ...(typeof details === "object" && details !== null ? { details } : {}),
  })
}
