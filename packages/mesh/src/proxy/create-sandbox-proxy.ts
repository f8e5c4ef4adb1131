import type { Socket as UdpSocket } from "node:dgram"
import type { Server, Socket } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { type EgressContext, MayflyError, type NetworkPolicy } from "@mayfly/protocol"
import type { Tunnel } from "../egress/open-tunnel.ts"
import { addressOf, canonicalTarget, socketTarget, type Target, withoutPath } from "../policy/canonical-target.ts"
import { decideConnection } from "../policy/decide.ts"
import { deniedError } from "../policy/denied-error.ts"
import { mayReachHost, portsOf } from "../policy/named-hosts.ts"
import type { Policy } from "../policy/parse-policy.ts"
import { PolicyHandle } from "../policy/policy-handle.ts"
import { canonicalPolicy } from "../policy/policy-hash.ts"
import { readPolicy } from "../policy/read-policy.ts"
import { AttemptBudget } from "./attempt-budget.ts"
import { type Authority, createAuthority } from "./certificate-authority.ts"
import { type Opening, readOpening } from "./client-hello.ts"
import { DnsService } from "./dns-service.ts"
import { FakeAddresses } from "./fake-addresses.ts"
import { refusalBytes } from "./http-answer.ts"
import { HttpService } from "./http-service.ts"
import { type NamespaceListeners, transparentPorts } from "./open-namespace-listeners.ts"
import { type ConnectionPlan, planConnection, type TlsPlan, type WantedConnection } from "./plan-connection.ts"
import { defaultProxyLimits, type ProxyLimits, type SandboxProxyOptions, type TlsMode } from "./proxy-options.ts"
import { peek } from "./read-socket.ts"
import { acceptSocks, readSocksRequest, refuseSocks } from "./socks.ts"

/**
 * The network of one sandbox. It serves sockets that listen where only the sandbox can reach them; what is asked through them
 * is decided, recorded and sent by the same way out as requests of workers.
 */
export interface SandboxProxy extends AsyncDisposable {
  /** What the sandbox has to trust so that it can read requests that end here, in PEM. */
  readonly certificate: string
  /** Ports of the policy that counts now, for which there should be transparent listeners. */
  readonly ports: readonly number[]
  /** Ports of a policy for which nothing is served yet. Throws `input.invalid`. */
  missingPorts(policy: NetworkPolicy): readonly number[]
  /** After a change of the policy: ends tunnels and requests under way that it does not allow. */
  closeForbidden(): void
  /** Connections that are open. */
  readonly connections: number
  /** Serves all that `openNamespaceListeners` gave. */
  serve(listeners: NamespaceListeners): void
  /** HTTP with absolute URLs, CONNECT and SOCKS5, told apart by their first byte. */
  serveProxy(server: Server): void
  /** Connections to addresses that `serveDns` gave. `port` is what the server listens on, and what is then dialled. */
  serveTransparent(server: Server, port: number): void
  serveDns(socket: UdpSocket): void
  serveDnsOverTcp(server: Server): void
  /** Ends all connections and closes what is served. Calling twice is safe. */
  close(): Promise<void>
}

/** Throws `input.invalid` for a policy that cannot be carried out. */
export function createSandboxProxy(options: SandboxProxyOptions): SandboxProxy {
  return new OpenProxy(options)
}

/** How somebody who waits for a connection is told what became of it. */
interface Door {
  /** False when nobody waits for word: the connection stands before we know of it. */
  readonly isAsked: boolean
  accept(): void
  /** Says why not, as well as it can be said, and ends the connection. */
  refuse(error: MayflyError): void
}

class OpenProxy implements SandboxProxy {
  readonly #options: SandboxProxyOptions
  readonly #policy: NetworkPolicy
  readonly #limits: ProxyLimits
  readonly #authority: Authority
  readonly #names: FakeAddresses
  readonly #dns: DnsService
  readonly #http: HttpService
  readonly #sockets = new Set<Socket>()
  /** Connections whose bytes nobody reads, as they were allowed. */
  readonly #opaque = new Map<Socket, Opaque>()
  readonly #ports = new Set<number>()
  readonly #budget: AttemptBudget
  readonly #openings = new WeakMap<Duplex, NodeJS.Timeout>()
  readonly #served = new Set<{ close(): unknown }>()
  readonly #over = new AbortController()

