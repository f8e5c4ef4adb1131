import { RpcTarget } from "../bridge/rpc-target.ts"
import { Session } from "../bridge/session.ts"
import { failureText, reviveFailure } from "./call-failure.ts"
import type { GuestKernel } from "./guest-kernel.ts"

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
    isTarget: (value) => value instanceof RpcTarget,
    describe: failureText,
    revive: reviveFailure,
    // Finalizers would run outside of the run's turns; what is not disposed goes with the run.
    watch() {},
    stacks: false,
  })
  return session
}

async function settle(session: Session, id: number, answer: Promise<string>): Promise<void> {
  try {
    session.onAnswer(id, true, await answer)
  } catch (error) {
    session.onAnswer(id, false, failureText(error))
  }
}
