import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { MayflyError } from "@mayfly/protocol"

export interface Address {
  readonly port: number
  readonly host: string
}

export interface Bound {
  readonly url: string
  readonly port: number
}

/** Starts to listen. Rejects with `platform.port-in-use`, or `input.invalid` for an address that is not ours. */
export async function bind(server: Server, { port, host }: Address, fix?: string): Promise<Bound> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, { port, host }, fix)))
    server.listen({ port, host }, () => resolve())
  })
  const { port: bound } = server.address() as AddressInfo
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`, port: bound }
}

function bindError(error: NodeJS.ErrnoException, { port, host }: Address, fix?: string): MayflyError {
  const details = { host, port }
  if (error.code !== "EADDRINUSE")
    return new MayflyError("input.invalid", `can't listen on ${host}:${port}: ${error.message}`, {
      details,
      cause: error,
    })
  const message = `can't listen on ${host}:${port}: something else listens there`
  return new MayflyError("platform.port-in-use", message, {
    details,
    cause: error,
    ...(fix === undefined ? {} : { fix }),
  })
}
