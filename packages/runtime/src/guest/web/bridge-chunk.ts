import { type WebClasses, type WebClassName, webSpecials } from "../../bridge/web-specials.ts"
import type { ChunkName, Kernel } from "../kernel.ts"

const chunks: Readonly<Record<WebClassName, ChunkName>> = {
  ReadableStream: "streams",
  WritableStream: "streams",
  Request: "fetch",
  Response: "fetch",
  Headers: "fetch",
  URL: "url",
  AbortSignal: "base",
  AbortController: "base",
}

/** Web classes on the bridge; evaluated when the first of them is passed. */
export default function loadBridge(kernel: Kernel): Record<string, unknown> {
  return { specials: webSpecials(guestClasses(kernel)) }
}

/** The runtime's own classes, whatever the program has put in their places. What is not loaded can have no instances. */
function guestClasses(kernel: Kernel): WebClasses {
  const own = new Map<WebClassName, unknown>()
  const load = (name: WebClassName): unknown => {
    let found = own.get(name)
    if (found === undefined) {
      found = kernel.chunk<Record<string, unknown>>(chunks[name])[name]
      own.set(name, found)
    }
    return found
  }
  return {
    load,
    known: (name) => (kernel.isLoaded(chunks[name]) ? (load(name) as ReturnType<WebClasses["known"]>) : undefined),
  }
}
