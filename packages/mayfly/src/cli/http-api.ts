import { lstatSync } from "node:fs"
import { type IncomingMessage, request, type RequestOptions } from "node:http"
import { request as requestTls } from "node:https"
import { connect } from "node:net"
import { join } from "node:path"
import { Readable } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import { boundedText, MayflyError, serverEvents } from "@mayfly/protocol"
import { ownerSocketName } from "@mayfly/store"
import type { WebSocket } from "ws"
import { type Api, answerOf, failure, type StreamOptions } from "./api.ts"

export const eventStream = "text/event-stream"

/** An owner that has just started may not listen yet. */
const tries = 20
const betweenMs = 100

/** How a process is reached that serves the API. */
interface Reach {
  readonly options: RequestOptions
  readonly isSecure: boolean
  /** Before anything is sent. */
  check(): void
  /** The error for one that can't be reached. */
  silent(cause: unknown): MayflyError
}

/** The API of the process that owns a directory. */
export function ownerApi(directory: string, pid: number): Api {
  return remoteApi({ ...directorySocket(directory), silent: (cause) => silent(directory, pid, cause) })
}

/** The process that owns a directory. */
export function directorySocket(directory: string): Reach {
  const socketPath = join(directory, ownerSocketName)
  return {
    options: { socketPath, headers: { host: "localhost" } },
    isSecure: false,
    check: () => checkOwner(socketPath),
    silent: (cause) => silent(directory, process.pid, cause),
  }
}

/** The API of a server somewhere. */
export function serverApi(url: URL, key: string): Api {
  const { hostname, port, protocol } = url
  const host = hostname.replace(/^\[|\]$/g, "")
  const authorization = `Bearer ${key}`
  return remoteApi({
    options: { host, ...(port !== "" && { port }), headers: { authorization } },
    isSecure: protocol === "https:",
    check: () => {},
    silent: (cause) => {
      const message = `the server ${url.origin} can't be reached: ${(cause as Error).message}`
      return new MayflyError("server.unreachable", message, { cause })
    },
  })
}

function remoteApi(reach: Reach): Api {
  /** The bytes of an answer that is none about an error. */
  const ask = async (
    asked: Asked,
    body?: unknown,
    bytes?: StreamOptions["body"],
  ): Promise<AsyncIterable<Uint8Array>> => {
    // A body that has begun can't be sent again.
    const response = await reached(reach, () => send(reach, asked, body, bytes), bytes === undefined)
    const status = response.statusCode ?? 0
    const answer = whole(response)
    if (status >= 400) answerOf(status, await boundedText(answer))
    return answer
  }
  return {
    isLasting: true,
    call: async (method, path, body) => answerOf(200, await boundedText(await ask({ method, path }, body))),
    async *events(path, signal) {
      yield* serverEvents(await ask({ method: "GET", path, signal, accept: eventStream }))
    },
    stream: (method, path, { body, ...options }) => ask({ method, path, ...options }, undefined, body),
    socket: (path) => openSocket(reach, path),
    async [Symbol.asyncDispose]() {},
  }
}

/** All of an answer. Rejects with `server.unreachable` when the connection breaks in the middle of it. */
async function* whole(response: IncomingMessage): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* response as AsyncIterable<Uint8Array>
  } catch (cause) {
    if ((cause as Error).name === "AbortError") throw cause
    throw new MayflyError("server.unreachable", "the server was gone before it had answered", { cause })
  }
}

export async function openSocket(reach: Reach, path: string): Promise<WebSocket> {
  reach.check()
  const { headers } = reach.options
  const [host, port, socketPath] = [
    reach.options.host ?? "localhost",
    reach.options.port ?? "",
    reach.options.socketPath,
  ]
  const authority = `${host.includes(":") ? `[${host}]` : host}${port === "" ? "" : `:${port}`}`
  const { WebSocket: Socket } = await import("ws")
  const own = typeof socketPath === "string" ? { createConnection: () => connect(socketPath) } : {}
  const socket = new Socket(`${reach.isSecure ? "wss" : "ws"}://${authority}${path}`, {
    headers: headers as Record<string, string>,
    perMessageDeflate: false,
    maxPayload: 16 << 20,
    handshakeTimeout: 60_000,
    ...own,
  })
  return new Promise((settle, reject) => {
    socket.once("open", () => {
      // Its first messages may be there before anybody listens.
      socket.pause()
      settle(socket)
    })
    socket.on("error", (error) => reject(reach.silent(error)))
    socket.once("unexpected-response", (_request, response) => {
      boundedText(response)
        .then((text) => reject(failure(response.statusCode ?? 0, text)))
        .catch(reject)
    })
  })
}

/** In a directory that others may write to, somebody else may listen, for secrets for instance. */
function checkOwner(socketPath: string): void {
  const found = lstatSync(socketPath)
  const uid = process.getuid?.()
  if (uid === undefined || (found.isSocket() && found.uid === uid)) return
  const message = `"${socketPath}" is not this user's: run the command as the user of the server (uid ${found.uid}), or name another --data`
  throw new MayflyError("input.invalid", message, { details: { path: "data" } })
}

async function reached(
  reach: Reach,
  ask: () => Promise<IncomingMessage>,
  isRepeatable = true,
): Promise<IncomingMessage> {
  const isOwner = reach.options.socketPath !== undefined
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof MayflyError || (error as Error).name === "AbortError") throw error
      if (attempt === tries || !isOwner || !isRepeatable) throw reach.silent(error)
      await delay(betweenMs)
    }
  }
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly accept?: string
  readonly signal?: AbortSignal
}

async function send(
  reach: Reach,
  { accept = "application/json", ...asked }: Asked,
  body: unknown,
  bytes?: StreamOptions["body"],
): Promise<IncomingMessage> {
  reach.check()
  const type = body === undefined ? {} : { "content-type": "application/json" }
  const headers = { accept, ...type, ...(reach.options.headers as Record<string, string>) }
  return new Promise((settle, reject) => {
    const sent = (reach.isSecure ? requestTls : request)({ ...reach.options, ...asked, headers }, settle)
    sent.once("error", reject)
    if (bytes === undefined) sent.end(body === undefined ? undefined : JSON.stringify(body))
    else Readable.from(bytes).once("error", reject).pipe(sent)
  })
}

function silent(path: string, pid: number, cause: unknown): MayflyError {
  const message = `process ${pid} uses the data directory "${path}" and does not answer`
  return new MayflyError("platform.data-dir-in-use", message, { details: { path, pid }, cause })
}
