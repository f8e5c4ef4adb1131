import { type ClientRequest, type IncomingMessage, request } from "node:http"
import type { Socket } from "node:net"
import { MayflyError } from "@mayfly/protocol"

const apiVersion = "v1.40"
const timeoutMs = 60_000
const maxAnswerBytes = 16 << 20

export interface EngineAnswer {
  readonly status: number
  readonly body: unknown
}

/** The Engine API over a socket of this machine. The engine is trusted: whoever may speak to it is root here. */
export class EngineClient {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  /** Rejects with `sandbox.unavailable` when there is no engine, and for an answer other than 2xx that `allowed` does not name. */
  async call(
    method: string,
    path: string,
    { body, allowed = [] }: { readonly body?: unknown; readonly allowed?: readonly number[] } = {},
  ): Promise<EngineAnswer> {
    const sent = this.#send(method, path, body === undefined ? undefined : Buffer.from(JSON.stringify(body)))
    const answer = await new Promise<EngineAnswer>((resolve, reject) => {
      sent.once("error", (error) => reject(this.#unreachable(error)))
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      sent.once("response", (response) => readAnswer(response).then(resolve, reject))
    })
    if ((answer.status >= 200 && answer.status < 300) || allowed.includes(answer.status)) return answer
    throw new MayflyError("sandbox.unavailable", `the Docker engine refused ${method} ${path}: ${messageOf(answer)}`)
  }

  /** Turns the connection into one to the main process of a container. Whoever got it destroys it. */
  async attach(id: string): Promise<Socket> {
    const query = "stream=1&stdin=1&stdout=1&stderr=1"
    const sent = this.#send("POST", `/containers/${id}/attach?${query}`, undefined, {
      connection: "Upgrade",
      upgrade: "tcp",
    })
    return new Promise((resolve, reject) => {
      sent.once("error", (error) => reject(this.#unreachable(error)))
      sent.once("response", (response) => {
        response.destroy()
        reject(new MayflyError("sandbox.unavailable", `the Docker engine gave no stream: ${response.statusCode}`))
      })
      sent.once("upgrade", (_response, socket: Socket, head: Buffer) => {
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      })
    })
  }

  #send(
    method: string,
    path: string,
    body: Buffer | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): ClientRequest {
    const content =
      body === undefined ? {} : { "content-type": "application/json", "content-length": String(body.length) }
    const sent = request({
      socketPath: this.#socketPath,
      method,
      path: `/${apiVersion}${path}`,
      headers: { host: "docker", ...headers, ...content },
      agent: false,
    })
    sent.end(body)
    return sent
  }

  #unreachable(error: Error): MayflyError {
    return new MayflyError(
      "sandbox.unavailable",
      `no Docker engine answers at "${this.#socketPath}" (${error.message}); start one, or name its socket`,
      { cause: error },
    )
  }
}

async function readAnswer(response: IncomingMessage): Promise<EngineAnswer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxAnswerBytes) throw new MayflyError("sandbox.unavailable", "the Docker engine gave an endless answer")
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString("utf8")) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function messageOf({ status, body }: EngineAnswer): string {
  const message = typeof body === "object" && body !== null && "message" in body ? body.message : body
  return typeof message === "string" && message !== "" ? message.slice(0, 1_000) : String(status)
}
