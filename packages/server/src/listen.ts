import { createServer, type ServerOptions } from "node:http"
import type { Socket } from "node:net"
import type { Previews } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { bind } from "./bind.ts"
import { answerClientError } from "./client-error.ts"
import type { ServerApp } from "./create-server.ts"
import { bareError, publicError } from "./error-response.ts"
import { type ServerLog, stderrLog, unexpected } from "./server-log.ts"
import { ApiSockets } from "./sockets/api-sockets.ts"
import { UnderWay } from "./under-way.ts"
import { isWebSocketUpgrade } from "./worker/web-socket-handshake.ts"

export interface ListenOptions {
  readonly port: number
  readonly host: string
  /** How long a request may take to send its headers. Default 10 s. */
  readonly headersTimeoutMs?: number
  /** How long it may take to arrive whole, uploads too. Default one hour; JSON bodies have a limit of their own. */
  readonly requestTimeoutMs?: number
  /** Default: defects only, as JSON lines on stderr. */
  readonly log?: ServerLog
  /** How long a client may leave what was sent to it unread. Default 10 minutes. */
  readonly stallMs?: number
}

export interface Listener {
  readonly url: string
  readonly port: number
  /** Hands requests to the app, those too that have waited for it, and those for previews of sandboxes to these. */
  serve(app: ServerApp, previews?: Previews): void
  /** Resolves when no request is under way; WebSockets are none. */
  idle(): Promise<void>
  /** Takes no more connections, and says goodbye on WebSockets; resolves when all have ended. Calling twice is safe. */
  close(): Promise<void>
  /** Cuts all connections. */
  destroy(): void
}

const maxConnections = 8_192
const defaultStallMs = 600_000

/**
 * Binds the address; requests wait until there is an app to serve them. An address that is taken is found out before anything is started for it.
 * Rejects with `platform.port-in-use`, or `input.invalid` for an address that is not ours.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  // Loaded here, so that those who never listen do not wait for it.
  const { getRequestListener } = await import("@hono/node-server")
  const { promise: app, resolve: serve } = Promise.withResolvers<ServerApp>()
  const listener = getRequestListener(async (request, env) => (await app).fetch(request, env), {
    errorHandler: (cause) => malformed(cause, options.log ?? stderrLog),
    overrideGlobalObjects: false,
  })
  let carried: Previews | undefined
  const sockets = new ApiSockets()
  const underWay = new UnderWay()
  const settings = { ...timeoutsOf(options), shouldUpgradeCallback: isWebSocketUpgrade }
  const server = createServer(settings, (request, response) => {
    underWay.add(response)
    if (carried?.isFor(request.headers.host) === true) void carried.answer(request, response)
    else void listener(request, response)
  })
  server.on("upgrade", (request, socket, head) => {
    if (carried?.isFor(request.headers.host) === true) void carried.upgrade(request, socket, head)
    else void sockets.handle(app, request, socket as Socket, head)
  })
  server.maxConnections = maxConnections
  server.on("clientError", answerClientError)
  // Silence alone is fine, a long run has nothing to say. Unread bytes in silence are a reader that is gone or holds things up.
  server.setTimeout(options.stallMs ?? defaultStallMs, (socket) => {
    if (socket.writableLength > 0) socket.destroy()
  })
  const { url, port } = await bind(server, options)
  let closed: Promise<void> | undefined
  return {
    url,
    port,
    serve(served, previews) {
      carried = previews
      serve(served)
    },
    idle: () => underWay.idle(),
    close() {
      sockets.closeAll(1001, "the server stops")
      return (closed ??= new Promise((resolve) => server.close(() => resolve())))
    },
    destroy() {
      server.closeAllConnections()
      sockets.destroyAll()
    },
  }
}

function timeoutsOf({ headersTimeoutMs = 10_000, requestTimeoutMs = 3_600_000 }: ListenOptions): ServerOptions {
  return {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // Timeouts are found out at this interval only.
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
  }
}

/** A request that the adapter can't make a Request of. It never reached the app, so it has no id. */
function malformed(cause: unknown, log: ServerLog): Response {
  const isRequest = cause instanceof Error && cause.name === "RequestError"
  const message = "the request can't be read: its target or its Host header is malformed"
  const error = isRequest ? new MayflyError("input.invalid", message, { cause }) : publicError(cause)
  if (error.code === "server.internal") log(unexpected(cause, "none"))
  return bareError(error)
}
