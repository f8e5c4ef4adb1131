import { createHmac, timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Duplex } from "node:stream"
import { MayflyError, type Exposure } from "@mayfly/protocol"
import type { LiveSandbox } from "./live-sandbox.ts"
import { carryRequest, carryUpgrade, refuse } from "./preview-carry.ts"

/** Where previews are reached: below which name, and through which port of it. */
export interface PreviewBase {
  readonly scheme: "http" | "https"
  /** Lower case. Every preview is a name of its own below it. */
  readonly host: string
  /** Null: the scheme's own. */
  readonly port: number | null
}

interface Target {
  readonly live: LiveSandbox
  readonly port: number
  readonly token: string
  readonly expiresAt: number | null
  readonly timer: NodeJS.Timeout | undefined
  /** Of those who look at it now. */
  readonly connections: Set<Duplex | ServerResponse>
}

interface Caller {
  readonly outer: Duplex
  /** Its end is that of the call. */
  readonly until: Duplex | ServerResponse
  readonly answer: ServerResponse
}

const maxPerSandbox = 100
const maxConnections = 256
const base32 = "abcdefghijklmnopqrstuvwxyz234567"
const labelShape = /^(\d{1,5})-([a-z0-9-]{1,20})-([a-z2-7]{26})$/

/**
 * Shows ports of sandboxes, each on an origin of its own: `http://PORT-ID-TOKEN.localhost:…`. HTTP and WebSocket. The sandbox gains no network:
 * each request is carried in. It has a server of its own on this machine's loopback, unless another one hands it the requests that are meant for it.
 * A token is an HMAC over sandbox, port and end: an address stays the same when it is exposed again, until it was taken back.
 */
export class Previews {
  /** By what is no secret of their names. */
  readonly #targets = new Map<string, Target[]>()
  #secret: Buffer | undefined
  #base: PreviewBase | undefined
  #ownBase: PreviewBase | undefined
  #server: Server | undefined
  #listening: Promise<PreviewBase> | undefined

  /** @internal Before the first `expose`. */
  open(secret: Buffer): void {
    this.#secret = secret
  }

  /** From now on addresses are of this form, and a server hands over what `isFor` says is meant for a preview. */
  attach(base: PreviewBase): void {
    this.#base = base
  }

  /** Whether a request with this Host header is for a preview, one that is there or not. */
  isFor(host: string | undefined): boolean {
    return this.#labelOf(host) !== undefined
  }

