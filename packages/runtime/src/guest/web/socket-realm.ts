import type { SocketRealm } from "../../socket/web-socket-class.ts"
import { installedKernel } from "./installed-kernel.ts"

/** What WebSockets are made of in an isolate. Taken when the chunk is evaluated. */
export function socketRealm(): SocketRealm {
  const { EventTarget, Event, MessageEvent, CloseEvent, ErrorEvent } = globalThis as unknown as Record<
    "EventTarget" | "Event" | "MessageEvent" | "CloseEvent" | "ErrorEvent",
    new (type: string, init?: object) => object
  >
  return {
    EventTarget: EventTarget as new () => object,
    event: (type) => new Event(type),
    message: (data) => new MessageEvent("message", { data }),
    close: (init) => new CloseEvent("close", init),
    error: (error) => new ErrorEvent("error", { error, message: error.message }),
    limitError: (message) => Object.assign(new RangeError(message), { code: "worker.websocket-limit" }),
    isStrict: true,
    blob(bytes) {
      const { Blob } = installedKernel().chunk<{ Blob: new (parts: unknown[]) => object }>("fetch")
      return new Blob([bytes])
    },
  }
}
