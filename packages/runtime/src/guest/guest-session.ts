import { RpcTarget } from "../bridge/rpc-target.ts"
import { Session } from "../bridge/session.ts"
import { type WebClasses, type WebClassName, webSpecials } from "../bridge/web-specials.ts"
import { failureText, reviveFailure } from "./call-failure.ts"
import type { GuestKernel } from "./guest-kernel.ts"
import type { ChunkName } from "./kernel.ts"

/** The guest's end of the bridge to its parent. Every message leaves through the outbox. */
export function createGuestSession(kernel: GuestKernel): Session {
  const session: Session = new Session({
    wire: {
      call(id, target, method, args) {
        const { answer } = kernel.request("call", `${target}\n${method}\n${args}`)
        void settle(session, id, answer)
      },
      answer: (id, ok, text) => kernel.outbox.put("A", id, `${ok ? "+" : "-"}${text}`),
      release: (target, count) => kernel.outbox.put("D", target, `${count}`),
    },
    specials: webSpecials(guestClasses(kernel)),
    isTarget: (value) => value instanceof RpcTarget,
    describe: failureText,
    revive: reviveFailure,
    // Finalizers would run outside of the run's turns; what is not disposed goes with the run.
    watch() {},
    stacks: false,
  })
  kernel.session = session
  return session
}

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

/** The runtime's own classes, whatever the program has put in their places. What is not loaded can have no instances. */
function guestClasses(kernel: GuestKernel): WebClasses {
  const own = new Map<WebClassName, unknown>()
  const load = (name: WebClassName): unknown => {
    let found = own.get(name)
    if (found === undefined) {
      const exports = kernel.chunk<Record<string, unknown>>(chunks[name])
      found = exports[name] ?? (globalThis as Record<string, unknown>)[name]
      own.set(name, found)
    }
    return found
  }
  return {
    load,
    known: (name) => (kernel.isLoaded(chunks[name]) ? (load(name) as ReturnType<WebClasses["known"]>) : undefined),
  }
}

async function settle(session: Session, id: number, answer: Promise<string>): Promise<void> {
  try {
    session.onAnswer(id, true, await answer)
  } catch (error) {
    session.onAnswer(id, false, failureText(error))
  }
}
