import { lstatSync } from "node:fs"
import { type IncomingMessage, request, type RequestOptions } from "node:http"
import { request as requestTls } from "node:https"
import { connect } from "node:net"
import { join } from "node:path"
import { Readable } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import { createPlatform, providerNames } from "@mayfly/platform"
import { boundedText, errorFromJson, MayflyError, type ServerEvent, serverEvents } from "@mayfly/protocol"
import {
  createKey,
  createLog,
  createServer,
  directoryOwner,
  hashKey,
  openDataDirectory,
  openOwnerSocket,
  ownerSocketName,
} from "@mayfly/server"
import { WebSocket } from "ws"
import type { ApiFlags } from "./api-options.ts"
import { apiPlace } from "./api-place.ts"

/** The HTTP API of a data directory, wherever it runs. Whoever opened it disposes it. */
export interface Api extends AsyncDisposable {
  /** Whether what was started goes on when this command has ended. */
  readonly isLasting: boolean
  /** The answer's JSON, undefined when there is none. Rejects with the error that the API answers with. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Server-sent events, until the server ends them or the signal fires. Rejects as `call` does. */
  events(path: string, signal: AbortSignal): AsyncIterable<ServerEvent>
  /** Bytes both ways, as they come. Rejects as `call` does. */
  stream(method: string, path: string, options: StreamOptions): Promise<AsyncIterable<Uint8Array>>
  /** A WebSocket that is open, and paused: whoever listens to it resumes it. Rejects as `call` does. */
  socket(path: string): Promise<WebSocket>
}

export interface StreamOptions {
  readonly accept?: string
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal: AbortSignal
}

export interface OpenOptions {
  /** Whether it lasts: other commands reach the directory through this process then, and programs can have somebody asked. Default false. */
  readonly isAttended?: boolean
}

/** The API of a server, or of the process that owns the directory; when none does, this one owns it meanwhile. */
export async function openApi(
  flags: Pick<ApiFlags, "data" | "url" | "profile">,
  options: OpenOptions = {},
): Promise<Api> {
  const place = apiPlace(flags)
  if (place.kind === "server") return serverApi(place.url, place.key)
  const owner = directoryOwner(place.path)
  return owner === undefined ? ownApi(place.path, options) : ownerApi(place.path, owner.pid)
}

/** Whoever has the directory and a terminal is its owner, and may choose what holds a sandbox. */
const small = { hosts: 1, isolates: 0, spare: false, sandboxes: { offer: providerNames } }

async function ownApi(path: string, { isAttended = false }: OpenOptions): Promise<Api> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(openDataDirectory(path))
  const platform = opened.use(await createPlatform({ ...small, dataDir: directory, attended: isAttended }))
  const key = createKey()
  let keyHashes = [hashKey(key)]
  // A command is no server: its user reads what went wrong, not a line per request.
  const { log } = opened.use(createLog({ level: "error", format: "json" }))
  const { app, close } = createServer({ platform, keyHashes, log })
  opened.defer(close)
  const held = opened.move()
  /** Other commands find us as they find a server. */
  const share = async (): Promise<void> => {
    const socket = held.use(await openOwnerSocket(directory, platform))
    keyHashes = [...keyHashes, socket.keyHash]
    const server = createServer({ platform, keyHashes, log })
    held.defer(server.close)
    socket.serve(server.app)
  }
  if (isAttended) await share()
  return {
    isLasting: false,
    async call(method, target, body) {
      const headers = { authorization: `Bearer ${key}`, host: "localhost" }
      const given = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await app.request(`http://localhost${target}`, { method, headers, ...given })
      return answerOf(response.status, await response.text())
    },
    async *events(target, signal) {
      const headers = { authorization: `Bearer ${key}`, host: "localhost", accept: eventStream }
      const response = await app.request(new Request(`http://localhost${target}`, { headers, signal }))
      if (response.status >= 400) answerOf(response.status, await response.text())
      if (response.body !== null) yield* serverEvents(response.body)
    },
    async stream(method, target, { accept = "*/*", body, signal }) {
      const headers = { authorization: `Bearer ${key}`, host: "localhost", accept }
      const given = body === undefined ? {} : { body: ReadableStream.from(body), duplex: "half" as const }
      const response = await app.request(
        new Request(`http://localhost${target}`, { method, headers, signal, ...given }),
      )
      if (response.status >= 400) answerOf(response.status, await response.text())
      return response.body ?? Readable.from([])
    },
    async socket(target) {
      // A person looks at it, maybe for long.
      if (!isAttended) await share()
      return openSocket(directorySocket(path), target)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const eventStream = "text/event-stream"

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

function ownerApi(directory: string, pid: number): Api {
  return remoteApi({ ...directorySocket(directory), silent: (cause) => silent(directory, pid, cause) })
}

function directorySocket(directory: string): Reach {
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
  return {
    isLasting: true,
    async call(method, path, body) {
      const response = await reached(reach, () => send(reach, { method, path }, body))
      return answerOf(response.statusCode ?? 0, await boundedText(response))
    },
    async *events(path, signal) {
      const options = { method: "GET", path, signal, accept: eventStream }
      const response = await reached(reach, () => send(reach, options, undefined))
      if ((response.statusCode ?? 0) >= 400) answerOf(response.statusCode ?? 0, await boundedText(response))
      yield* serverEvents(response)
    },
    async stream(method, path, { body, ...options }) {
      // A body that has begun can't be sent again.
      const ask = (): Promise<IncomingMessage> => send(reach, { method, path, ...options }, undefined, body)
      const response = await reached(reach, ask, body === undefined)
      if ((response.statusCode ?? 0) >= 400) answerOf(response.statusCode ?? 0, await boundedText(response))
      return response
    },
    socket: (path) => openSocket(reach, path),
    async [Symbol.asyncDispose]() {},
  }
}

async function openSocket(reach: Reach, path: string): Promise<WebSocket> {
  reach.check()
  const { headers } = reach.options
  const [host, port, socketPath] = [
    reach.options.host ?? "localhost",
    reach.options.port ?? "",
    reach.options.socketPath,
  ]
  const authority = `${host.includes(":") ? `[${host}]` : host}${port === "" ? "" : `:${port}`}`
  const own = typeof socketPath === "string" ? { createConnection: () => connect(socketPath) } : {}
  const socket = new WebSocket(`${reach.isSecure ? "wss" : "ws"}://${authority}${path}`, {
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

function answerOf(status: number, text: string): unknown {
  if (status >= 400) throw failure(status, text)
  if (text === "") return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw failure(status, text)
  }
}

/** Something else than our server may have answered. */
function failure(status: number, text: string): MayflyError {
  const known = status >= 400 ? errorFromJson(parsed(text)) : undefined
  const message = `the server answered ${status} with what is no answer of Mayfly's`
  return known ?? new MayflyError("server.unreachable", message)
}

function parsed(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly error?: unknown } | null)?.error
  } catch {
    return undefined
  }
}

function silent(path: string, pid: number, cause: unknown): MayflyError {
  const message = `process ${pid} uses the data directory "${path}" and does not answer`
  return new MayflyError("platform.data-dir-in-use", message, { details: { path, pid }, cause })
}
