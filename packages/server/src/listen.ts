import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { type ErrorCode, MayflyError } from "@mayfly/protocol"
import type { ServerApp } from "./create-server.ts"
import { errorBody, publicError } from "./error-response.ts"
import { stderrLog, unexpected } from "./server-log.ts"

export interface ListenOptions {
  readonly port: number
  readonly host: string
  /** How long a request may take to send its headers. Default 10 s. */
  readonly headersTimeoutMs?: number
  /** How long it may take to arrive whole. Default 120 s. */
  readonly requestTimeoutMs?: number
}

export interface Listener {
  readonly url: string
  readonly port: number
  /** Takes no more connections; resolves when all have ended. Calling twice is safe. */
  close(): Promise<void>
  /** Cuts all connections. */
  destroy(): void
}

const maxConnections = 8_192

/** Serves the app on a socket. Rejects with `platform.port-in-use`, or `input.invalid` for an address that is not ours. */
export async function listen(app: ServerApp, options: ListenOptions): Promise<Listener> {
  // Loaded here, so that those who never listen do not wait for it.
  const { getRequestListener } = await import("@hono/node-server")
  const listener = getRequestListener(app.fetch, { errorHandler: malformed, overrideGlobalObjects: false })
  const timeouts = {
    headersTimeout: options.headersTimeoutMs ?? 10_000,
    requestTimeout: options.requestTimeoutMs ?? 120_000,
    // Timeouts are found out at this interval only.
    connectionsCheckingInterval: 1_000,
  }
  const server = createServer(timeouts, (request, response) => void listener(request, response))
  server.maxConnections = maxConnections
  await bind(server, options)
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    port,
    close: () => (closed ??= new Promise((resolve) => server.close(() => resolve()))),
    destroy: () => server.closeAllConnections(),
  }
}

/** A request that the adapter can't make a Request of. It never reached the app, so it has no id. */
function malformed(cause: unknown): Response {
  const isRequest = cause instanceof Error && cause.name === "RequestError"
  const message = "the request can't be read: its target or its Host header is malformed"
  const error = isRequest ? new MayflyError("input.invalid", message, { cause }) : publicError(cause)
  if (error.code === "server.internal") stderrLog(unexpected(cause, "none"))
  return Response.json(errorBody(error, "none"), { status: error.status })
}

function bind(server: Server, { port, host }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, port, host)))
    server.listen({ port, host }, () => resolve())
  })
}

function bindError(error: NodeJS.ErrnoException, port: number, host: string): MayflyError {
  const code: ErrorCode = error.code === "EADDRINUSE" ? "platform.port-in-use" : "input.invalid"
  const why = error.code === "EADDRINUSE" ? "something else listens there" : error.message
  return new MayflyError(code, `can't listen on ${host}:${port}: ${why}`, { details: { host, port }, cause: error })
}
