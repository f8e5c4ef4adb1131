import { type EgressContext, type HeaderPairs, MayflyError } from "@mayfly/protocol"
import type { ConnectionPool } from "../dial/connection-pool.ts"
import { findAddresses } from "../dial/find-addresses.ts"
import type { RecentAnswers } from "../dial/recent-answers.ts"
import { addressOf, type CanonicalTarget, type Target } from "../policy/canonical-target.ts"
import { overridingHeaders } from "../policy/connection-headers.ts"
import { type Allowed, decide, decideConnection, type Denied, unlimited } from "../policy/decide.ts"
import { deniedError, type RefusalReason } from "../policy/denied-error.ts"
import type { Policy } from "../policy/parse-policy.ts"
import { hashOf } from "../policy/policy-hash.ts"
import { readPolicy } from "../policy/read-policy.ts"
import type { RuleUsage } from "../policy/rule-usage.ts"
import type { LiveRedactor } from "../secrets/live-redactor.ts"
import type { SecretGuard } from "../secrets/secret-guard.ts"
import { addCredentials, type Credentialed } from "./add-credentials.ts"
import type { EgressOptions, Timeouts } from "./egress-options.ts"
import { LedgerEntry } from "./ledger-entry.ts"
import { outgoingHeaders } from "./request-headers.ts"
import { unreachableError } from "./unreachable-error.ts"
import { untilAborted } from "./until-aborted.ts"

/** What all attempts of one way out share. */
export interface EgressTools {
  readonly answers: RecentAnswers
  readonly usage: RuleUsage
  readonly pool: ConnectionPool
  readonly timeouts: Timeouts
  readonly guard: SecretGuard
  readonly options: EgressOptions
}

export interface Asked {
  readonly method: string
  readonly target: CanonicalTarget
  readonly headers: HeaderPairs
  /** "streamed" when its bytes are not known before the request is sent. Default: none. */
  readonly body?: Uint8Array | "streamed" | null
  /** Nobody will see the requests of this https origin: only a rule that says nothing about them will do. */
  readonly isTunnel?: boolean
  /** What is wrong with it whatever the policy says: it is refused, and recorded. */
  readonly fault?: RefusalReason
}

/** An attempt that may happen, with all that is needed for it. Its row is begun. */
export interface Cleared {
  readonly target: Target
  /** What to ask for: the target's, secrets filled in. Must not get back to the guest. */
  readonly pathAndQuery: string
  /** Takes brokered secrets out of what comes back. */
  readonly redactor: LiveRedactor
  readonly policyHash: string
  readonly entry: LedgerEntry
  /** Checked addresses, at least one. Nothing else is dialled. */
  readonly addresses: readonly string[]
  /** Header rules applied, secrets filled in: must not get back to the guest. */
  readonly headers: HeaderPairs
  readonly maxRequestBytes: number
  /** Of one answer or message. */
  readonly maxResponseBytes: number
  /** Of all that a connection gives, null when the rule does not say. */
  readonly maxStreamBytes: number | null
}

/**
 * Everything between a wish and its first byte: method, address, policy, approval, headers, counts, addresses, secrets,
 * and the row in the ledger. Rejects with a MayflyError, or with the signal's reason; the row is then complete.
 */
export async function clear(asked: Asked, context: EgressContext, tools: EgressTools): Promise<Cleared> {
  const policy = readPolicy(context.policy)
  const policyHash = hashOf(policy)
  const start = { method: asked.method.slice(0, 40), policyHash }
  const entry = new LedgerEntry(context, tools.options.ledger, start)
  const clearance = new Clearance({ asked, context, tools, policy, policyHash, entry })
  try {
    return await clearance.run()
  } catch (error) {
    // Only a defect gets here with an open row.
    entry.end({ decision: "deny", reason: "internal" })
    throw error
  }
}

interface ClearanceParts {
  readonly asked: Asked
  readonly context: EgressContext
  readonly tools: EgressTools
  readonly policy: Policy
  readonly policyHash: string
  readonly entry: LedgerEntry
}

class Clearance {
  readonly #parts: ClearanceParts

  constructor(parts: ClearanceParts) {
    this.#parts = parts
  }

