import { once } from "node:events"
import type { EgressRequest, EgressResponse, HeaderPairs } from "@mayfly/protocol"
import { MayflyError } from "@mayfly/protocol"
import { objectOf, senseless } from "../agent-answer.ts"
import { firstMessage } from "../agent-files.ts"
import { ByteCollector } from "../byte-collector.ts"
import { jsonLines } from "../json-lines.ts"
import type { Channel } from "../link/channel.ts"
import type { SupervisorLink } from "../link/supervisor-link.ts"
import type { SandboxFetch } from "../sandbox-egress.ts"

const maxRequests = 32
const maxHeaders = 200
/** Of one answer: it is held in memory, here and there. */
const maxResponseBytes = 16 << 20

/** Sends what commands ask for through the way out, until the link ends. Everything that comes is untrusted. */
export async function relayRequests(link: SupervisorLink, fetch: SandboxFetch): Promise<void> {
  const channel = link.open({ op: "network" })
  await firstMessage(channel)
  const relay = new Relay(channel, fetch)
  relay.read().catch(() => link.cancel(channel))
}

class Relay {
  readonly #channel: Channel
  readonly #fetch: SandboxFetch
  readonly #underWay = new Map<number, AbortController>()
  /** Answers are written one after the other. */
  #written: Promise<void> = Promise.resolve()

  constructor(channel: Channel, fetch: SandboxFetch) {
    this.#channel = channel
    this.#fetch = fetch
  }

  async read(): Promise<void> {
    try {
      for await (const line of jsonLines(this.#channel.readable(1))) this.#take(objectOf(line))
    } finally {
      for (const abort of this.#underWay.values()) abort.abort()
    }
  }

  #take({ id, request, cancel }: Readonly<Record<string, unknown>>): void {
    if (typeof id !== "number" || !Number.isSafeInteger(id)) throw senseless()
    if (cancel === true) return this.#underWay.get(id)?.abort()
    if (this.#underWay.has(id)) throw senseless()
    if (this.#underWay.size >= maxRequests) return this.#answer({ id, error: `${maxRequests} requests are under way` })
    const abort = new AbortController()
    this.#underWay.set(id, abort)
    void this.#send(id, request, abort.signal).finally(() => this.#underWay.delete(id))
  }

  async #send(id: number, request: unknown, signal: AbortSignal): Promise<void> {
    try {
      const response = await this.#fetch(requestOf(objectOf(request)), signal)
      this.#answer({ id, response: await answerOf(response) })
    } catch (error) {
      this.#answer({ id, error: textOf(error) })
    }
  }

  #answer(answer: Readonly<Record<string, unknown>>): void {
    this.#written = this.#written.then(async () => {
      const sink = this.#channel.writable(0)
      if (sink.destroyed || sink.write(`${JSON.stringify(answer)}\n`)) return
      await Promise.race([once(sink, "drain"), once(sink, "close")]).catch(() => {})
    })
  }
}

function requestOf(request: Readonly<Record<string, unknown>>): EgressRequest {
  const { url, method, headers, body, redirect } = request
  if (typeof url !== "string" || typeof method !== "string" || !/^[A-Z]{1,20}$/.test(method)) throw senseless()
  if (redirect !== "follow" && redirect !== "manual") throw senseless()
  if (body !== null && typeof body !== "string") throw senseless()
  return {
    url,
    method,
    redirect,
    headers: headersOf(headers),
    body: body === null ? null : Buffer.from(body, "base64"),
  }
}

function headersOf(headers: unknown): HeaderPairs {
  if (!Array.isArray(headers) || headers.length > maxHeaders) throw senseless()
  return headers.map((pair: unknown) => {
    const [name, value] = Array.isArray(pair) ? (pair as unknown[]) : []
    if (typeof name !== "string" || typeof value !== "string") throw senseless()
    return [name, value] as const
  })
}

async function answerOf({ status, statusText, headers, url, body }: EgressResponse): Promise<object> {
  const found = new ByteCollector(maxResponseBytes)
  for await (const chunk of body ?? []) {
    found.append(Buffer.from(chunk))
    if (found.isCut)
      throw new MayflyError("mesh.response-too-large", `an answer may have ${maxResponseBytes} bytes here`)
  }
  return { status, statusText, headers, url, body: Buffer.from(found.bytes()).toString("base64") }
}

function textOf(error: unknown): string {
  return error instanceof MayflyError ? `${error.code}: ${error.message}` : "the request failed"
}
