import type { Run } from "@mayfly/protocol"
import { decodeGuestValue } from "./decode-guest-value.ts"
import { type HandlerAnswer, toResponse } from "./fetch-run.ts"
import { parseWireResponse, type WireResponse } from "./wire-message.ts"
import type { WorkerResponse } from "../socket/worker-response.ts"
import { withResolvers } from "./with-resolvers.ts"

/** The `decode` of a handler's run: undefined when the response was streamed, and is over. */
export function decodeHandlerResult(text: string): unknown {
  const value = decodeGuestValue(text)
  return value === undefined ? undefined : parseWireResponse(value)
}

/** The response of a handler's run, as soon as its head is there. Rejects with the run's error when it fails before. */
export async function responseOf(
  start: (onAnswer: (answer: HandlerAnswer) => void) => Promise<Run>,
): Promise<WorkerResponse> {
  const { promise, resolve, reject } = withResolvers<HandlerAnswer>()
  start(resolve).then((ended) => {
    if (ended.ok) resolve({ kind: "whole", response: ended.result as WireResponse })
    else reject(ended.error)
  }, reject)
  return toResponse(await promise)
}
