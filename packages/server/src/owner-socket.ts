import { chmodSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { join } from "node:path"
import type { DataDirectory, Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { ownerSocketName } from "@mayfly/store"
import { createKey, hashKey } from "./auth/api-key.ts"
import type { ServerApp } from "./create-server.ts"
import { answerHold, holdPath } from "./hold-files.ts"
import { ApiSockets } from "./sockets/api-sockets.ts"
import { isWebSocketUpgrade } from "./worker/web-socket-handshake.ts"

/** How commands of this machine's user talk to the process that owns a data directory: the API, without a key. */
export interface OwnerSocket extends AsyncDisposable {
  /** To be among the server's keys. It lives as long as the process, and is stored nowhere. */
  readonly keyHash: string
  /** Answers from now on. */
  serve(app: ServerApp): void
}

const maxPathBytes = 107

/**
 * Listens in the data directory. Only its owner may enter that, and only the owner may connect: what is asked there is asked by whoever could read
 * all of the files anyway.
 */
export async function openOwnerSocket(
  directory: DataDirectory,
  platform: Pick<Platform, "hold">,
): Promise<OwnerSocket> {
  const { getRequestListener } = await import("@hono/node-server")
  const path = join(directory.path, ownerSocketName)
  if (Buffer.byteLength(path) > maxPathBytes) {
    const limit = maxPathBytes - ownerSocketName.length - 1
    const message = `the data directory's path "${directory.path}" is too long: a socket in it needs one of at most ${limit} bytes`
    throw new MayflyError("input.invalid", message, { details: { path: "data" } })
  }
  const key = createKey()
  const { promise: app, resolve: serve } = Promise.withResolvers<ServerApp>()
  const listener = getRequestListener(async (request, env) => (await app).fetch(request, env), {
    overrideGlobalObjects: false,
  })
  const authorize = (request: IncomingMessage): void => {
    request.headers.authorization = `Bearer ${key}`
    // The adapter reads these; the last one of a name would be one too many.
    request.rawHeaders = [...withoutAuthorization(request.rawHeaders), "authorization", `Bearer ${key}`]
  }
  const sockets = new ApiSockets()
  const server = createServer({ shouldUpgradeCallback: isWebSocketUpgrade }, (request, response) => {
    if (request.method === "POST" && request.url === holdPath) return void answerHold(platform, request, response)
    authorize(request)
    void listener(request, response)
  })
  server.on("upgrade", (request, socket, head) => {
    authorize(request)
    void sockets.handle(app, request, socket as Socket, head)
  })
  // Left by an owner that died; we hold the directory's lock.
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(path, () => resolve())
  })
  chmodSync(path, 0o600)
  return {
    keyHash: hashKey(key),
    serve,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      sockets.destroyAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function withoutAuthorization(raw: readonly string[]): string[] {
  return raw.filter((_, at) => raw[at - (at % 2)]?.toLowerCase() !== "authorization")
}
