import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { WebSocket } from "ws"
import type { Access } from "../auth/access.ts"

/** What a route does with the WebSocket that it agreed to. */
export interface SocketHandler {
  /** Largest message that it takes. Default 1 MiB. */
  readonly maxMessageBytes?: number
  open(socket: WebSocket): void
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
      ...(handler.maxMessageBytes === undefined ? {} : { maxMessageBytes: handler.maxMessageBytes }),
      open(socket) {
        socket.once("close", leave)
        handler.open(socket)
      },
      lost() {
        leave()
        handler.lost?.()
      },
    }
    return new Response(null, { status: 204 })
  }
}

/** Throws `server.upgrade-required` for a request that asks for no WebSocket. */
export function upgradeOf(c: Context): SocketUpgrade {
  const { upgrade } = (c.env ?? {}) as { readonly upgrade?: unknown }
  if (upgrade instanceof SocketUpgrade) {
    const access = c.get("access") as Access | undefined
    upgrade.holder = access?.ownTenant ?? null
    return upgrade
  }
  throw new MayflyError("server.upgrade-required", `${c.req.path} speaks WebSocket only`)
}
