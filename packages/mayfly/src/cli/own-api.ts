import { Readable } from "node:stream"
import { serverEvents } from "@mayfly/protocol"
import { createPlatform, providerNames } from "@mayfly/platform"
import { createKey, createLog, createServer, hashKey, openDataDirectory, openOwnerSocket } from "@mayfly/server"
import { type Api, answerOf } from "./api.ts"
import { directorySocket, eventStream, openSocket } from "./http-api.ts"

/** Whoever has the directory and a terminal is its owner, and may choose what holds a sandbox. */
const small = { hosts: 1, isolates: 0, spare: false, sandboxes: { offer: providerNames } }

/** The API of a directory that nobody owns: this process does meanwhile. */
export async function ownApi(path: string, isAttended: boolean): Promise<Api> {
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
      const text = body === undefined ? undefined : JSON.stringify(body)
      // A body that may be missing is looked for only where its length is said.
      const length = text === undefined ? {} : { "content-length": String(Buffer.byteLength(text)) }
      const headers = { authorization: `Bearer ${key}`, host: "localhost", ...length }
      const given = text === undefined ? {} : { body: text }
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
