import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import { takeSocket, type WorkerResponse } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { type Address, bind } from "../bind.ts"
import { errorBody, publicError } from "../error-response.ts"
import { KeptRequest } from "./kept-request.ts"
import { requestOf } from "./node-request.ts"
import { sendResponse } from "./send-response.ts"
import type { ServedWorker } from "./served-worker.ts"
import { UpgradeAttempt } from "./upgrade-attempt.ts"
import { hasBody, isWebSocketUpgrade } from "./web-socket-handshake.ts"
import { checkWorkerHost, checkWorkerOrigin } from "./worker-host.ts"
import { type SocketLimits, WorkerSockets } from "./worker-sockets.ts"

export interface WorkerListenOptions extends Address {
  /** Further names by which the worker may be called. `*` stands for any. */
  readonly allowedHosts?: readonly string[]
  /** Largest request body. Default 100 MiB, as at Cloudflare. */
  readonly maxBodyBytes?: number
  /** Bounds of WebSockets. */
  readonly sockets?: SocketLimits
  /** Told of requests that the worker failed at. */
  readonly onFailure: (what: string, error: unknown) => void
}

/** A bound address. Requests wait until there is a worker to serve them. */
export interface WorkerListener {
  readonly url: string
  serve(worker: ServedWorker): void
  /** Lets requests and `waitUntil` finish for a few seconds, aborts the rest, closes. Takes less than 5 s. Calling twice is safe. */
  stop(): Promise<void>
}

const maxConnections = 8_192
const drainMs = 2_500
const abortMs = 700

/** Binds the address of a served worker. Rejects with `platform.port-in-use`, or `input.invalid` for an address that is not ours. */
export async function listenForWorker(options: WorkerListenOptions): Promise<WorkerListener> {
  const front = new WorkerFront(options)
  // A request may take long to arrive: bodies stream. Its headers may not.
  const server = createServer({
    headersTimeout: 10_000,
    requestTimeout: 0,
    connectionsCheckingInterval: 1_000,
    shouldUpgradeCallback: isWebSocketUpgrade,
  })
  server.maxConnections = maxConnections
  server.on("request", (message, response) => void front.handle(message, response))
  server.on("upgrade", (message, socket, head) => front.upgrade(message, socket as Socket, head))
  const fix = "Stop what listens there, or choose another --worker-port."
  const { url } = await bind(server, options, fix)
  let stopped: Promise<void> | undefined
  return { url, serve: (worker) => front.serve(worker), stop: () => (stopped ??= front.stop(server)) }
}

/** Stands between sockets and the worker. */
class WorkerFront {
  readonly #served = Promise.withResolvers<ServedWorker>()
  readonly #options: WorkerListenOptions
  readonly #underWay = new Map<ServerResponse, AbortController>()
  readonly #sockets: WorkerSockets
  #worker: ServedWorker | undefined
  #isStopping = false

  constructor(options: WorkerListenOptions) {
    this.#options = options
    this.#sockets = new WorkerSockets(options.sockets)
  }

  serve(worker: ServedWorker): void {
    this.#worker = worker
    this.#served.resolve(worker)
  }

