import { addressOf } from "../policy/canonical-target.ts"
import { mayDial } from "./address.ts"
import type { Lookup } from "./resolve-addresses.ts"
import { isOwnListener } from "./own-listeners.ts"

export interface FindOptions {
  readonly lookup: Lookup
  /** Ports that the platform itself listens on. */
  readonly ownPorts: Iterable<number>
  /** An exact rule names the host. */
  readonly namesHost: boolean
}

export type FoundAddresses =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly reason: "private-address" | "own-listener" }

/**
 * Resolves a host once and checks every address. What is dialled afterwards must be one of them: a second lookup could
 * give others. Rejects when the name does not resolve. `host` is canonical, an IPv6 address in brackets.
 */
export async function findAddresses(
  { host, port }: { readonly host: string; readonly port: number },
  { lookup, ownPorts, namesHost }: FindOptions,
): Promise<FoundAddresses> {
  const literal = addressOf(host)
  const addresses = literal === null ? await lookup(host) : [literal]
  if (addresses.length === 0) throw Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" })
  // All must pass: a name with one public and one private address is how rebinding gets its second try.
  if (!addresses.every((address) => mayDial(address, { namesHost, isLiteral: literal !== null }))) {
    return { ok: false, reason: "private-address" }
  }
  const ports = [...ownPorts]
  if (addresses.some((address) => isOwnListener(address, port, ports))) return { ok: false, reason: "own-listener" }
  return { ok: true, addresses: addresses.slice(0, maxAddresses) }
}

/** A name server may answer with thousands, each of which would be tried. */
const maxAddresses = 16
