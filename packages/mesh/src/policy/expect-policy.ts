import { AssertionError } from "node:assert"
import type { NetworkPolicy } from "@mayfly/protocol"
import { mayDial } from "../dial/address.ts"
import { addressOf, type CanonicalTarget, canonicalTarget, socketTarget, webSocketTarget } from "./canonical-target.ts"
import { decide } from "./decide.ts"
import type { RefusalReason } from "./denied-error.ts"
import { readPolicy } from "./read-policy.ts"

export interface PolicyExpectation {
  /** Throws an AssertionError when the policy denies this. `method` is "GET" when it is not given. */
  toAllow(url: string, options?: { readonly method?: string }): void
  /** Throws an AssertionError when the policy allows this, or denies it for another reason. */
  toDeny(url: string, reason?: RefusalReason, options?: { readonly method?: string }): void
}

/**
 * Tests of a policy, in any test runner: `expectPolicy(policy).toDeny("https://evil.example")`. Nothing is sent and no
 * name is looked up; a name that has a private address is refused later, when it is known. Throws `input.invalid`.
 */
export function expectPolicy(policy: NetworkPolicy): PolicyExpectation {
  const parsed = readPolicy(policy)
  const answer = (url: string, method: string): "allowed" | RefusalReason => {
    const canonical = targetOf(url)
    if (!canonical.ok) return canonical.problem
    const { target } = canonical
    const verdict = decide(parsed, { method, target })
    if (!verdict.allow) return verdict.reason
    const address = addressOf(target.host)
    const isOpen = address === null || mayDial(address, { namesHost: verdict.namesHost, isLiteral: true })
    return isOpen ? "allowed" : "private-address"
  }
  const expectation: PolicyExpectation = {
    toAllow(url, { method = "GET" } = {}) {
      const found = answer(url, method)
      if (found !== "allowed")
        fail(`${method} ${url}`, { found: `denied: ${found}`, expected: "allowed" }, this.toAllow)
    },
    toDeny(url, reason, { method = "GET" } = {}) {
      const found = answer(url, method)
      if (found !== "allowed" && (reason === undefined || reason === found)) return
      const expected = reason === undefined ? "denied" : `denied: ${reason}`
      fail(`${method} ${url}`, { found: found === "allowed" ? found : `denied: ${found}`, expected }, this.toDeny)
    },
  }
  return expectation
}

function targetOf(url: string): CanonicalTarget {
  const raw = /^(tcp|tls):\/\/([^/?#@]*):(\d{1,5})\/?$/i.exec(url)
  if (raw !== null) {
    const [, scheme = "", host = "", port = ""] = raw
    return socketTarget({ host, port: Number(port), tls: scheme.toLowerCase() === "tls" })
  }
  return /^wss?:/i.test(url) ? webSocketTarget(url) : canonicalTarget(url)
}

interface Mismatch {
  readonly found: string
  readonly expected: string
}

function fail(what: string, { found, expected }: Mismatch, at: (...args: never[]) => void): never {
  const message = `${what} should be ${expected}, and is ${found}`
  throw new AssertionError({ message, actual: found, expected, operator: "expectPolicy", stackStartFn: at })
}
