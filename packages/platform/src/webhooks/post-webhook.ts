import { request as requestHttp } from "node:http"
import { request as requestHttps } from "node:https"

export interface WebhookPost {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Ends the attempt. */
  readonly signal: AbortSignal
}

/**
 * The status that the receiver answers with, once its answer is over; of its body nothing is kept. Node's own client follows no redirect.
 * Rejects when there is no answer.
 */
export function postWebhook(url: URL, { headers, body, signal }: WebhookPost): Promise<number> {
  const send = url.protocol === "https:" ? requestHttps : requestHttp
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const given = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)), ...headers }
  const request = send(url, { method: "POST", headers: { "user-agent": "mayfly", ...given }, signal, agent: false })
  let status: number | undefined
  request.on("error", (error) => (status === undefined ? reject(error) : resolve(status)))
  request.once("response", (response) => {
    const answered = (status = response.statusCode ?? 0)
    let bytes = 0
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxAnswerBytes) request.destroy()
    })
    response.on("error", () => {})
    response.once("close", () => resolve(answered))
  })
  request.end(body)
  return promise
}

const maxAnswerBytes = 64 << 10