  async expose(live: LiveSandbox, port: number, ttlMs: number | null): Promise<Exposure> {
    const base = this.#base ?? (await this.#listen())
    const known = this.#of(live)
    const same = known.find((target) => target.port === port && target.expiresAt === null)
    if (ttlMs === null && same !== undefined) return exposureOf(same, base)
    if (known.length >= maxPerSandbox)
      throw new MayflyError("sandbox.limit", `a sandbox may show ${maxPerSandbox} ports; unexpose some`)
    const expiresAt = ttlMs === null ? null : Date.now() + ttlMs
    const { key, previewEpoch = 0 } = live.record
    const token = this.#token(`${key}:${previewEpoch}:${port}:${expiresAt ?? "always"}`)
    const timer = ttlMs === null ? undefined : setTimeout(() => this.#remove(target), ttlMs).unref()
    const target: Target = { live, port, token, expiresAt, timer, connections: new Set() }
    const name = nameOf(live, port)
    this.#targets.set(name, [...(this.#targets.get(name) ?? []), target])
    return exposureOf(target, base)
  }

  list(live: LiveSandbox): readonly Exposure[] {
    const base = this.#base ?? this.#ownBase
    return base === undefined ? [] : this.#of(live).map((target) => exposureOf(target, base))
  }

  /** Ends those who look at it, too. Gives whether there was one. A port that is not exposed is fine. */
  unexpose(live: LiveSandbox, port?: number): boolean {
    const ended = this.#of(live).filter((target) => port === undefined || target.port === port)
    for (const target of ended) this.#remove(target)
    return ended.length > 0
  }

  /** Answers a request, whoever sent it. Never rejects. */
  async answer(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const target = this.#find(incoming, answer)
    if (target === undefined) return
    const connection = await this.#connect(target, { outer: incoming.socket, until: answer, answer })
    if (connection !== undefined) carryRequest(incoming, answer, connection, target)
  }

  /** The same for a request that asks for another protocol. */
  async upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => {})
    const answer = new ServerResponse(incoming)
    answer.shouldKeepAlive = false
    answer.assignSocket(socket as Socket)
    answer.once("finish", () => socket.end())
    const target = this.#find(incoming, answer)
    if (target === undefined) return
    const connection = await this.#connect(target, { outer: socket, until: socket, answer })
    if (connection !== undefined) carryUpgrade(incoming, { socket, head, answer }, connection, target)
  }

  async close(): Promise<void> {
    for (const target of [...this.#targets.values()].flat()) this.#remove(target)
    const server = this.#server
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  #listen(): Promise<PreviewBase> {
    return (this.#listening ??= new Promise((resolve, reject) => {
      const server = createServer((incoming, answer) => void this.answer(incoming, answer))
      this.#server = server
      server.on("upgrade", (incoming, socket, head) => void this.upgrade(incoming, socket, head))
      server.once("error", reject)
      server.listen(0, "127.0.0.1", () => {
        server.unref()
        this.#ownBase = { scheme: "http", host: "localhost", port: (server.address() as AddressInfo).port }
        resolve(this.#ownBase)
      })
    }))
  }

  #token(text: string): string {
    if (this.#secret === undefined) throw new Error("previews have no secret yet")
    const bytes = createHmac("sha256", this.#secret).update(text).digest()
    return Array.from(bytes.subarray(0, 26), (byte) => base32[byte & 31]).join("")
  }

  #of(live: LiveSandbox): readonly Target[] {
    return [...this.#targets.values()].flat().filter((target) => target.live === live)
  }

  #remove(target: Target): void {
    clearTimeout(target.timer)
    const name = nameOf(target.live, target.port)
    const rest = (this.#targets.get(name) ?? []).filter((other) => other !== target)
    if (rest.length > 0) this.#targets.set(name, rest)
    else this.#targets.delete(name)
    // Who has no answer yet gets one; what has begun can only be cut.
    for (const connection of target.connections)
      if (connection instanceof ServerResponse) refuseEnded(connection)
      else connection.destroy()
  }

  #labelOf(host: string | undefined): RegExpExecArray | undefined {
    const [name = ""] = (host ?? "").toLowerCase().split(":")
    const base = `.${(this.#base ?? this.#ownBase)?.host ?? "localhost"}`
    if (!name.endsWith(base)) return undefined
    return labelShape.exec(name.slice(0, -base.length)) ?? undefined
  }

  #find(incoming: IncomingMessage, answer: ServerResponse): Target | undefined {
    const [, port, id, token = ""] = this.#labelOf(incoming.headers.host) ?? []
    const given = Buffer.from(token)
    // However much of the token is right: the answer takes the same time.
    const target = (this.#targets.get(`${port}-${id}`) ?? []).filter((one) => {
      const known = Buffer.from(one.token)
      return known.length === given.length && timingSafeEqual(known, given)
    })[0]
    if (target === undefined) refuseEnded(answer)
    return target
  }

  /** Undefined when it was refused. */
  async #connect(target: Target, { outer, until, answer }: Caller): Promise<Duplex | undefined> {
    if (target.connections.size >= maxConnections) {
      refuse(answer, 503, `${maxConnections} connections look at this preview already.`)
      return undefined
    }
    // Until it has its answer only: a proxy's connection goes on to other previews.
    target.connections.add(until)
    until.once("close", () => target.connections.delete(until))
    // Gone, or told that the preview ended.
    const isOver = (): boolean => outer.destroyed || until.writableEnded
    try {
      const lease = await target.live.use()
      if (isOver()) lease[Symbol.dispose]()
      else until.once("close", () => lease[Symbol.dispose]())
      const connection = await lease.sandbox.connect(target.port)
      connection.on("error", () => {})
      if (!isOver()) return connection
      connection.destroy()
    } catch {
      refuse(answer, 502, `Nothing answers on port ${target.port} of the sandbox.`)
    }
    return undefined
  }
}

function refuseEnded(answer: ServerResponse): void {
  refuse(answer, 404, "There is no such preview, or it has ended.")
}

function nameOf({ record }: LiveSandbox, port: number): string {
  return `${port}-${record.id.slice(0, 20)}`
}

function exposureOf({ live, port, token, expiresAt }: Target, base: PreviewBase): Exposure {
  const outer = base.port === null ? "" : `:${base.port}`
  return { port, token, expiresAt, url: `${base.scheme}://${nameOf(live, port)}-${token}.${base.host}${outer}/` }
}