  async run(): Promise<Cleared> {
    const { asked, context, entry, policyHash } = this.#parts
    if (!isToken.test(asked.method) || isForbidden(asked)) return this.#refuse("method-forbidden")
    if (!asked.target.ok) return this.#refuse(asked.target.problem)
    const { target } = asked.target
    entry.set({ origin: target.origin, path: target.path, port: target.port })
    if (asked.fault !== undefined) return this.#refuse(asked.fault)
    const verdict = await this.#decide(target)
    entry.set({ decision: "allow", rule: verdict.rule })
    const given = await this.#checkedHeaders(target, verdict)
    await this.#count(verdict)
    await this.#checkSize(target, verdict)
    const addresses = await this.#addresses(target, verdict)
    const { headers, pathAndQuery } = await this.#addCredentials(target, given, verdict)
    context.signal.throwIfAborted()
    await entry.begin()
    context.signal.throwIfAborted()
    const where = { where: target.origin, runId: context.runId }
    return {
      target,
      pathAndQuery,
      redactor: this.#parts.tools.guard.redactor(context.tenant, where),
      policyHash,
      entry,
      addresses,
      headers,
      maxRequestBytes: verdict.maxRequestBytes ?? Infinity,
      maxResponseBytes: Math.min(context.maxResponseBytes, verdict.maxResponseBytes ?? Infinity),
      maxStreamBytes: verdict.maxResponseBytes,
    }
  }

  async #decide(target: Target): Promise<Allowed> {
    const { asked, policy } = this.#parts
    const verdict =
      asked.isTunnel === true ? decideTunnel(policy, target) : decide(policy, { method: asked.method, target })
    if (verdict.allow) return verdict
    if (verdict.reason === "ask") return this.#ask(target)
    return this.#refuse(verdict.reason, { rule: verdict.rule })
  }

  async #ask(target: Target): Promise<Allowed> {
    const { asked, context, tools, policyHash } = this.#parts
    const { approvals } = tools.options
    if (approvals === undefined) return this.#refuse("ask")
    const { tenant, runId, sandboxId, step, worker, signal } = context
    const { method } = asked
    const { origin, path } = target
    const who = {
      tenant,
      runId,
      ...(sandboxId === undefined ? {} : { sandboxId }),
      ...(step === undefined ? {} : { step }),
      ...(worker === undefined ? {} : { worker: worker.hash, excerpt: worker.excerpt(target.host) }),
    }
    this.#parts.entry.set({ decision: "ask" })
    let answer: "allow" | "deny" | "pending"
    try {
      answer = await untilAborted(approvals.ask({ ...who, method, origin, path, policyHash, signal }), signal)
    } catch {
      signal.throwIfAborted()
      return this.#refuse("ask")
    }
    if (answer === "pending") return this.#refuse("pending")
    // Anything that is no clear yes is a no.
    if (answer !== "allow") return this.#refuse("ask-denied")
    // Whoever said yes saw a name: it opens no private network, unless the name says that it is one.
    return { ...unlimited, isNarrow: true, namesHost: target.host === "localhost" || addressOf(target.host) !== null }
  }

  async #checkedHeaders({ origin }: Target, { headers, auth, isNarrow }: Allowed): Promise<HeaderPairs> {
    const { asked } = this.#parts
    const own = [...(auth === null ? [] : ["authorization"]), ...(isNarrow ? overridingHeaders : [])]
    const ruled = new Set([...headers.map(({ name }) => name), ...own])
    const checked = outgoingHeaders(asked.headers, ruled)
    if (checked.ok) return checked.headers
    const error = new MayflyError("input.invalid", `${asked.method} ${origin} was not sent: ${checked.problem}`)
    return this.#refuse("header", { error })
  }

  async #count({ counted }: Allowed): Promise<void> {
    if (counted.length === 0) return
    const { tenant, runId } = this.#parts.context
    const taken = this.#parts.tools.usage.take(counted, { tenant, runId, now: Date.now() })
    if (taken.ok) return
    const wait = taken.reason === "rate" ? { retryAfterMs: taken.retryAfterMs } : {}
    await this.#refuse(taken.reason, { rule: taken.rule.pattern.text, ...wait })
  }

  async #checkSize({ origin }: Target, { maxRequestBytes }: Allowed): Promise<void> {
    const { body } = this.#parts.asked
    const bodyBytes = body instanceof Uint8Array ? body.length : 0
    if (maxRequestBytes === null || bodyBytes <= maxRequestBytes) return
    await this.#refuse("request-too-large", { error: tooLargeRequest(origin, maxRequestBytes) })
  }

  async #addresses(target: Target, { namesHost }: Allowed): Promise<readonly string[]> {
    const { asked, context, tools, entry, policyHash } = this.#parts
    const { tenant, signal } = context
    const lookup = tools.answers.for(`${tenant}\n${policyHash}`)
    const { options } = tools
    const ownPorts = options.ownPorts?.() ?? []
    const opensPrivate = namesHost && (options.mayReachPrivate?.(tenant) ?? true)
    try {
      // Asked only now: a question to a name server already tells its owner something.
      const found = await untilAborted(findAddresses(target, { lookup, ownPorts, namesHost: opensPrivate }), signal)
      if (found.ok) return found.addresses
      return await this.#refuse(found.reason)
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof MayflyError) throw cause
      await entry.begin()
      entry.end({ reason: "unreachable" })
      throw unreachableError(cause, { method: asked.method, origin: target.origin, wasConnected: false })
    }
  }

  /** What the rule adds. Secrets are known to nobody before this. */
  async #addCredentials(target: Target, headers: HeaderPairs, verdict: Allowed): Promise<Credentialed> {
    const { method, body = null } = this.#parts.asked
    const request = { method, target, headers, body }
    const added = await addCredentials(request, verdict, (name) => this.#secretValue(target, name)).catch(
      (error: unknown) => this.#refuseFilled(error),
    )
    this.#parts.entry.set({ secrets: added.secrets })
    return added
  }

  /** Placeholders that are too many; whatever else failed is on record already. */
  async #refuseFilled(error: unknown): Promise<never> {
    if (error instanceof MayflyError && error.code === "input.invalid") return this.#refuse("header", { error })
    throw error
  }

  async #secretValue(target: Target, name: string): Promise<string> {
    const { context, tools } = this.#parts
    const { tenant, signal } = context
    const value = await this.#secret(tenant, name, signal)
    const problem = value === null ? "is not stored" : sendable.test(value) ? null : "cannot be sent as a header"
    if (value !== null && problem === null) {
      tools.guard.brokered(tenant, { name, value })
      return value
    }
    const message = `${this.#parts.asked.method} ${target.origin} was not sent: the secret "${name}" ${problem}`
    const error = new MayflyError("mesh.secret-missing", message, { details: { secret: name } })
    return this.#refuse("secret-missing", { error })
  }

  async #secret(tenant: string, name: string, signal: AbortSignal): Promise<string | null> {
    try {
      return (await untilAborted(this.#parts.tools.options.secrets?.resolve(tenant, name) ?? nothing, signal)) ?? null
    } catch {
      // Neither value nor cause: the text of a failing store may hold either.
      signal.throwIfAborted()
      return null
    }
  }

  async #refuse(reason: RefusalReason | OtherReason, refusal: Refusal = {}): Promise<never> {
    const { asked, entry, policy } = this.#parts
    const { origin, path } = entry.row
    const { rule, error, retryAfterMs } = refusal
    entry.set({ decision: reason === "pending" ? "ask" : "deny", reason, ...(rule === undefined ? {} : { rule }) })
    await entry.begin()
    entry.end()
    if (error !== undefined) throw error
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs }
    throw deniedError({ method: asked.method, origin, path, reason: reason as RefusalReason, ...wait }, policy)
  }
}

