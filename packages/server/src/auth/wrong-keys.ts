import { isIPv6 } from "node:net"
import { MayflyError } from "@mayfly/protocol"

export interface WrongKeyLimit {
  /** Wrong keys that one address may send … */
  readonly max: number
  /** … within this time. */
  readonly perMs: number
}

interface Attempts {
  count: number
  readonly until: number
}

/** An attacker with more addresses than this starts anew with the oldest: memory is bounded, and 256 random bits are not guessed. */
const maxAddresses = 10_000

/** Counts wrong keys by address. A key that counts is never refused for what others at its address sent. */
export class WrongKeys {
  readonly #limit: WrongKeyLimit
  readonly #byAddress = new Map<string, Attempts>()

  constructor(limit: WrongKeyLimit) {
    this.#limit = limit
  }

  /** Called for each wrong key. Throws `auth.rate-limited` past the limit. */
  count(address: string, now: number): void {
    const network = networkOf(address)
    const known = this.#byAddress.get(network)
    const attempts = known === undefined || known.until <= now ? this.#begin(network, now) : known
    attempts.count += 1
    if (attempts.count <= this.#limit.max) return
    throw new MayflyError("auth.rate-limited", "too many wrong keys came from this address", {
      details: { retryAfterMs: attempts.until - now },
    })
  }

  get size(): number {
    return this.#byAddress.size
  }

  #begin(network: string, now: number): Attempts {
    this.#byAddress.delete(network)
    const [oldest] = this.#byAddress.keys()
    if (this.#byAddress.size >= maxAddresses && oldest !== undefined) this.#byAddress.delete(oldest)
    const attempts = { count: 0, until: now + this.#limit.perMs }
    this.#byAddress.set(network, attempts)
    return attempts
  }
}

/** Who has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, "")
  if (!isIPv6(bare) || bare.includes(".")) return bare.replace(/^::ffff:/i, "")
  const [head = "", tail] = bare.split("::")
  const first = head === "" ? [] : head.split(":")
  const last = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => "0")
  return [...first, ...zeros, ...last].slice(0, 4).join(":")
}
