import { bodyHeaders, takeContent } from "./body.ts"
import { contentBytes } from "./body-content.ts"
import { headerPairs } from "./headers.ts"
import { installedKernel } from "./installed-kernel.ts"
import { followedSignal, Request } from "./request.ts"
import { type FetchedResponse, type Response, responseFromFetch } from "./response.ts"

/** https://fetch.spec.whatwg.org/#fetch-method, with bodies buffered in both directions. */
export async function fetch(input: unknown, init: unknown = {}): Promise<Response> {
  const request = new Request(input, init)
  const signal = followedSignal(request)
  signal?.throwIfAborted()
  const payload = installedKernel().encode({
    url: request.url,
    method: request.method,
    headers: headerPairs(bodyHeaders(request)),
    body: await untilAborted(signal, { answer: bodyOf(request), cancel: () => undefined }),
    redirect: request.redirect,
  })
  const answer = await untilAborted(signal, startRequest(payload))
  // Ours: the supervisor encodes an EgressResponse.
  return responseFromFetch(installedKernel().decode(answer) as FetchedResponse)
}

interface Pending<Answer> {
  readonly answer: Promise<Answer>
  cancel(): void
}

async function bodyOf(request: Request): Promise<Uint8Array | null> {
  const content = takeContent(request)
  return content === null ? null : contentBytes(content)
}

function startRequest(payload: string): Pending<string> {
  const pending = installedKernel().request("fetch", payload)
  return { answer: pending.answer.catch(rethrowAsTypeError), cancel: () => pending.cancel() }
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