/** Reasons that have errors of their own. */
type OtherReason = "header" | "request-too-large" | "secret-missing"

interface Refusal {
  readonly rule?: string | null
  readonly error?: MayflyError
  readonly retryAfterMs?: number
}

export function tooLargeRequest(origin: string, maxBytes: number): MayflyError {
  const message = `The request to "${origin}" is larger than ${maxBytes} bytes`
  return new MayflyError("mesh.request-too-large", message, { details: { origin, maxBytes } })
}

/** A tunnel to an https origin hides its requests, so that a rule about them could not be kept. A raw one has rules of its own. */
function decideTunnel(policy: Policy, target: Target): Allowed | Denied {
  if (isRaw(target)) return decide(policy, { method: "CONNECT", target })
  const verdict = decideConnection(policy, target)
  if (!verdict.allow) return verdict
  const { rule, namesHost, needsRequests } = verdict
  return needsRequests ? { allow: false, reason: "tunnel", rule } : { ...unlimited, rule, namesHost }
}

const nothing = Promise.resolve(null)
const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]{1,40}$/i
const sendable = /^[\t\x20-\x7e\x80-\xff]{1,16384}$/
// CONNECT makes a tunnel that nobody decides about; the other two echo headers back (Fetch standard, forbidden method).
const forbiddenMethods = new Set(["CONNECT", "TRACE", "TRACK"])

function isForbidden({ method, target, isTunnel = false, fault }: Asked): boolean {
  if (isTunnel || fault !== undefined || (target.ok && isRaw(target.target))) return false
  return forbiddenMethods.has(method.toUpperCase())
}

function isRaw({ scheme }: Target): boolean {
  return scheme === "tcp" || scheme === "tls"
}
