import { lstatSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { join, resolve } from "node:path"
import { Readable } from "node:stream"
import { text as textOf } from "node:stream/consumers"
import { setTimeout as delay } from "node:timers/promises"
import { createPlatform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { createKey, createServer, directoryOwner, hashKey, openDataDirectory, ownerSocketName } from "@mayfly/server"
import { type ServerEvent, serverEvents } from "./server-events.ts"

/** The HTTP API of a data directory, wherever it runs. Whoever opened it disposes it. */
export interface Api extends AsyncDisposable {
  /** The answer's JSON, undefined when there is none. Rejects with the error that the API answers with. */
  call(method: string, path: string, body?: unknown): Promise<unknown>
  /** Server-sent events, until the server ends them or the signal fires. Rejects as `call` does. */
  events(path: string, signal: AbortSignal): AsyncIterable<ServerEvent>
  /** Bytes both ways, as they come. Rejects as `call` does. */
  stream(method: string, path: string, options: StreamOptions): Promise<AsyncIterable<Uint8Array>>
}

export interface StreamOptions {
  readonly accept?: string
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal: AbortSignal
}

/** The API of the process that owns the directory; when none does, this one owns it meanwhile. */
export async function openApi(directory: string): Promise<Api> {
  const path = resolve(directory)
  const owner = directoryOwner(path)
  return owner === undefined ? ownApi(path) : remoteApi(path, owner.pid)
}

async function ownApi(path: string): Promise<Api> {
  await using opened = new AsyncDisposableStack()
  const directory = opened.use(openDataDirectory(path))
  const platform = opened.use(await createPlatform({ dataDir: directory.path, hosts: 1, isolates: 0, spare: false }))
  const key = createKey()
  const { app, close } = createServer({ platform, keyHashes: [hashKey(key)] })
  opened.defer(close)
  const held = opened.move()
  return {
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
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const eventStream = "text/event-stream"

/** An owner that has just started may not listen yet. */
const tries = 20
const betweenMs = 100

function remoteApi(directory: string, pid: number): Api {
  const socketPath = join(directory, ownerSocketName)
  return {
    async call(method, path, body) {
      const response = await reach(directory, pid, () => send({ socketPath, method, path }, body))
      return answerOf(response.statusCode ?? 0, await textOf(response))
    },
    async *events(path, signal) {
      const options = { socketPath, method: "GET", path, signal, accept: eventStream }
      const response = await reach(directory, pid, () => send(options, undefined))
      if ((response.statusCode ?? 0) >= 400) answerOf(response.statusCode ?? 0, await textOf(response))
      yield* serverEvents(response)
    },
    async stream(method, path, { body, ...options }) {
      // A body that has begun can't be sent again.
      const ask = (): Promise<IncomingMessage> => send({ socketPath, method, path, ...options }, undefined, body)
      const response = body === undefined ? await reach(directory, pid, ask) : await ask()
      if ((response.statusCode ?? 0) >= 400) answerOf(response.statusCode ?? 0, await textOf(response))
      return response
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** In a directory that others may write to, somebody else may listen, for secrets for instance. */
function checkOwner(socketPath: string): void {
  const found = lstatSync(socketPath)
  const uid = process.getuid?.()
  if (uid === undefined || (found.isSocket() && found.uid === uid)) return
  const message = `"${socketPath}" is not this user's: run the command as the user of the server (uid ${found.uid}), or name another --data`
  throw new MayflyError("input.invalid", message, { details: { path: "data" } })
}

async function reach(directory: string, pid: number, ask: () => Promise<IncomingMessage>): Promise<IncomingMessage> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof MayflyError || (error as Error).name === "AbortError") throw error
      if (attempt === tries) throw silent(directory, pid, error)
      await delay(betweenMs)
    }
  }
}

interface Asked {
  readonly socketPath: string
  readonly method: string
  readonly path: string
  readonly accept?: string
  readonly signal?: AbortSignal
}

async function send(
  { accept = "application/json", ...options }: Asked,
  body: unknown,
  bytes?: StreamOptions["body"],
): Promise<IncomingMessage> {
  checkOwner(options.socketPath)
  return new Promise((settle, reject) => {
    const sent = request({ ...options, headers: { accept, host: "localhost" } }, settle)
    sent.once("error", reject)
    if (bytes === undefined) sent.end(body === undefined ? undefined : JSON.stringify(body))
    else Readable.from(bytes).once("error", reject).pipe(sent)
  })
}

function answerOf(status: number, text: string): unknown {
  const value: unknown = text === "" ? undefined : JSON.parse(text)
  if (status < 400) return value
  throw apiError(value)
}

/** The error in an answer of the API, or in an event. */
export function apiError(value: unknown): MayflyError {
  const { error } = value as { error: { code: "server.internal"; message: string; details: Record<string, unknown> } }
  return new MayflyError(error.code, error.message, { details: error.details })
}

function silent(path: string, pid: number, cause: unknown): MayflyError {
  const message = `process ${pid} uses the data directory "${path}" and does not answer`
  return new MayflyError("platform.data-dir-in-use", message, { details: { path, pid }, cause })
}
