import type { Socket } from "node:net"
import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { WebSocket } from "ws"
import type { Access } from "../auth/access.ts"

/** What a route does with the WebSocket that it agreed to. */
export interface SocketHandler {
  /** Largest message that it takes. Default 1 MiB. */
  readonly maxMessageBytes?: number
  /** The subprotocol, one that the client offered. Default: `mayfly`, when it was offered. */
  readonly protocol?: string
  /** `connection` is what the WebSocket runs on. */
  open(socket: WebSocket, connection: Socket): void
  /** Called instead, when the client went before it was open. */
  lost?(): void
}

/** A request for a WebSocket, while the app decides about it as about any other request. */
export class SocketUpgrade {
  #handler: SocketHandler | undefined
  /** The tenant, where the key is one's. */
  holder: string | null = null

  /** What was agreed to, if anything was. */
  get handler(): SocketHandler | undefined {
    return this.#handler
  }

  /** Agrees. The answer that it gives is never sent: it tells the middleware that all is well. `place` is given back when the WebSocket ends. */
  accept(handler: SocketHandler, place?: Disposable): Response {
    const leave = (): void => place?.[Symbol.dispose]()
    this.#handler = {
      ...handler,
      open(socket, connection) {
        socket.once("close", leave)
        handler.open(socket, connection)
      },
      lost() {
        leave()
        handler.lost?.()
      },
    }
    return new Response(null, { status: 204 })
  }
}

/** Whether the answer is a WebSocket. */
export function isAgreed(c: Context): boolean {
  return givenUpgrade(c)?.handler !== undefined && c.res.status === 204
}

export function isUpgrade(c: Context): boolean {
  return givenUpgrade(c) !== undefined
}

/** Throws `server.upgrade-required` for a request that asks for no WebSocket. */
export function upgradeOf(c: Context): SocketUpgrade {
  const upgrade = givenUpgrade(c)
  if (upgrade !== undefined) {
    const access = c.get("access") as Access | undefined
    upgrade.holder = access?.ownTenant ?? null
    return upgrade
  }
  throw new MayflyError("server.upgrade-required", `${c.req.path} speaks WebSocket only`)
}

function givenUpgrade(c: Context): SocketUpgrade | undefined {
  const { upgrade } = (c.env ?? {}) as { readonly upgrade?: unknown }
  return upgrade instanceof SocketUpgrade ? upgrade : undefined
}