  /** Never throws. */
  upgrade(message: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", () => {})
    // A client has to wait for the answer. Before Node 24.9 other upgrades come here too, whose body nobody could read.
    if (head.length > 0 || hasBody(message)) return void socket.destroy()
    try {
      const attempt = new UpgradeAttempt(message, socket, this.#sockets)
      void this.handle(message, attempt.response, isWebSocketUpgrade(message) ? attempt : undefined)
    } catch {
      // Requests are answered in order, and there is one before it.
      socket.destroy()
    }
  }

  /** Never rejects. */
  async handle(message: IncomingMessage, response: ServerResponse, attempt?: UpgradeAttempt): Promise<void> {
    const client = new AbortController()
    this.#underWay.set(response, client)
    response.once("close", () => {
      this.#underWay.delete(response)
      if (!response.writableFinished) client.abort(new DOMException("the client has gone away", "AbortError"))
    })
    if (this.#isStopping) response.shouldKeepAlive = false
    const kept = new KeptRequest(message)
    response.once("close", () => kept[Symbol.dispose]())
    const request = this.#admit(message, response, { signal: client.signal, kept }, attempt)
    if (request === undefined) return
    try {
      const worker = this.#worker ?? (await this.#served.promise)
      const answer = await worker.fetch(request, kept)
      if (isUpgrade(answer)) this.#open(answer, response, attempt)
      else await sendResponse(answer, response, message.method === "HEAD")
    } catch (error) {
      this.#fail(message, response, error)
    }
  }

  #open(answer: Upgraded, response: ServerResponse, attempt: UpgradeAttempt | undefined): void {
    if (attempt === undefined || response.destroyed || this.#isStopping) {
      // Whoever holds the other side must not wait for one who never comes.
      takeSocket(answer.webSocket).close({ code: 1001, reason: "" })
      throw new TypeError("the worker answered with a WebSocket to a request that did not ask for one")
    }
    attempt.complete(answer)
    this.#underWay.delete(response)
  }

  /** Undefined when it was refused: then the client has its answer. */
  #admit(
    message: IncomingMessage,
    response: ServerResponse,
    given: { readonly signal: AbortSignal; readonly kept: KeptRequest },
    attempt: UpgradeAttempt | undefined,
  ): Request | undefined {
    const { maxBodyBytes = 100 << 20 } = this.#options
    try {
      checkWorkerHost(message.headers, this.#options)
      if (attempt !== undefined) {
        checkWorkerOrigin(message.headers, this.#options)
        attempt.check()
      }
      return requestOf(message, { maxBodyBytes, ...given })
    } catch (error) {
      answerError(response, publicError(error), newRequestId())
      return undefined
    }
  }

  #fail(message: IncomingMessage, response: ServerResponse, error: unknown): void {
    // Whoever has gone away hears no more; what that broke in the worker is no news either.
    if (response.destroyed) return
    const requestId = newRequestId()
    const known = this.#isStopping ? new MayflyError("worker.aborted", "the server stops") : workerError(error)
    if (known.code === "server.worker-failed")
      this.#options.onFailure(`${message.method} ${message.url} (${requestId})`, error)
    // Half an answer must not look like a whole one.
    if (response.headersSent) response.destroy()
    else answerError(response, known, requestId)
  }

  async stop(server: Server): Promise<void> {
    this.#isStopping = true
    for (const response of this.#underWay.keys()) response.shouldKeepAlive = false
    this.#sockets.closeAll(1001, "the server stops")
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const settled = closed.then(() => this.#worker?.settle())
    if (await endsWithin(settled, drainMs)) return
    for (const client of this.#underWay.values()) client.abort(new DOMException("the server stops", "AbortError"))
    if (await endsWithin(settled, abortMs)) return
    server.closeAllConnections()
    this.#sockets.destroyAll()
  }
}

type Upgraded = WorkerResponse & { readonly webSocket: NonNullable<WorkerResponse["webSocket"]> }

function isUpgrade(answer: Response): answer is Upgraded {
  return answer.status === 101 && "webSocket" in answer && answer.webSocket !== null
}

/** What the client is told: everything but the worker's own words. */
function workerError(error: unknown): MayflyError {
  const isRefusal = error instanceof MayflyError && ["server.too-large", "server.no-worker"].includes(error.code)
  if (isRefusal) return error
  return new MayflyError("server.worker-failed", "the worker failed at this request", { cause: error })
}

function answerError(response: ServerResponse, error: MayflyError, requestId: string): void {
  // What is left of the request's body would have to be read before the connection could be used again.
  const headers = { "content-type": "application/json", "x-request-id": requestId, connection: "close" }
  response.strictContentLength = false
  response.writeHead(error.status, headers)
  response.end(response.req.method === "HEAD" ? undefined : JSON.stringify(errorBody(error, requestId)))
}

function newRequestId(): string {
  return `req_${crypto.randomUUID().replaceAll("-", "")}`
}

async function endsWithin(end: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false)
  const isEnded = await Promise.race([end.then(() => true), late])
  timer.abort()
  return isEnded
}
