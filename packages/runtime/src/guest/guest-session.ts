import { RpcTarget } from "../bridge/rpc-target.ts"
import { Session, type Specials } from "../bridge/session.ts"
import { expiredStub, failureText, reviveFailure } from "./call-failure.ts"
import type { GuestKernel } from "./guest-kernel.ts"
import type { ChunkName } from "./kernel.ts"

/** The guest's end of the bridge to its parent. Every message leaves through the outbox. */
export function createGuestSession(kernel: GuestKernel): Session {
  const session: Session = new Session({
    wire: {
      call(id, target, method, { text, buffers }) {
        kernel.call(`${target}\n${method}\n${text}`, buffers, (ok, answer, beside) =>
          session.onAnswer(id, ok, answer, beside),
        )
      },
      answer: (id, ok, { text, buffers }) => kernel.outbox.put("A", id, `${ok ? "+" : "-"}${text}`, buffers),
      release: (target, count) => kernel.outbox.put("D", target, `${count}`),
    },
    specials: lazySpecials(kernel),
    isTarget: (value) => value instanceof RpcTarget,
    describe: failureText,
    revive: reviveFailure,
    expired: expiredStub,
    // Finalizers would run outside of the run's turns; what is not disposed goes with the run.
    watch() {},
    stacks: false,
  })
  return session
}

/** Web classes are rare on the bridge: their code is a chunk. What no loaded chunk has made can't be one of them. */
export function lazySpecials(kernel: GuestKernel): Specials {
  const specials = (): Specials => kernel.chunk<{ specials: Specials }>("bridge").specials
  const canHaveSome = (): boolean => makers.some((chunk) => kernel.isLoaded(chunk))
  return {
    export: (value, session) => (canHaveSome() ? specials().export(value, session) : undefined),
    import: (text, session) => specials().import(text, session),
  }
}

const makers: readonly ChunkName[] = ["streams", "fetch", "url", "base", "websocket"]