  constructor(options: SandboxProxyOptions) {
    const { policy, egress, limits, authority = createAuthority() } = options
    this.#options = options
    // A copy: whoever gave it may still change it.
    this.#policy = policy instanceof PolicyHandle ? policy : new PolicyHandle(canonicalPolicy(policy))
    this.#limits = { ...defaultProxyLimits, ...limits }
    this.#budget = new AttemptBudget(this.#limits.attemptsPerMinute, performance.now())
    this.#authority = authority
    this.#names = new FakeAddresses(this.#limits.names)
    this.#dns = new DnsService({
      mayReach: (host) => mayReachHost(readPolicy(this.#policy), host),
      addressOf: (host) => this.#names.addressOf(host),
      refuse: async (name) => {
        const wanted = `https://${name}`
        return (await this.#overBudget("DNS", wanted)) ?? this.#refuse("DNS", wanted)
      },
    })
    this.#http = new HttpService({
      egress,
      limits: this.#limits,
      token: options.token ?? null,
      contextFor: (signal) => this.#contextFor(signal),
      overBudget: (method, wanted) => this.#overBudget(method, wanted),
      onTunnel: (wanted, socket) => void this.#serveConnect(wanted, socket),
      onOpened: (socket) => this.#opened(socket),
      onGarbage: (target) => void this.#refuseGarbage(target),
    })
  }

  get certificate(): string {
    return this.#authority.certificate
  }

  get ports(): readonly number[] {
    return portsOf(readPolicy(this.#policy))
  }

  get connections(): number {
    return this.#sockets.size
  }

  serve({ proxy, transparent, dns, dnsOverTcp }: NamespaceListeners): void {
    this.serveProxy(proxy)
    for (const [port, server] of transparent) this.serveTransparent(server, port)
    this.serveDns(dns)
    this.serveDnsOverTcp(dnsOverTcp)
  }

  serveProxy(server: Server): void {
    this.#listen(server, (socket) => this.#serveProxied(socket))
  }

  missingPorts(policy: NetworkPolicy): readonly number[] {
    return transparentPorts(portsOf(readPolicy(policy))).filter((port) => !this.#ports.has(port))
  }

  closeForbidden(): void {
    const policy = readPolicy(this.#policy)
    for (const [socket, opaque] of this.#opaque)
      if (!mayStayOpen(policy, opaque, this.#options.tls ?? "when-needed")) socket.destroy()
    this.#http.closeForbidden(policy)
  }

  serveTransparent(server: Server, port: number): void {
    this.#ports.add(port)
    server.once("close", () => this.#ports.delete(port))
    this.#listen(server, (socket) => this.#serveDirect(socket, port))
  }

  serveDns(socket: UdpSocket): void {
    this.#served.add(socket)
    socket.once("close", () => this.#served.delete(socket))
    this.#dns.serveUdp(socket)
  }

  serveDnsOverTcp(server: Server): void {
    this.#listen(server, (socket) => this.#dns.serveTcp(socket))
  }

  async close(): Promise<void> {
    this.#dns.close()
    for (const served of this.#served) served.close()
    this.#served.clear()
    this.#over.abort(new MayflyError("mesh.unreachable", "The sandbox has ended"))
    this.#http.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #listen(server: Server, serve: (socket: Socket) => Promise<void>): void {
    this.#served.add(server)
    server.once("close", () => this.#served.delete(server))
    server.on("error", () => {})
    server.on("connection", (socket: Socket) => {
      if (!this.#admit(socket)) return void socket.destroy()
      serve(socket).catch(() => socket.destroy())
    })
  }

  #admit(socket: Socket): boolean {
    if (this.#over.signal.aborted || this.#sockets.size >= this.#limits.connections) return false
    this.#sockets.add(socket)
    socket.allowHalfOpen = true
    socket.on("error", () => socket.destroy())
    socket.setTimeout(this.#limits.idleMs, () => socket.destroy())
    // Whoever says nothing, or says it a byte at a time, does not keep a place for long.
    this.#openings.set(
      socket,
      setTimeout(() => socket.destroy(), this.#limits.openingMs),
    )
    socket.once("close", () => {
      this.#opened(socket)
      this.#sockets.delete(socket)
      this.#opaque.delete(socket)
    })
    return true
  }

  #opened(socket: Duplex): void {
    clearTimeout(this.#openings.get(socket))
    this.#openings.delete(socket)
  }

  async #serveProxied(socket: Socket): Promise<void> {
    const first = await peek(socket, ([byte]) => byte ?? null)
    if (first === null) return void socket.destroy()
    if (first !== socksVersion) return this.#http.accept(socket, { kind: "proxy" })
    const wanted = await readSocksRequest(socket, this.#options.token ?? null)
    if (wanted === null) return
    const door = {
      isAsked: true,
      accept: () => acceptSocks(socket),
      refuse: (error: MayflyError) => refuseSocks(socket, error),
    }
    await this.#connect(socket, this.#meant(wanted), door)
  }

  async #serveConnect(wanted: string, socket: Socket): Promise<void> {
    const door = {
      isAsked: true,
      accept: () => void socket.write("HTTP/1.1 200 Connection Established\r\n\r\n"),
      refuse: (error: MayflyError) => void socket.end(refusalBytes(error)),
    }
    try {
      const [, host, port] = /^(\[[0-9a-f:.]{1,45}\]|[^:\s]{1,260}):(\d{1,5})$/i.exec(wanted) ?? []
      if (host === undefined)
        return door.refuse((await this.#overBudget("CONNECT", wanted)) ?? (await this.#refuse("CONNECT", wanted)))
      await this.#connect(socket, this.#meant({ host, port: Number(port) }), door)
    } catch {
      socket.destroy()
    }
  }

  async #serveDirect(socket: Socket, port: number): Promise<void> {
    const host = this.#names.nameOf(socket.localAddress ?? "")
    const door = { isAsked: false, accept() {}, refuse: () => void socket.destroy() }
    if (host !== null) return this.#connect(socket, { host, port }, door)
    // An address that was given to no name: somebody guesses, or kept it for too long.
    const guessed = { host: socket.localAddress ?? "", port }
    if ((await this.#overBudget("CONNECT", guessed)) === null) await this.#refuse("CONNECT", guessed)
    socket.destroy()
  }

  /** An address that was given to a name means that name; some clients look a name up before they ask a proxy. */
  #meant({ host, port }: WantedConnection): WantedConnection {
    return { host: this.#names.nameOf(host) ?? host, port }
  }

  async #connect(socket: Socket, wanted: WantedConnection, door: Door): Promise<void> {
    const over = await this.#overBudget("CONNECT", wanted)
    if (over !== null) return door.refuse(over)
    const canonical = socketTarget({ ...wanted, tls: false })
    const policy = readPolicy(this.#policy)
    const end = canonical.ok ? { host: canonical.target.host, port: wanted.port } : null
    const plan = end === null ? null : planConnection(policy, end, this.#options.tls ?? "when-needed")
    if (plan === null) return door.refuse(await this.#refuse("CONNECT", wanted))
    if (plan.kind === "raw") {
      this.#opaque.set(socket, { kind: "raw", target: plan.target })
      return this.#tunnel(socket, plan.target, door)
    }
    if (plan.refusal !== null && door.isAsked) {
      const { target, reason } = plan.refusal
      return door.refuse(await this.#refuse("CONNECT", target, reason))
    }
    await this.#look(socket, plan, door)
  }

  async #tunnel(socket: Socket, target: Target, door: Door): Promise<void> {
    const tunnel = await this.#open(target, door)
    if (tunnel === null) return
    if (socket.destroyed) return tunnel.close("cancelled")
    door.accept()
    this.#opened(socket)
    tunnel.join(socket, this.#limits)
  }

  /** Null when the connection was refused, and whoever wants it was told. */
  async #open(target: Target, door: Door): Promise<Tunnel | null> {
    try {
      return await this.#options.egress.openTunnel(target, this.#contextFor())
    } catch (error) {
      door.refuse(
        error instanceof MayflyError ? error : new MayflyError("mesh.unreachable", "No connection", { cause: error }),
      )
      return null
    }
  }

  async #look(socket: Socket, plan: ConnectionPlan & { kind: "look" }, door: Door): Promise<void> {
    const { tls, mayHttp } = plan
    const target = tls.target
    // Whoever waits for word is told that the server cannot be reached; that only works before anything is said.
    const isEarly = door.isAsked && tls.kind === "tunnel" && !mayHttp
    if (tls.kind === "tunnel") this.#opaque.set(socket, { kind: "tls", target })
    const tunnel = isEarly ? await this.#open(target, door) : null
    if (isEarly && tunnel === null) return
    door.accept()
    const opening = await peek(socket, (bytes) => settled(readOpening(bytes)))
    if (opening === null) return this.#silent(socket, target, tunnel)
    if (opening.kind === "tls" && isNamed(opening.serverName, target.host)) return this.#secure(socket, tls, tunnel)
    if (opening.kind !== "other") return this.#misnamed(socket, target, tunnel)
    this.#opaque.delete(socket)
    if (tunnel === null) return this.#http.accept(socket, { kind: "origin", target: plainTarget(target) })
    tunnel.close("protocol")
    socket.destroy()
  }

  /** TLS that asks for the host that it was connected to. */
  async #secure(socket: Socket, plan: TlsPlan, early: Tunnel | null): Promise<void> {
    if (plan.kind === "terminate") return this.#terminate(socket, plan.target)
    const tunnel =
      early ?? (await this.#open(plan.target, { isAsked: false, accept() {}, refuse: () => socket.destroy() }))
    if (tunnel === null) return
    if (socket.destroyed) return tunnel.close("cancelled")
    this.#opened(socket)
    tunnel.join(socket, this.#limits)
  }

  #terminate(socket: Socket, target: Target): void {
    const context = this.#authority.contextFor(target.host)
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: ["http/1.1"],
      // The name was read before; the library reads it once more, and must have read the same.
      SNICallback: (name, callback) => {
        if (isNamed(name.toLowerCase(), target.host)) callback(null, context)
        else callback(new Error("another server name"))
      },
    })
    secure.on("error", () => socket.destroy())
    secure.once("secure", () => this.#opened(socket))
    this.#http.accept(secure, { kind: "origin", target })
  }

  async #misnamed(socket: Socket, target: Target, tunnel: Tunnel | null): Promise<void> {
    if (tunnel === null) await this.#refuse("CONNECT", target, "server-name")
    else tunnel.close("server-name")
    socket.end(unrecognizedName)
    socket.destroySoon()
  }

  /** Nothing came, or not enough. A client that just went away tried nothing; one that waits for the server to speak first did. */
  async #silent(socket: Socket, target: Target, tunnel: Tunnel | null): Promise<void> {
    const isWaiting = !socket.readableEnded
    socket.destroy()
    if (tunnel !== null) tunnel.close("cancelled")
    else if (isWaiting) await this.#refuseGarbage(target)
  }

  async #refuseGarbage({ host, port }: Target): Promise<void> {
    const raw = socketTarget({ host, port, tls: false })
    if (raw.ok) await this.#refuse("CONNECT", raw.target, "protocol").catch(() => {})
  }

  /** Counts an attempt. Why it is refused when there were too many; null when there is room. */
  async #overBudget(method: string, wanted: Target | WantedConnection | string): Promise<MayflyError | null> {
    const taken = this.#budget.take(performance.now())
    if (taken.ok) return null
    if (taken.isFirst) return this.#refuse(method, wanted, "attempts")
    const { retryAfterMs } = taken
    return deniedError({ method, origin: "", path: "", reason: "attempts", retryAfterMs }, readPolicy(this.#policy))
  }

  /** Records what is refused, and gives the words for whoever tried. */
  async #refuse(
    method: string,
    wanted: Target | WantedConnection | string,
    reason: Parameters<typeof deniedError>[0]["reason"] = "no-rule",
  ): Promise<MayflyError> {
    const target = targetOf(wanted)
    const end = target.ok ? ({ ok: true, target: withoutPath(target.target) } as const) : target
    return this.#options.egress.refuse({ method, target: end, reason }, this.#contextFor())
  }

  #contextFor(signal?: AbortSignal): EgressContext {
    const { tenant, sandboxId, runId = sandboxId, onRow = () => {} } = this.#options
    const over = this.#over.signal
    return {
      tenant,
      sandboxId,
      runId,
      policy: this.#policy,
      signal: signal === undefined ? over : AbortSignal.any([over, signal]),
      maxResponseBytes: this.#limits.responseBytes,
      record: onRow,
      onHop: () => {},
    }
  }
}

interface Opaque {
  readonly kind: "raw" | "tls"
  readonly target: Target
}

/** Whether what is open might be opened again under this policy. */
function mayStayOpen(policy: Policy, { kind, target }: Opaque, mode: TlsMode): boolean {
  const plan = planConnection(policy, target, mode)
  if (plan === null || plan.kind === "raw") return plan !== null
  return kind === "tls" && plan.tls.kind === "tunnel" && decideConnection(policy, plan.tls.target).allow
}

const socksVersion = 5
/** TLS alert 112, RFC 6066: clients say what it means. */
const unrecognizedName = Buffer.from([21, 3, 3, 0, 2, 2, 112])

/** As `peek` wants it: null as long as it cannot be told. */
function settled(opening: Opening): Exclude<Opening, { kind: "more" }> | null {
  return opening.kind === "more" ? null : opening
}

/** An address has no server name (RFC 6066, 3), and needs none. */
function isNamed(serverName: string | null, host: string): boolean {
  return serverName === null ? addressOf(host) !== null : serverName === host
}

function plainTarget({ host, port }: Target): Target {
  const parsed = canonicalTarget(`http://${host}:${port}`)
  if (!parsed.ok) throw new Error(`a host that was canonical is not: ${host}`)
  return parsed.target
}

function targetOf(wanted: Target | WantedConnection | string): ReturnType<typeof canonicalTarget> {
  if (typeof wanted === "string") return canonicalTarget(wanted)
  return "origin" in wanted ? { ok: true, target: wanted } : socketTarget({ ...wanted, tls: false })
}
