import { closeSync, openSync } from "node:fs"
import { MayflyError } from "@mayfly/protocol"
import { type NamespaceListeners, openNamespaceListeners } from "./open-namespace-listeners.ts"

/** An empty network of its own, with our listeners in it and nothing else. Whoever took it closes it, and the listeners. */
export interface NetworkNamespace {
  readonly listeners: NamespaceListeners
  /** A command that runs what follows it in there, and may change it, until this is closed. */
  readonly enter: readonly string[]
  /** Calling twice is safe. What runs in there goes on. */
  close(): void
}

export interface NetworkNamespacesOptions {
  /** An ordinary user's networks belong to user namespaces of their own. */
  readonly user: boolean
}

/** Every policy has these. */
const usualPorts = [80, 443]
const maxSpares = 2

/**
 * Makes networks for sandboxes, some of them ahead of time: it takes a twentieth of a second, which a sandbox that starts would wait for. A spare one
 * holds descriptors and no process. Each is given out once; nothing of a sandbox's was ever in one before.
 */
export class NetworkNamespaces {
  readonly #options: NetworkNamespacesOptions
  readonly #spares: Promise<NetworkNamespace | undefined>[] = []
  readonly #over = new AbortController()
  #taken = 0

  constructor(options: NetworkNamespacesOptions) {
    this.#options = options
  }

  /** Begins to make one: it will be taken soon. */
  prepare(): void {
    this.#fill(1)
  }

  #fill(count: number): void {
    while (!this.#over.signal.aborted && this.#spares.length < count)
      this.#spares.push(this.#make().catch(() => undefined))
  }

  #make(): Promise<NetworkNamespace> {
    return makeNamespace(this.#options, this.#over.signal)
  }

  /** With listeners on 80 and 443; others may have to be opened. Rejects with `mesh.namespace`. */
  async take(): Promise<NetworkNamespace> {
    const spare = this.#spares.shift()
    // Who took one may take no other: a command that ends at once should not make some for nobody.
    this.#fill(Math.min(maxSpares, this.#taken++))
    // Spare ones are made without keeping this process alive, until somebody waits for one.
    const isWaiting = setInterval(() => {}, 60_000)
    try {
      const taken = (await spare) ?? (await this.#make())
      if (!this.#over.signal.aborted) return taken
      discard(taken)
    } finally {
      clearInterval(isWaiting)
    }
    throw new MayflyError("platform.disposed", "the platform was disposed")
  }

  /** Calling twice is safe. Networks that were taken stay. */
  async close(): Promise<void> {
    this.#over.abort()
    for (const spare of this.#spares.splice(0)) discard(await spare)
  }
}

function discard(namespace: NetworkNamespace | undefined): void {
  if (namespace === undefined) return
  const { proxy, dns, dnsOverTcp, transparent } = namespace.listeners
  for (const listener of [proxy, dns, dnsOverTcp, ...transparent.values()]) listener.close()
  namespace.close()
}

async function makeNamespace({ user }: NetworkNamespacesOptions, signal: AbortSignal): Promise<NetworkNamespace> {
  const held: number[] = []
  const close = (): void => {
    for (const fd of held.splice(0)) closeSync(fd)
  }
  try {
    const listeners = await openNamespaceListeners({
      enter: ["unshare", ...(user ? ["--user", "--map-root-user"] : []), "--net", "--"],
      ports: usualPorts,
      isBackground: true,
      signal,
      // The process ends; what keeps the namespaces is that we have them open.
      onInside: (pid) => {
        for (const name of ["net", ...(user ? ["user"] : [])]) held.push(openSync(`/proc/${pid}/ns/${name}`, "r"))
      },
    })
    const [net, owner] = held.map((fd) => `/proc/${process.pid}/fd/${fd}`)
    const inUser = owner === undefined ? [] : [`--user=${owner}`, "--preserve-credentials"]
    return { listeners, enter: ["nsenter", `--net=${net}`, ...inUser, "--"], close }
  } catch (error) {
    close()
    throw error
  }
}
