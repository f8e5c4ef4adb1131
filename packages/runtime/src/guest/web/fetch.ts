import { bodyHeaders, takeContent } from "./body.ts"
import { contentBytes } from "./body-content.ts"
import { type GuestReadableStream, loadStreams, type StreamController } from "./guest-streams.ts"
import { headerPairs } from "./headers.ts"
import { installedKernel } from "./installed-kernel.ts"
import { upgradeOf } from "./fetch-upgrade.ts"
import { followedSignal, Request } from "./request.ts"
import { type FetchedResponse, type Response, responseFromFetch } from "./response.ts"

/**
 * https://fetch.spec.whatwg.org/#fetch-method. A body that is a stream is read by the supervisor as the connection takes
 * it; an answer's body comes with its head when it is small and there, else as a stream.
 */
export async function fetch(input: unknown, init: unknown = {}): Promise<Response> {
  const request = new Request(input, init)
  const signal = followedSignal(request)
  signal?.throwIfAborted()
  const upgrade = upgradeOf(request)
  if (upgrade !== null) return untilAborted(signal, { answer: upgrade, cancel: () => undefined })
  const sent: SentBody = {}
  const payload = installedKernel().encode({
    url: request.url,
    method: request.method,
    headers: headerPairs(bodyHeaders(request)),
    body: await untilAborted(signal, { answer: bodyOf(request, sent), cancel: () => undefined }),
    redirect: request.redirect,
  })
  const answer = await untilAborted(signal, startRequest(payload, sent))
  // Ours: the supervisor encodes an EgressResponse.
  const response = installedKernel().decode(answer) as FetchedResponse
  const { body } = response
  if (signal === null || body === null || body instanceof Uint8Array) return responseFromFetch(response)
  return responseFromFetch({ ...response, body: abortable(body, signal) })
}

interface Pending<Answer> {
  readonly answer: Promise<Answer>
  cancel(): void
}

/** What happened to a body that is a stream while it was sent. */
interface SentBody {
  failure?: { readonly error: unknown }
}

async function bodyOf(request: Request, sent: SentBody): Promise<Uint8Array | GuestReadableStream | null> {
  const content = takeContent(request)
  if (content?.kind === "stream") return watched(content.stream, sent)
  return content === null ? null : contentBytes(content)
}

/** Only bytes leave; and the program is told its own error, not what the other side made of it. */
function watched(body: GuestReadableStream, sent: SentBody): GuestReadableStream {
  const reader = body.getReader()
  const next = async (): Promise<{ readonly done: boolean; readonly value?: unknown }> => {
    const read = await reader.read()
    if (read.done || read.value instanceof Uint8Array) return read
    const error = new TypeError("A chunk of the body is not a Uint8Array")
    reader.cancel(error).catch(() => undefined)
    throw error
  }
  return new (loadStreams().ReadableStream)(
    {
      async pull(controller: StreamController) {
        try {
          const { done, value } = await next()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          sent.failure = { error }
          throw error
        }
      },
      cancel: (reason: unknown) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** A signal ends the body of an answer as well, wherever its reader is. */
function abortable(body: GuestReadableStream, signal: AbortSignal): GuestReadableStream {
  const reader = body.getReader()
  let onAbort = (): void => undefined
  const settle = (): void => signal.removeEventListener("abort", onAbort)
  return new (loadStreams().ReadableStream)(
    {
      start(controller: StreamController) {
        onAbort = () => {
          controller.error(signal.reason)
          reader.cancel(signal.reason).catch(() => undefined)
        }
        if (signal.aborted) onAbort()
        else signal.addEventListener("abort", onAbort, { once: true })
      },
      async pull(controller: StreamController) {
        const { done, value } = await reader.read()
        if (done) {
          settle()
          // The signal may have fired meanwhile.
          if (!signal.aborted) controller.close()
        } else controller.enqueue(value)
      },
      cancel(reason: unknown) {
        settle()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

function startRequest(payload: string, sent: SentBody): Pending<string> {
  const pending = installedKernel().request("fetch", payload)
  const rethrow = (cause: unknown): never => {
    if (sent.failure !== undefined) throw sent.failure.error
    return rethrowAsTypeError(cause)
  }
  return { answer: pending.answer.catch(rethrow), cancel: () => pending.cancel() }
}

/** A TypeError as in Node, but with the code of the kernel's error, such as "mesh.denied", for programs to look at. */
function rethrowAsTypeError(cause: unknown): never {
  const { message, code } = cause as { message: string; code?: string }
  const error = new TypeError(message, { cause })
  throw code === undefined ? error : Object.assign(error, { code })
}

/** Cancels and rejects with the signal's reason when it aborts first. The listener is gone when this settles. */
function untilAborted<Answer>(signal: AbortSignal | null, pending: Pending<Answer>): Promise<Answer> {
  if (signal === null) return pending.answer
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      pending.cancel()
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is whatever the program gave
      reject(signal.reason)
    }
    const stopListening = (): void => signal.removeEventListener("abort", onAbort)
    pending.answer.then(resolve, reject).finally(stopListening)
    // The signal may have aborted while the body was collected.
    if (signal.aborted) onAbort()
    else signal.addEventListener("abort", onAbort, { once: true })
  })
}
