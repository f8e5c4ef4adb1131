import { MayflyError } from "@mayfly/protocol"
import { Client } from "undici"
import { addressOf, type Target } from "../policy/canonical-target.ts"
import { dial } from "./dial.ts"

export interface PoolOptions {
  /** Certificates to trust instead of the system's. */
  readonly ca?: string | readonly string[]
  readonly http2: boolean
  readonly connectMs: number
  /** Time until the answer's head. */
  readonly headersMs: number
  /** Longest silence within an answer. */
  readonly idleMs: number
  /** Most requests under way of one tenant, bodies included. */
  readonly maxPerTenant: number
}

/** Who may share a connection: nobody else. */
export interface ConnectionKey {
  readonly tenant: string
  readonly policyHash: string
  readonly target: Target
  /** Checked addresses; nothing else is dialled. */
  readonly addresses: readonly string[]
}

/** A connection for one request. Whoever leased it releases it once, when the body has been read or given up. */
export interface Lease {
  readonly client: Client
  /** The address that is connected to, null as long as none answered. */
  readonly address: string | null
  /** Another request has gone over the connection before. */
  readonly isReused: boolean
  /** Only when its answer was read to the end can a connection carry another one. Releasing twice is safe. */
  release(isReusable: boolean): void
}

interface Connection {
  readonly client: Client
  readonly key: string
  address: string | null
  /** Requests at once: one, or many over HTTP/2. */
  capacity: number
  active: number
  isUsed: boolean
  isGone: boolean
}

/**
 * Connections that stay open between requests. One is shared only under the same tenant, policy, origin and checked
 * addresses, so that no request rides on what was decided for another. Idle ones close after some seconds.
 */
export class ConnectionPool {
  readonly #options: PoolOptions
  readonly #connections = new Map<string, Set<Connection>>()
  readonly #active = new Map<string, number>()
  /** Oldest first. */
  readonly #idle = new Set<Connection>()
  #isClosed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Throws `mesh.too-many-connections`. `isFresh` asks for a connection that nothing has gone over yet. */
  lease(key: ConnectionKey, { isFresh = false } = {}): Lease {
    const { tenant } = key
    this.#count(tenant, key.target.origin)
    const connection = (isFresh ? undefined : this.#free(nameOf(key))) ?? this.#open(key)
    this.#idle.delete(connection)
    connection.active++
    const isReused = connection.isUsed
    connection.isUsed = true
    return this.#leaseOf(connection, { tenant, isReused })
  }

  /** Counts a connection that is not of the pool. Gives what counts it off again; calling that twice is safe. */
  reserve(tenant: string, origin: string): () => void {
    this.#count(tenant, origin)
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      this.#countOff(tenant)
    }
  }

  #count(tenant: string, origin: string): void {
    const active = this.#active.get(tenant) ?? 0
    if (this.#isClosed || active >= this.#options.maxPerTenant) {
      const message = `"${origin}" was not asked: ${active} requests are under way`
      throw new MayflyError("mesh.too-many-connections", message, { details: { active } })
    }
    this.#active.set(tenant, active + 1)
  }

  #countOff(tenant: string): void {
    const active = (this.#active.get(tenant) ?? 1) - 1
    if (active === 0) this.#active.delete(tenant)
    else this.#active.set(tenant, active)
  }

  #leaseOf(connection: Connection, { tenant, isReused }: { tenant: string; isReused: boolean }): Lease {
    let isReleased = false
    return {
      client: connection.client,
      get address() {
        return connection.address
      },
      isReused,
      release: (isReusable) => {
        if (isReleased) return
        isReleased = true
        if (!isReusable) this.#abandon(connection)
        this.#released(connection, tenant)
      },
    }
  }

  /** Ends all connections. Requests under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#connections.values()].flatMap((connections) => [...connections])
    this.#connections.clear()
    this.#idle.clear()
    await Promise.all(all.map(({ client }) => client.destroy()))
  }

  /**
   * No further request goes over it. Over HTTP/2 others may still be under way: undici leaves a stream that is given up half
   * open (it closes it without a reset), so the connection goes when the last of them has ended.
   */
  #abandon(connection: Connection): void {
    connection.isGone = true
    this.#forget(connection)
  }

  #free(name: string): Connection | undefined {
    for (const connection of this.#connections.get(name) ?? []) {
      if (connection.active < connection.capacity) return connection
    }
    return undefined
  }

  #released(connection: Connection, tenant: string): void {
    this.#countOff(tenant)
    connection.active--
    if (connection.active > 0) return
    // One that never stood, or broke.
    if (connection.isGone || connection.address === null) return this.#drop(connection)
    this.#idle.add(connection)
    const [oldest] = this.#idle
    if (this.#idle.size > maxIdle && oldest !== undefined) this.#drop(oldest)
  }

  #open(key: ConnectionKey): Connection {
    const { ca, http2, connectMs, headersMs, idleMs } = this.#options
    const { target, addresses } = key
    const isTls = target.scheme === "https"
    const host = addressOf(target.host) ?? target.host
    const client = new Client(target.origin, {
      connect: (_options, callback) => {
        const tls = { host, protocols: http2 ? ["h2", "http/1.1"] : ["http/1.1"], ...(ca === undefined ? {} : { ca }) }
        dial(addresses, { port: target.port, timeoutMs: connectMs, ...(isTls ? { tls } : {}) }).then(
          (socket) => {
            connection.address = socket.remoteAddress ?? null
            if ("alpnProtocol" in socket && socket.alpnProtocol === "h2") connection.capacity = maxStreams
            callback(null, socket)
          },
          (error: Error) => callback(error, null),
        )
      },
      allowH2: http2,
      maxConcurrentStreams: maxStreams,
      pipelining: http2 && isTls ? maxStreams : 1,
      headersTimeout: headersMs,
      bodyTimeout: idleMs,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: maxKeepAliveMs,
    })
    const connection: Connection = {
      client,
      key: nameOf(key),
      address: null,
      capacity: 1,
      active: 0,
      isUsed: false,
      isGone: false,
    }
    client.on("disconnect", () => {
      connection.isGone = true
      this.#forget(connection)
      if (connection.active === 0) this.#drop(connection)
    })
    const connections = this.#connections.get(connection.key)
    if (connections === undefined) this.#connections.set(connection.key, new Set([connection]))
    else connections.add(connection)
    return connection
  }

  #forget(connection: Connection): void {
    const connections = this.#connections.get(connection.key)
    if (connections?.delete(connection) === true && connections.size === 0) this.#connections.delete(connection.key)
  }

  /** An idle connection goes. Dropping twice is safe. */
  #drop(connection: Connection): void {
    this.#forget(connection)
    this.#idle.delete(connection)
    if (!connection.client.destroyed) void connection.client.destroy()
  }
}

const maxIdle = 512
const maxStreams = 100
const keepAliveMs = 4_000
const maxKeepAliveMs = 30_000

function nameOf({ tenant, policyHash, target, addresses }: ConnectionKey): string {
  return JSON.stringify([tenant, policyHash, target.origin, addresses.toSorted()])
}
