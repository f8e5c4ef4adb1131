import { MayflyError } from "@mayfly/protocol"
import type { RunWebSocket } from "../socket/run-web-socket.ts"
import { WorkerResponse } from "../socket/worker-response.ts"
import { decodeGuestValue } from "./decode-guest-value.ts"
import type { RunRecord } from "./run-record.ts"
import { parseWireResponse, responseFromWire, type WireResponse } from "./wire-message.ts"

/** A handler's answer: whole, or a head with a body that is still written. */
export type HandlerAnswer =
  | { readonly kind: "whole"; readonly response: WireResponse }
  | { readonly kind: "upgraded"; readonly response: WireResponse; readonly webSocket: RunWebSocket }
  | { readonly kind: "streamed"; readonly response: WireResponse; readonly body: ReadableStream<Uint8Array> }

/** A streamed response's head; its body is read from the guest as the reader asks. Throws when the head makes no sense. */
export function streamedAnswer(head: string, stream: number, record: RunRecord, outputBytes: number): HandlerAnswer {
  const response = parseWireResponse({ ...(decodeGuestValue(head) as object), body: new Uint8Array() })
  if (response.status === 101) return { kind: "upgraded", response, webSocket: record.session.webSocket(stream) }
  const body = record.session.readable(stream).pipeThrough(boundedBytes(outputBytes)).pipeThrough(redactedBytes(record))
  return { kind: "streamed", response, body }
}

/** Only bytes, and no more of them than `outputBytes`. */
function boundedBytes(outputBytes: number): TransformStream<unknown, Uint8Array> {
  let total = 0
  return new TransformStream({
    transform(chunk, controller) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("a chunk of the response is not a Uint8Array")
      total += chunk.byteLength
      if (total > outputBytes) throw outputError(total, outputBytes)
      controller.enqueue(chunk)
    },
  })
}

/** For how long the end of a body is held back, which might be the beginning of a secret, when nothing more comes. */
const holdMs = 500

/** Without secrets, also where one is split between chunks. */
function redactedBytes(record: RunRecord): TransformStream<Uint8Array, Uint8Array> {
  const stream = record.redactor("result")?.stream()
  if (stream === undefined) return new TransformStream()
  let timer: NodeJS.Timeout | undefined
  const release = (controller: TransformStreamDefaultController<Uint8Array>): void => {
    try {
      controller.enqueue(new Uint8Array(stream.flush()))
    } catch {
      // Nobody reads any more.
    }
  }
  return new TransformStream({
    transform(chunk, controller) {
      clearTimeout(timer)
      const safe = stream.push(chunk)
      if (safe.length > 0) controller.enqueue(new Uint8Array(safe))
      if (stream.isHolding) timer = setTimeout(() => release(controller), holdMs)
    },
    flush(controller) {
      clearTimeout(timer)
      const rest = stream.end()
      if (rest.length > 0) controller.enqueue(new Uint8Array(rest))
    },
    cancel: () => clearTimeout(timer),
  })
}

function outputError(used: number, value: number): MayflyError {
  const message = `the run used ${used} bytes of output; limits.outputBytes is ${value}`
  return new MayflyError("worker.output-limit", message, { details: { limit: "outputBytes", value, used } })
}

export function toResponse(answer: HandlerAnswer): WorkerResponse {
  if (answer.kind === "whole") return responseFromWire(answer.response)
  const { status, statusText, headers: given } = answer.response
  const headers = given.map(([name, value]): [string, string] => [name, value])
  if (answer.kind === "upgraded")
    return new WorkerResponse(null, { status, statusText, headers, webSocket: answer.webSocket })
  return new WorkerResponse(answer.body, { status, statusText, headers })
}

/** The answer with its whole body. Throws `worker.unsupported` for a WebSocket. */
export async function collectAnswer(answer: HandlerAnswer): Promise<WireResponse> {
  if (answer.kind === "whole") return answer.response
  if (answer.kind === "upgraded") {
    // Nobody could use it.
    answer.webSocket.accept()
    answer.webSocket.close(1001, "the caller takes no WebSocket")
    throw new MayflyError("worker.unsupported", "the handler answered with a WebSocket, which this call can't take", {
      fix: "Call worker.fetch, or serve a worker that passes the response on.",
    })
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of answer.body) chunks.push(chunk)
  return { ...answer.response, body: Buffer.concat(chunks) }
}
