import { errorFromJson, MayflyError, type ServerEvent } from "@mayfly/protocol"
import type { WebSocket } from "ws"

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
  const known = status >= 400 ? errorFromJson(parsed(text)) : undefined
  const message = `the server answered ${status} with what is no answer of Mayfly's`
  return known ?? new MayflyError("server.unreachable", message)
}

function parsed(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly error?: unknown } | null)?.error
  } catch {
    return undefined
  }
}
