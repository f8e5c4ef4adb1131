import { installedKernel } from "./installed-kernel.ts"

/** See worker/egress-service.ts. */
const egressTarget = -2

/** Asks the supervisor for a connection. Rejects with a TypeError that has the code of what went wrong, as `fetch` does. */
export async function askEgress(method: "webSocket" | "connect", args: readonly unknown[]): Promise<unknown> {
  const kernel = installedKernel()
  const { answer } = kernel.request("call", `${egressTarget}\n${method}\n${kernel.encode(args)}`)
  let text: string
  try {
    text = await answer
  } catch (cause) {
    const { message, code } = cause as { message: string; code?: string }
    const error = new TypeError(message, { cause })
    throw code === undefined ? error : Object.assign(error, { code })
  }
  return kernel.decode(text)
}
