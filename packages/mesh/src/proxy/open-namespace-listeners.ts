import { type ChildProcess, spawn } from "node:child_process"
import { Socket as UdpSocket } from "node:dgram"
import { Server, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { MayflyError } from "@mayfly/protocol"
import { moduleBeside } from "@mayfly/store"
import { fakeNetwork } from "./fake-addresses.ts"

/** Sockets that listen where a sandbox can reach them. Whoever got them closes them; a proxy that serves them does. */
export interface NamespaceListeners {
  readonly proxy: Server
  /** By port. */
  readonly transparent: ReadonlyMap<number, Server>
  readonly dns: UdpSocket
  readonly dnsOverTcp: Server
}

export interface NamespaceOptions {
  /**
   * A command that runs what follows it within the sandbox's network namespace, and can change that: see `enterNamespace`.
   * Its files are those of the supervisor.
   */
  readonly enter: readonly string[]
  /** For `proxy`, on the sandbox's loopback. Default 3128. */
  readonly proxyPort?: number
  /** For `transparent`. */
  readonly ports: readonly number[]
  /** Default 20,000. */
  readonly timeoutMs?: number
  /** Called with the process that listens, while it is in the namespace. What it throws is what is rejected with. */
  readonly onInside?: (pid: number) => void
  /** Ends it; what it has opened is closed. */
  readonly signal?: AbortSignal
  /** Neither the program nor the sockets keep this process alive. */
  readonly isBackground?: boolean
}

/** What the helper is told to do. */
export interface NamespacePlan {
  /** A network to make local, null when that is done already. */
  readonly network: string | null
  readonly tcp: readonly Endpoint[]
  readonly udp: readonly Endpoint[]
}

interface Endpoint {
  readonly host: string
  readonly port: number
}

export type HelperMessage =
  | ({ readonly kind: "tcp" | "udp" } & Endpoint)
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string }

/** The command that enters the network of a process. `user`: the namespace belongs to the user namespace of that process. */
export function enterNamespace(pid: number, { user }: { readonly user: boolean }): readonly string[] {
  const inUser = user ? ["-U", "--preserve-credentials"] : []
  return ["nsenter", "-t", String(pid), "-n", ...inUser, "--"]
}

/**
 * Prepares an empty network namespace and listens in it: the proxy's port and name server on its loopback, and each of `ports`
 * for all addresses that the name server gives. Do this before the sandbox runs anything: what listens first keeps the port.
 * A program enters the namespace for it and ends; the sockets are then ours. Rejects with `mesh.namespace`.
 */
export async function openNamespaceListeners(options: NamespaceOptions): Promise<NamespaceListeners> {
  const { proxyPort = defaultProxyPort, ports } = options
  const transparent = transparentPorts(ports, proxyPort).map(everywhere)
  const plan: NamespacePlan = {
    network: fakeNetwork,
    tcp: [{ host: loopback, port: proxyPort }, { host: loopback, port: dnsPort }, ...transparent],
    udp: [{ host: loopback, port: dnsPort }],
  }
  const [proxy, dnsOverTcp, ...others] = await listen(plan, options)
  const dns = others.pop()
  if (!(proxy instanceof Server) || !(dnsOverTcp instanceof Server) || !(dns instanceof UdpSocket))
    throw broken("sockets are missing")
  return { proxy, dnsOverTcp, dns, transparent: byPort(transparent, others) }
}

/** Listens on further ports, when a policy came to name them. Rejects with `mesh.namespace`. */
export async function openTransparentListeners(options: NamespaceOptions): Promise<ReadonlyMap<number, Server>> {
  const transparent = options.ports.map(everywhere)
  return byPort(transparent, await listen({ network: null, tcp: transparent, udp: [] }, options))
}

/** Ports of these that no listener of ours has anyway. */
export function transparentPorts(ports: readonly number[], proxyPort = defaultProxyPort): readonly number[] {
  return ports.filter((port) => port !== dnsPort && port !== proxyPort)
}

const defaultProxyPort = 3128
const loopback = "127.0.0.1"
const dnsPort = 53

type Handle = Server | UdpSocket

function everywhere(port: number): Endpoint {
  return { host: "0.0.0.0", port }
}

function byPort(endpoints: readonly Endpoint[], handles: readonly Handle[]): ReadonlyMap<number, Server> {
  return new Map(
    endpoints.map(({ port }, index) => {
      const server = handles[index]
      if (!(server instanceof Server)) throw broken("sockets are missing")
      return [port, server]
    }),
  )
}

/** Gives the sockets in the order of the plan; on throw all are closed. */
async function listen(
  plan: NamespacePlan,
  { enter, timeoutMs = 20_000, onInside, signal, isBackground = false }: NamespaceOptions,
): Promise<readonly Handle[]> {
  const handles: Handle[] = []
  const [command, ...args] = [...enter, process.execPath, "--disable-warning=ExperimentalWarning", helper]
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin` },
  })
  const kill = (): void => void child.kill("SIGKILL")
  const timer = setTimeout(kill, timeoutMs)
  signal?.addEventListener("abort", kill, { once: true })
  if (isBackground) for (const held of [child, child.channel, child.stderr as Socket | null, timer]) held?.unref()
  try {
    await passed({ child, handles, onInside: () => onInside?.(child.pid ?? 0) }, plan)
    if (isBackground) for (const handle of handles) handle.unref()
    return handles
  } catch (error) {
    for (const handle of handles) handle.close()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", kill)
    if (child.connected) child.disconnect()
  }
}

const helper = fileURLToPath(moduleBeside("namespace-helper", import.meta.url))

interface Receiving {
  readonly child: ChildProcess
  readonly handles: Handle[]
  onInside(): void
}

function passed({ child, handles, onInside }: Receiving, plan: NamespacePlan): Promise<void> {
  let said = ""
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (data: Buffer) => void (said = (said + data.toString()).slice(-2_000)))
    child.once("error", (cause) => reject(broken(cause.message, cause)))
    child.once("close", (code, signal) => reject(broken(said.trim() || `it ended with ${signal ?? code}`)))
    child.on("message", (message: HelperMessage, handle: unknown) => {
      if (message.kind === "done") return resolve()
      if (message.kind === "failed") return reject(broken(message.message))
      if (!(handle instanceof Server || handle instanceof UdpSocket)) return reject(broken("a socket did not arrive"))
      handles.push(handle)
      try {
        if (handles.length === 1) onInside()
        child.send("next")
      } catch (cause) {
        reject(broken((cause as Error).message, cause))
      }
    })
    child.send(plan, (error) => {
      if (error !== null) reject(broken(said.trim() || error.message, error))
    })
  })
}

function broken(why: string, cause?: unknown): MayflyError {
  const hint = /\bip\b.*ENOENT/.test(why) ? "the `ip` command (iproute2) is not installed" : why
  return new MayflyError("mesh.namespace", `A sandbox's network could not be prepared: ${hint}`, { cause })
}
