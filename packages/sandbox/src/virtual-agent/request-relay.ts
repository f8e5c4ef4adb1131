import { jsonLines } from "../json-lines.ts"
import type { AgentCall } from "../link/agent-link.ts"
import type { GuestRequest, GuestResponse } from "./command-job.ts"

interface Waiting {
  resolve(response: GuestResponse): void
  reject(error: Error): void
}

/** Passes requests to the supervisor as lines of JSON, on a call that stays open. Without that call nothing can be reached. */
export class RequestRelay {
  readonly #waiting = new Map<number, Waiting>()
  #call: AgentCall | undefined
  #nextId = 1

  open(call: AgentCall): void {
    this.#call = call
    call.onCancel = () => call.ok({})
    call.channel.send({ open: true })
    void this.#read(call)
  }

  async send(request: GuestRequest, signal: AbortSignal): Promise<GuestResponse> {
    const call = this.#call
    if (call === undefined) throw new Error("nothing can be reached from here")
    const id = this.#nextId++
    const output = call.channel.writable(1)
    const forget = (): void => {
      output.write(`${JSON.stringify({ id, cancel: true })}\n`)
      this.#waiting.get(id)?.reject(new Error("the request was cancelled"))
    }
    signal.addEventListener("abort", forget, { once: true })
    try {
      return await new Promise<GuestResponse>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject })
        output.write(`${JSON.stringify({ id, request })}\n`)
      })
    } finally {
      signal.removeEventListener("abort", forget)
      this.#waiting.delete(id)
    }
  }

  async #read(call: AgentCall): Promise<void> {
    for await (const line of jsonLines(call.channel.readable(0))) {
      const { id, response, error } = line as { id: number; response?: GuestResponse; error?: string }
      if (response === undefined) this.#waiting.get(id)?.reject(new Error(error ?? "the request was refused"))
      else this.#waiting.get(id)?.resolve(response)
    }
  }
}
