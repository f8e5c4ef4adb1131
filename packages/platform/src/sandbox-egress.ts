import { existsSync, readFileSync } from "node:fs"
import {
  createSandboxProxy,
  enterNamespace,
  type HttpEgress,
  NetworkNamespaces,
  openNamespaceListeners,
  openTransparentListeners,
  PolicyHandle,
  type SandboxProxy,
} from "@mayfly/mesh"
import { MayflyError, type NetworkPolicy } from "@mayfly/protocol"
import type { EgressAttachment, EgressTarget, PreparedEgress, SandboxEgress, SandboxFetch } from "@mayfly/sandbox"

const ownCertificate = "/run/mayfly/ca.pem"
const allCertificates = "/run/mayfly/certificates.pem"
/** Of a request that the supervisor makes for a sandbox: its answer passes through memory. */
const maxResponseBytes = 16 << 20
const systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

/** The way out of sandboxes: a proxy for each, over the same egress as that of workers. Names resolve to it; no variable has to be set for that. */
export function createSandboxEgress(egress: HttpEgress): SandboxEgress {
  const isUser = process.getuid?.() !== 0
  const namespaces = new NetworkNamespaces({ user: isUser })
  return {
    check(network) {
      egress.check(network)
      return network instanceof PolicyHandle ? network.policy : structuredClone(network)
    },
    attach: (target) => attach(egress, target),
    prepare: (target) => prepare(egress, target, namespaces),
    warm: () => namespaces.prepare(),
    close: () => namespaces.close(),
  }
}

type Wanted = Omit<EgressTarget, "namespacePid">

async function prepare(egress: HttpEgress, target: Wanted, namespaces: NetworkNamespaces): Promise<PreparedEgress> {
  const namespace = await namespaces.take()
  const { enter, listeners } = namespace
  const { attachment, proxy } = wayOut(egress, target, enter)
  proxy.serve(listeners)
  const ready = openPorts(proxy, enter, proxy.missingPorts(target.network))
  ready.catch(() => {})
  return {
    ...attachment,
    enter,
    ready,
    [Symbol.asyncDispose]: async () => {
      namespace.close()
      await proxy.close()
    },
  }
}

async function attach(egress: HttpEgress, target: EgressTarget): Promise<EgressAttachment> {
  if (target.namespacePid === null) return withoutNetwork(egress, target)
  // Root may enter any network; others only through the user namespace that owns it.
  const enter = enterNamespace(target.namespacePid, { user: process.getuid?.() !== 0 })
  const { attachment, proxy } = wayOut(egress, target, enter)
  try {
    proxy.serve(await openNamespaceListeners({ enter, ports: proxy.ports }))
    return attachment
  } catch (error) {
    await proxy.close()
    throw error
  }
}

function wayOut(
  egress: HttpEgress,
  target: Wanted,
  enter: readonly string[],
): { readonly attachment: EgressAttachment; readonly proxy: SandboxProxy } {
  const policy = new PolicyHandle(target.network)
  const proxy = createSandboxProxy({ tenant: target.tenant, sandboxId: target.id, policy, egress })
  let last = Promise.resolve()
  const attachment: EgressAttachment = {
    environment,
    files: {
      [ownCertificate]: proxy.certificate,
      [allCertificates]: `${trustedHere()}\n${proxy.certificate}`,
    },
    fetch: fetchOf(egress, target, policy).fetch,
    setPolicy: (network) => {
      const changed = last.then(() => changePolicy(network, { policy, proxy, enter }))
      last = changed.catch(() => {})
      return changed
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  }
  return { attachment, proxy }
}

interface Changing {
  readonly policy: PolicyHandle
  readonly proxy: SandboxProxy
  readonly enter: readonly string[]
}

/** Ports first: when one can't be opened, all stays as it was. */
async function changePolicy(network: NetworkPolicy, { policy, proxy, enter }: Changing): Promise<void> {
  await openPorts(proxy, enter, proxy.missingPorts(network))
  await policy.replace(network)
  proxy.closeForbidden()
}

async function openPorts(proxy: SandboxProxy, enter: readonly string[], ports: readonly number[]): Promise<void> {
  if (ports.length === 0) return
  for (const [port, server] of await openTransparentListeners({ enter, ports })) proxy.serveTransparent(server, port)
}

const environment = {
  // Node adds to what it trusts, and reads a long file on every start; the others take one file for all.
  NODE_EXTRA_CA_CERTS: ownCertificate,
  SSL_CERT_FILE: allCertificates,
  CURL_CA_BUNDLE: allCertificates,
  GIT_SSL_CAINFO: allCertificates,
  REQUESTS_CA_BUNDLE: allCertificates,
  PIP_CERT: allCertificates,
}

/** A sandbox whose requests are its provider's calls. */
function withoutNetwork(egress: HttpEgress, target: EgressTarget): EgressAttachment {
  const policy = new PolicyHandle(target.network)
  const { fetch, end } = fetchOf(egress, target, policy)
  return {
    environment: {},
    files: {},
    fetch,
    setPolicy: (network) => policy.replace(network),
    [Symbol.asyncDispose]: async () => end(),
  }
}

function fetchOf(
  egress: HttpEgress,
  { id, tenant }: Wanted,
  policy: PolicyHandle,
): { readonly fetch: SandboxFetch; end(): void } {
  const over = new AbortController()
  return {
    fetch: (request, signal) =>
      egress.fetch(request, {
        tenant,
        sandboxId: id,
        runId: id,
        policy,
        signal: AbortSignal.any([over.signal, signal]),
        maxResponseBytes,
        record: () => {},
        onHop: () => {},
      }),
    end: () => over.abort(new MayflyError("mesh.unreachable", "The sandbox has ended")),
  }
}

function trustedHere(): string {
  return existsSync(systemCertificates) ? readFileSync(systemCertificates, "utf8") : ""
}
