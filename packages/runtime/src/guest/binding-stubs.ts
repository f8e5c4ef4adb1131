import { decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { Kernel } from "./kernel.ts"

type Stub = (...args: unknown[]) => Promise<unknown>

/** The parent's `env` inside the guest: data as it is, each function as an async stub that calls the parent. */
export function envFrom(encoded: string, kernel: Kernel): unknown {
  return decodeValue(encoded, { onStub: (name) => stubFor(name, kernel) })
}

function stubFor(name: string, kernel: Kernel): Stub {
  return async (...args) => {
    const payload = `${name}\n${encodeValue(args, { root: "arguments", stacks: false })}`
    return decodeValue(await kernel.request("call", payload).answer)
  }
}
