import { createHmac } from "node:crypto"
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import type { LiveSandbox } from "./live-sandbox.ts"

export interface Exposure {
  readonly port: number
  /** The credential is in it: whoever has it reaches the port. */
  readonly url: string
  readonly token: string
  readonly expiresAt: number | null
}

interface Target {
  readonly live: LiveSandbox
  readonly port: number
  readonly expiresAt: number | null
}

const maxExposures = 10_000
const base32 = "abcdefghijklmnopqrstuvwxyz234567"
/** The longest that a sandbox's server may take for its head. */
const answerMs = 60_000

/**
 * Shows ports of sandboxes, each on an origin of its own: `http://PORT-ID-TOKEN.localhost:…`. HTTP and WebSocket. The sandbox gains no network:
 * each request is carried in. A token is an HMAC over sandbox, port and end, so an address stays the same when it is exposed again.
 */
export class PreviewServer {
  readonly #secret: Buffer
  readonly #server: Server
  readonly #targets = new Map<string, Target>()
  #listening: Promise<number> | undefined

  constructor(secret: Buffer) {
    this.#secret = secret
    this.#server = createServer((incoming, answer) => void this.#answer(incoming, answer))
    this.#server.on("upgrade", (incoming, socket, head) => void this.#upgrade(incoming, socket, head))
  }

  async expose(live: LiveSandbox, port: number, ttlMs: number | null): Promise<Exposure> {
    for (const [token, { expiresAt }] of this.#targets)
      if (expiresAt !== null && expiresAt <= Date.now()) this.#targets.delete(token)
    const oldest = this.#targets.keys().next().value
    if (this.#targets.size >= maxExposures && oldest !== undefined) this.#targets.delete(oldest)
    const expiresAt = ttlMs === null ? null : Date.now() + ttlMs
    const token = this.#token(`${live.record.key}:${port}:${expiresAt ?? "always"}`)
    this.#targets.set(token, { live, port, expiresAt })
    const label = `${port}-${live.record.id.slice(0, 20)}-${token}`
    return { port, token, expiresAt, url: `http://${label}.localhost:${await this.#listen()}/` }
  }

  /** A port that is not exposed is fine. */
  unexpose(live: LiveSandbox, port?: number): void {
    for (const [token, target] of this.#targets)
      if (target.live === live && (port === undefined || target.port === port)) this.#targets.delete(token)
  }

  async close(): Promise<void> {
    this.#targets.clear()
    if (this.#listening === undefined) return
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #listen(): Promise<number> {
    return (this.#listening ??= new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(0, "127.0.0.1", () => {
        this.#server.unref()
        resolve((this.#server.address() as AddressInfo).port)
      })
    }))
  }

  #token(text: string): string {
    const bytes = createHmac("sha256", this.#secret).update(text).digest()
    return Array.from(bytes.subarray(0, 26), (byte) => base32[byte & 31]).join("")
  }

  #target(incoming: IncomingMessage): Target | undefined {
    const token = /^\d{1,5}-[a-z0-9-]+-([a-z2-7]{26})\.localhost(?::\d+)?$/.exec(incoming.headers.host ?? "")?.[1]
    const target = this.#targets.get(token ?? "")
    if (target === undefined || (target.expiresAt !== null && target.expiresAt <= Date.now())) return undefined
    return target
  }

  async #answer(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const target = this.#target(incoming)
    if (target === undefined) return refuse(answer, 404, "There is no such preview, or it has ended.")
    try {
      const lease = await target.live.use()
      answer.once("close", () => lease[Symbol.dispose]())
      const connection = await lease.sandbox.connect(target.port)
      carry(incoming, answer, connection, target.port)
    } catch {
      refuse(answer, 502, `Nothing answers on port ${target.port} of the sandbox.`)
    }
  }

  async #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => {})
    const target = this.#target(incoming)
    if (target === undefined) return void socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
    try {
      const lease = await target.live.use()
      socket.once("close", () => lease[Symbol.dispose]())
      const connection = await lease.sandbox.connect(target.port)
      connection.on("error", () => socket.destroy())
      socket.on("close", () => connection.destroy())
      connection.write(headOf(incoming, target.port))
      if (head.length > 0) connection.write(head)
      connection.pipe(socket)
      socket.pipe(connection)
    } catch {
      socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
    }
  }
}

function carry(incoming: IncomingMessage, answer: ServerResponse, connection: Duplex, port: number): void {
  const agent = new Agent({ keepAlive: false })
  const inner = request({
    method: incoming.method,
    path: incoming.url,
    headers: innerHeaders(incoming, port),
    agent: Object.assign(agent, { createConnection: () => connection }),
  })
  const late = setTimeout(() => inner.destroy(), answerMs)
  inner.on("close", () => clearTimeout(late))
  inner.on("response", (response) => {
    clearTimeout(late)
    try {
      answer.writeHead(response.statusCode ?? 502, outerHeaders(response))
    } catch {
      // Node reads heads that it would not write.
      response.destroy()
      return refuse(answer, 502, `The server on port ${port} of the sandbox gave no proper answer.`)
    }
    response.on("error", () => answer.destroy())
    response.pipe(answer)
  })
  inner.on("error", () => refuse(answer, 502, `The server on port ${port} of the sandbox broke off.`))
  answer.once("close", () => inner.destroy())
  incoming.pipe(inner)
}

/** The token is a credential: neither the name nor where it was linked from goes in. */
function innerHeaders(incoming: IncomingMessage, port: number): Record<string, string | string[]> {
  const kept = Object.entries(incoming.headersDistinct).flatMap(([name, values]) =>
    values === undefined || ["host", "referer", "connection"].includes(name) ? [] : [[name, values] as const],
  )
  return { ...Object.fromEntries(kept), host: `localhost:${port}` }
}

/** A cookie stays on its own origin: with a domain it would reach other previews, and whatever else is called localhost. */
function outerHeaders({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.map((text, index) =>
    index % 2 === 1 && /^set-cookie$/i.test(rawHeaders[index - 1] ?? "")
      ? text.replaceAll(/;\s*domain=[^;]*/gi, "")
      : text,
  )
}

function headOf(incoming: IncomingMessage, port: number): string {
  const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`]
  const { rawHeaders } = incoming
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ""
    if (/^referer$/i.test(name)) continue
    lines.push(`${name}: ${/^host$/i.test(name) ? `localhost:${port}` : rawHeaders[index + 1]}`)
  }
  return `${lines.join("\r\n")}\r\n\r\n`
}

function refuse(answer: ServerResponse, status: number, text: string): void {
  if (answer.headersSent) return void answer.destroy()
  answer.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`)
}
