import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { createSecureContext, type SecureContext } from "node:tls"
import ipaddr from "ipaddr.js"
import { addressOf } from "../policy/canonical-target.ts"
import { bits, boolean, identifier, integer, octets, sequence, setOf, tagged, time, utf8 } from "./der.ts"

/** Signs certificates for hosts. Its key is in memory only, and goes with it. */
export interface Authority {
  /** What the sandbox has to trust, in PEM. */
  readonly certificate: string
  /** What a TLS server needs to be that host. */
  contextFor(host: string): SecureContext
}

/** An authority of its own for one sandbox: what it signs is worth nothing anywhere else. */
export function createAuthority(name = "Mayfly sandbox"): Authority {
  const own = newKey()
  const issuer = { name, keyId: keyIdOf(own.spki), key: own.privateKey }
  const certificate = certificateOf({ subject: name, spki: own.spki, issuer, days: authorityDays, host: null })
  // One key for all hosts: who has it has them all anyway.
  const leaf = newKey()
  const key = leaf.privateKey.export({ type: "pkcs8", format: "pem" })
  const contexts = new Map<string, { readonly context: SecureContext; readonly madeAt: number }>()
  return {
    certificate,
    contextFor(host) {
      const known = contexts.get(host)
      if (known !== undefined && Date.now() - known.madeAt < renewMs) return known.context
      const cert = certificateOf({ subject: "", spki: leaf.spki, issuer, days: leafDays, host })
      const context = createSecureContext({ key, cert, minVersion: "TLSv1.2" })
      contexts.delete(host)
      contexts.set(host, { context, madeAt: Date.now() })
      if (contexts.size > maxContexts) contexts.delete(contexts.keys().next().value ?? "")
      return context
    },
  }
}

const authorityDays = 365
const leafDays = 7
const renewMs = 24 * 3_600_000
const maxContexts = 256

interface Key {
  readonly privateKey: KeyObject
  readonly spki: Buffer
}

interface Issuer {
  readonly name: string
  readonly keyId: Buffer
  readonly key: KeyObject
}

interface CertificateFields {
  readonly subject: string
  readonly spki: Buffer
  readonly issuer: Issuer
  readonly days: number
  /** Null for an authority's own. */
  readonly host: string | null
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  return { privateKey, spki: publicKey.export({ type: "spki", format: "der" }) }
}

/** RFC 5280, 4.2.1.2: any number that is the key's own will do. */
function keyIdOf(spki: Buffer): Buffer {
  return createHash("sha256").update(spki).digest().subarray(0, 20)
}

const ecdsaWithSha256 = sequence(identifier("1.2.840.10045.4.3.2"))

/** RFC 5280, 4.1. */
function certificateOf({ subject, spki, issuer, days, host }: CertificateFields): string {
  const now = Date.now()
  const version3 = tagged(0xa0, integer(Buffer.from([2])))
  // Clocks of sandboxes may be behind.
  const validity = sequence(time(now - 3_600_000), time(now + days * 86_400_000))
  const extensions = host === null ? authorityExtensions(spki) : leafExtensions(spki, issuer, host)
  const body = sequence(
    version3,
    integer(serialNumber()),
    ecdsaWithSha256,
    nameOf(issuer.name),
    validity,
    nameOf(subject),
    spki,
    tagged(0xa3, sequence(...extensions)),
  )
  const signed = sequence(body, ecdsaWithSha256, bits(sign("sha256", body, issuer.key)))
  return pem(signed)
}

/** Above zero and without leading zeros, which DER does not allow. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}

function authorityExtensions(spki: Buffer): readonly Buffer[] {
  const noFurtherAuthorities = sequence(boolean(true), integer(Buffer.from([0])))
  return [
    extension("2.5.29.19", noFurtherAuthorities, { isCritical: true }),
    // keyCertSign, cRLSign
    extension("2.5.29.15", bits(Buffer.from([0x06]), 1), { isCritical: true }),
    extension("2.5.29.14", octets(keyIdOf(spki))),
  ]
}

function leafExtensions(spki: Buffer, issuer: Issuer, host: string): readonly Buffer[] {
  return [
    extension("2.5.29.19", sequence(), { isCritical: true }),
    // digitalSignature
    extension("2.5.29.15", bits(Buffer.from([0x80]), 7), { isCritical: true }),
    extension("2.5.29.14", octets(keyIdOf(spki))),
    extension("2.5.29.35", sequence(tagged(0x80, issuer.keyId))),
    // serverAuth
    extension("2.5.29.37", sequence(identifier("1.3.6.1.5.5.7.3.1"))),
    // The subject is empty, so this is where the name is, and RFC 5280 wants it to be critical.
    extension("2.5.29.17", sequence(alternativeName(host)), { isCritical: true }),
  ]
}

function extension(id: string, value: Buffer, { isCritical = false } = {}): Buffer {
  return sequence(identifier(id), ...(isCritical ? [boolean(true)] : []), octets(value))
}

function alternativeName(host: string): Buffer {
  const address = addressOf(host)
  return address === null ? tagged(0x82, host) : tagged(0x87, Buffer.from(ipaddr.parse(address).toByteArray()))
}

function nameOf(commonName: string): Buffer {
  return commonName === "" ? sequence() : sequence(setOf(sequence(identifier("2.5.4.3"), utf8(commonName))))
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").replaceAll(/.{64}/g, "$&\n").trimEnd()
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}
