import type { ServerResponse } from "node:http"
import type { Context } from "hono"

/**
 * An answer whose body is still on its way when its handler is done. It ends with the key. A body that fails ends the connection, so that nobody takes
 * what has come for the whole; why it failed is a program's own text, and goes neither to the reader nor, as the adapter would have it, to our stderr.
 */
export function carryBody(c: Context, response: Response, ended: AbortSignal): Response {
  if (response.body === null) return response
  const { outgoing } = (c.env ?? {}) as { readonly outgoing?: ServerResponse }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const cut = (): void => {
    outgoing?.destroy()
    reader.cancel(ended.reason).catch(() => {})
  }
  const leave = (): void => ended.removeEventListener("abort", cut)
  ended.addEventListener("abort", cut, { once: true })
  if (ended.aborted) cut()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await reader.read().catch((error: unknown) => {
        // Read by ourselves: there is no connection to cut.
        if (outgoing === undefined) throw error
        outgoing.destroy()
      })
      if (next?.done === false) return controller.enqueue(next.value)
      leave()
      controller.close()
    },
    async cancel(reason) {
      leave()
      await reader.cancel(reason)
    },
  })
  return new Response(body, response)
}
