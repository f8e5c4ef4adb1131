import { exportSocket, importSocket } from "../socket/carry-socket.ts"
import type { SocketInternals } from "../socket/web-socket-class.ts"
import type { Session, Specials } from "./session.ts"
import {
  type ReadableClass,
  readableFrom,
  type ReadableLike,
  ReadableTarget,
  type WritableClass,
  writableFrom,
  type WritableLike,
  WritableTarget,
} from "./stream-target.ts"

export type WebClassName =
  | "ReadableStream"
  | "WritableStream"
  | "Request"
  | "Response"
  | "Headers"
  | "URL"
  | "AbortSignal"
  | "AbortController"
  | "WebSocket"
  | "WebSocketInternals"

type AnyClass = new (...args: never[]) => object

/** The web classes of a realm. */
export interface WebClasses {
  /** The class, if anything of it can exist already. */
  known(name: WebClassName): AnyClass | undefined
  /** The class, loaded when necessary. */
  load(name: WebClassName): unknown
}

interface RequestLike {
  readonly url: string
  readonly method: string
  readonly headers: Iterable<[string, string]>
  readonly body: ReadableLike | null
  readonly redirect: string
  readonly signal: SignalLike | null
}

interface ResponseLike {
  readonly status: number
  readonly statusText: string
  readonly headers: Iterable<[string, string]>
  readonly body: ReadableLike | null
  readonly webSocket?: object | null
}

interface SignalLike {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: "abort", listener: () => void, options?: { once: boolean }): void
}

type Exporter = (value: object, session: Session, classes: WebClasses) => string
type Importer = (text: string, session: Session, classes: WebClasses) => unknown

/** Streams, requests, responses, headers, URLs and abort signals on the bridge. The first letter of a text says what it is. */
export function webSpecials(classes: WebClasses): Specials {
  return {
    export(value, session) {
      for (const [name, exporter] of exporters) {
        const Class = classes.known(name)
        if (Class !== undefined && value instanceof Class) return exporter(value, session, classes)
      }
      return undefined
    },
    import(text, session) {
      const importer = importers[text[0] ?? ""]
      if (importer === undefined) throw new TypeError("malformed clone: unknown special")
      return importer(text.slice(1), session, classes)
    },
  }
}

const exporters: readonly (readonly [WebClassName, Exporter])[] = [
  ["ReadableStream", (value, session) => `r${session.exportTarget(new ReadableTarget(value as ReadableLike))}`],
  ["WritableStream", (value, session) => `w${session.exportTarget(new WritableTarget(value as WritableLike))}`],
  ["Request", (value, session) => `q${session.encodePart(requestParts(value as RequestLike))}`],
  ["Response", (value, session) => `p${session.encodePart(responseParts(value as ResponseLike))}`],
  ["Headers", (value, session) => `h${session.encodePart([...(value as Iterable<unknown>)])}`],
  ["URL", (value) => `u${(value as { href: string }).href}`],
  ["AbortSignal", exportSignal],
  ["WebSocket", (value, session, classes) => `k${exportSocket(session, socketsOf(classes).take(value))}`],
]

const importers: Readonly<Record<string, Importer>> = {
  r: (text, session, classes) => readableFrom(session, Number(text), classes.load("ReadableStream") as ReadableClass),
  w: (text, session, classes) => writableFrom(session, Number(text), classes.load("WritableStream") as WritableClass),
  q: importRequest,
  p: importResponse,
  h: (text, session, classes) => construct(classes, "Headers", [session.decodePart(text)]),
  u: (text, _, classes) => construct(classes, "URL", [text]),
  a: importSignal,
  x: (text, session, classes) => {
    const controller = construct(classes, "AbortController", []) as { signal: object; abort(reason: unknown): void }
    controller.abort(session.decodePart(text))
    return controller.signal
  },
  k: (text, session, classes) => socketsOf(classes).wrap(importSocket(session, Number(text))),
}

function socketsOf(classes: WebClasses): SocketInternals {
  return classes.load("WebSocketInternals") as SocketInternals
}

function construct(classes: WebClasses, name: WebClassName, args: readonly unknown[]): object {
  return Reflect.construct(classes.load(name) as new () => object, args)
}

function requestParts({ url, method, headers, body, redirect, signal }: RequestLike): Record<string, unknown> {
  return { url, method, headers: [...headers], body, redirect, signal: signal ?? null }
}

function importRequest(text: string, session: Session, classes: WebClasses): unknown {
  const { url, body, ...init } = session.decodePart(text) as { url: string; body: unknown; signal: unknown }
  return construct(classes, "Request", [url, { ...init, body, ...(body === null ? {} : { duplex: "half" }) }])
}

function responseParts({ status, statusText, headers, body, webSocket }: ResponseLike): Record<string, unknown> {
  const parts = { status, statusText, headers: [...headers], body }
  return webSocket === undefined || webSocket === null ? parts : { ...parts, webSocket }
}

function importResponse(text: string, session: Session, classes: WebClasses): unknown {
  const { body, ...init } = session.decodePart(text) as { body: unknown }
  return construct(classes, "Response", [body, init])
}

function exportSignal(value: object, session: Session): string {
  const signal = value as SignalLike
  return signal.aborted
    ? `x${session.encodePart(reasonOf(signal))}`
    : `a${session.exportTarget(new SignalTarget(signal))}`
}

/** Tells the other side when a signal fires: by answering a call that waits for it. */
class SignalTarget {
  readonly #signal: SignalLike

  constructor(signal: SignalLike) {
    this.#signal = signal
  }

  fired(): Promise<unknown> {
    return new Promise((resolve) => {
      const fire = (): void => resolve(reasonOf(this.#signal))
      if (this.#signal.aborted) fire()
      else this.#signal.addEventListener("abort", fire, { once: true })
    })
  }
}

/** A DOMException is not cloneable; its name and message are what matters. */
function reasonOf({ reason }: SignalLike): unknown {
  return typeof reason === "function" || typeof reason === "symbol" ? String(reason) : reason
}

function importSignal(text: string, session: Session, classes: WebClasses): unknown {
  const controller = construct(classes, "AbortController", []) as { signal: object; abort(reason: unknown): void }
  const wait = async (): Promise<void> => {
    try {
      controller.abort(await session.call(Number(text), "fired", []))
    } catch {
      // The session is over; so is whatever could have been aborted.
    }
  }
  void wait()
  return controller.signal
}
