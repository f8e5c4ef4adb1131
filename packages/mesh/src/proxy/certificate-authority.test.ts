import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { connect, createServer, type TLSSocket } from "node:tls"
import { createAuthority } from "./certificate-authority.ts"

/** What a client that trusts `ca` gets from a server that is `host`. */
async function certificateAt(
  host: string,
  { ca, authority = ca }: { ca: ReturnType<typeof createAuthority>; authority?: typeof ca },
): Promise<X509Certificate> {
  const context = authority.contextFor(host)
  const server = createServer({ SNICallback: (_name, callback) => callback(null, context) })
  server.on("tlsClientError", () => {})
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const client: TLSSocket = connect({ port, host: "127.0.0.1", servername: host, ca: ca.certificate })
  try {
    await once(client, "secureConnect")
    const certificate = client.getPeerX509Certificate()
    assert.ok(certificate !== undefined)
    return certificate
  } finally {
    client.destroy()
    server.close()
  }
}

test("an authority signs what strict verifiers take, for any name", async (t) => {
  const authority = createAuthority()
  const host = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.example.com`
  const certificate = await certificateAt(host, { ca: authority })
  assert.equal(certificate.checkHost(host), host)
  assert.equal(certificate.checkHost("example.com"), undefined)
  assert.equal(certificate.ca, false)
  const own = new X509Certificate(authority.certificate)
  assert.deepEqual([own.ca, own.subject, certificate.checkIssued(own)], [true, "CN=Mayfly sandbox", true])
  const folder = mkdtempSync(join(tmpdir(), "mayfly-authority-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const [ca, leaf] = [join(folder, "ca.pem"), join(folder, "leaf.pem")]
  writeFileSync(ca, authority.certificate)
  writeFileSync(leaf, certificate.toString())
  const args = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host, "-CAfile", ca, leaf]
  assert.match(execFileSync("openssl", args, { encoding: "utf8" }), /: OK/)
})

test("an authority is worth nothing to who trusts another one", async () => {
  const [one, other] = [createAuthority(), createAuthority()]
  await assert.rejects(certificateAt("api.test", { ca: one, authority: other }), {
    code: /SELF_SIGNED|UNABLE_TO|SIGNATURE/,
  })
  assert.notEqual(
    new X509Certificate(one.certificate).fingerprint256,
    new X509Certificate(other.certificate).fingerprint256,
  )
})

test("a certificate for an address holds the address", () => {
  const authority = createAuthority()
  assert.ok(authority.contextFor("127.0.0.1"))
  assert.ok(authority.contextFor("[::1]"))
  assert.equal(authority.contextFor("a.test"), authority.contextFor("a.test"), "made once")
})
