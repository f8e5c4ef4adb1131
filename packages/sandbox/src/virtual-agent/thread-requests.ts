import type { SecureFetch } from "just-bash"
import type { FromThread, GuestResponse } from "./command-job.ts"

interface Waiting {
  resolve(response: GuestResponse): void
  reject(error: Error): void
}

/** Requests of a thread's commands: they go to the supervisor, which decides. */
export class ThreadRequests {
  readonly #tell: (message: FromThread) => void
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1

  constructor(tell: (message: FromThread) => void) {
    this.#tell = tell
  }

  readonly fetch: SecureFetch = async (url, options = {}) => {
    const { method = "GET", headers = {}, body, followRedirects = false, signal, timeoutMs } = options
    const response = await this.#send(
      {
        url,
        method,
        headers: [...new Headers(headers)],
        body: body === undefined ? null : Buffer.from(body).toString("base64"),
        redirect: followRedirects ? "follow" : "manual",
      },
      limited(signal, timeoutMs),
    )
    return { ...response, headers: Object.fromEntries(response.headers), body: Buffer.from(response.body, "base64") }
  }

  answer(id: number, response: GuestResponse): void {
    this.#waiting.get(id)?.resolve(response)
  }

  refuse(id: number, message: string): void {
    this.#waiting.get(id)?.reject(new Error(message))
  }

  async #send(
    request: Extract<FromThread, { kind: "request" }>["request"],
    signal: AbortSignal | undefined,
  ): Promise<GuestResponse> {
    const id = this.#nextId++
    const forget = (): void => {
      this.#waiting.get(id)?.reject(new Error("the request took too long"))
      this.#tell({ kind: "forget", id })
    }
    signal?.addEventListener("abort", forget, { once: true })
    try {
      return await new Promise<GuestResponse>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        this.#tell({ kind: "request", id, request })
      })
    } finally {
      signal?.removeEventListener("abort", forget)
      this.#waiting.delete(id)
    }
  }
}

function limited(signal: AbortSignal | undefined, timeoutMs: number | undefined): AbortSignal | undefined {
  const timeout = timeoutMs === undefined || timeoutMs <= 0 ? undefined : AbortSignal.timeout(timeoutMs)
  if (signal === undefined || timeout === undefined) return signal ?? timeout
  return AbortSignal.any([signal, timeout])
}
