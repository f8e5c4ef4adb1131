import { existsSync, readFileSync } from "node:fs"
import { createSandboxProxy, enterNamespace, type HttpEgress, openNamespaceListeners, PolicyHandle } from "@mayfly/mesh"
import { MayflyError } from "@mayfly/protocol"
import type { EgressAttachment, EgressTarget, SandboxEgress, SandboxFetch } from "@mayfly/sandbox"

const ownCertificate = "/run/mayfly/ca.pem"
const allCertificates = "/run/mayfly/certificates.pem"
/** Of a request that the supervisor makes for a sandbox: its answer passes through memory. */
const maxResponseBytes = 16 << 20
const systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

/** The way out of sandboxes: a proxy for each, over the same egress as that of workers. Names resolve to it; no variable has to be set for that. */
export function createSandboxEgress(egress: HttpEgress): SandboxEgress {
  return {
    check: (network) => egress.check(network),
    attach: (target) => attach(egress, target),
  }
}

async function attach(egress: HttpEgress, target: EgressTarget): Promise<EgressAttachment> {
  const policy = new PolicyHandle(target.network)
  if (target.namespacePid === null) return withoutNetwork(egress, target, policy)
  const proxy = createSandboxProxy({ tenant: target.tenant, sandboxId: target.id, policy, egress })
  try {
    // Root may enter any network; others only through the user namespace that owns it.
    const enter = enterNamespace(target.namespacePid, { user: process.getuid?.() !== 0 })
    proxy.serve(await openNamespaceListeners({ enter, ports: proxy.ports }))
  } catch (error) {
    await proxy.close()
    throw error
  }
  return {
    environment: {
      // Node adds to what it trusts, and reads a long file on every start; the others take one file for all.
      NODE_EXTRA_CA_CERTS: ownCertificate,
      SSL_CERT_FILE: allCertificates,
      CURL_CA_BUNDLE: allCertificates,
      GIT_SSL_CAINFO: allCertificates,
      REQUESTS_CA_BUNDLE: allCertificates,
      PIP_CERT: allCertificates,
    },
    files: {
      [ownCertificate]: proxy.certificate,
      [allCertificates]: `${trustedHere()}\n${proxy.certificate}`,
    },
    fetch: fetchOf(egress, target, policy).fetch,
    setPolicy: (network) => policy.replace(network),
    [Symbol.asyncDispose]: () => proxy.close(),
  }
}

/** A sandbox whose requests are its provider's calls. */
function withoutNetwork(egress: HttpEgress, target: EgressTarget, policy: PolicyHandle): EgressAttachment {
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
  { id, tenant }: EgressTarget,
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
