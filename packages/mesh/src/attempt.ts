import { randomUUID } from "node:crypto"
import { type EgressContext, type LedgerRow, MayflyError } from "@mayfly/protocol"
import { mayDial } from "./address.ts"
import { addressOf, canonicalTarget, type Target } from "./canonical-origin.ts"
import { decide, type Verdict } from "./decide.ts"
import { deniedError, type RefusalReason } from "./denied-error.ts"
import { type Exchange, exchange, type RawResponse } from "./exchange.ts"
import type { Hop } from "./next-hop.ts"
import type { Policy } from "./parse-policy.ts"
import { outgoingHeaders } from "./request-headers.ts"
import type { Lookup } from "./resolve-addresses.ts"
import { unreachableError } from "./unreachable-error.ts"

export interface AttemptOptions {
  readonly policy: Policy
  readonly lookup: Lookup
  skipBody(status: number): boolean
}

/** Decides, performs and records one request. Records exactly one row, then answers or throws a MayflyError. */
export async function attempt(hop: Hop, context: EgressContext, options: AttemptOptions): Promise<RawResponse> {
  const time = Date.now()
  const outcome = await perform(hop, context, options)
  const durationMs = Date.now() - time
  const { tenant, runId } = context
  context.record({ id: randomUUID(), time, tenant, runId, ...blankRow(hop), ...outcome.row, durationMs })
  if (!outcome.ok) throw outcome.error
  return outcome.response
}

/** What became of an attempt. Nothing in here throws, so that a row is written whatever happens. */
type Outcome = { readonly row: Partial<LedgerRow> } & (
  | { readonly ok: true; readonly response: RawResponse }
  | { readonly ok: false; readonly error: unknown }
)

type Allowed = Extract<Verdict, { allow: true }>

async function perform(hop: Hop, context: EgressContext, options: AttemptOptions): Promise<Outcome> {
  const { policy } = options
  if (!isToken.test(hop.method) || forbiddenMethods.has(hop.method.toUpperCase())) {
    return refuse(hop, null, { policy, reason: "method-forbidden", rule: null })
  }
  const parsed = canonicalTarget(hop.url)
  if (!parsed.ok) return refuse(hop, null, { policy, reason: parsed.problem, rule: null })
  const { target } = parsed
  const verdict = decide(policy, { method: hop.method, target })
  if (!verdict.allow) return refuse(hop, target, { policy, ...verdict })
  const checked = outgoingHeaders(hop.headers)
  if (!checked.ok) {
    const error = new MayflyError("input.invalid", `${hop.method} ${target.origin} was not sent: ${checked.problem}`)
    return { row: { ...targetRow(target), reason: "header", rule: verdict.rule }, ok: false, error }
  }
  return dial({ ...hop, headers: checked.headers }, target, { verdict, context, options })
}

interface DialOptions {
  readonly verdict: Allowed
  readonly context: EgressContext
  readonly options: AttemptOptions
}

async function dial(hop: Hop, target: Target, { verdict, context, options }: DialOptions): Promise<Outcome> {
  const { signal } = context
  const row = { ...targetRow(target), decision: "allow" as const, rule: verdict.rule }
  const literal = addressOf(target.host)
  let addresses: readonly string[]
  try {
    // Asked only now: a question to a name server already tells its owner something.
    addresses = literal === null ? await untilAborted(options.lookup(target.host), signal) : [literal]
  } catch (cause) {
    return failed(hop, target, { row, cause, signal })
  }
  const isOpen = (address: string): boolean =>
    mayDial(address, { namesHost: verdict.namesHost, isLiteral: literal !== null })
  // All must pass: a name with one public and one private address is how rebinding gets its second try.
  if (!addresses.every(isOpen)) {
    return refuse(hop, target, { policy: options.policy, reason: "private-address", rule: verdict.rule })
  }
  if (addresses.length === 0) return failed(hop, target, { row, cause: new Error("no address"), signal })
  const maxBytes = Math.min(context.maxResponseBytes, verdict.maxResponseBytes ?? Infinity)
  const done = await exchange(hop, target, { addresses, maxBytes, signal, skipBody: options.skipBody })
  return settle(hop, target, { done, row, signal, maxBytes })
}

interface SettleOptions {
  readonly done: Exchange
  readonly row: Partial<LedgerRow>
  readonly signal: AbortSignal
  readonly maxBytes: number
}

function settle(hop: Hop, target: Target, { done, row, signal, maxBytes }: SettleOptions): Outcome {
  const { address, bytesIn } = done
  // Counted once a connection stood; before that nothing of the body can have left.
  const traffic = { ...row, address, bytesIn, bytesOut: address === null ? 0 : (hop.body?.length ?? 0) }
  switch (done.status) {
    case "answered":
      return { row: { ...traffic, status: done.response.status }, ok: true, response: done.response }
    case "too-large": {
      const message = `The response of "${target.origin}" is larger than ${maxBytes} bytes`
      const error = new MayflyError("mesh.response-too-large", message, {
        details: { origin: target.origin, maxBytes },
      })
      return { row: { ...traffic, status: done.responseStatus, reason: "response-too-large" }, ok: false, error }
    }
    case "failed":
      return failed(hop, target, { row: { ...traffic, status: done.responseStatus }, cause: done.cause, signal })
  }
}

interface Failure {
  readonly row: Partial<LedgerRow>
  readonly cause: unknown
  readonly signal: AbortSignal
}

function failed(hop: Hop, target: Target, { row, cause, signal }: Failure): Outcome {
  // The run knows best why it gave up, for instance because of its time limit.
  if (signal.aborted) return { row: { ...row, reason: "aborted" }, ok: false, error: signal.reason }
  const error = unreachableError(cause, {
    method: hop.method,
    origin: target.origin,
    wasConnected: (row.address ?? null) !== null,
  })
  return { row: { ...row, reason: "unreachable" }, ok: false, error }
}

interface Refusal {
  readonly policy: Policy
  readonly reason: RefusalReason
  readonly rule: string | null
}

function refuse(hop: Hop, target: Target | null, { policy, reason, rule }: Refusal): Outcome {
  const known = target ?? { origin: "", path: "" }
  const error = deniedError({ method: hop.method, origin: known.origin, path: known.path, reason }, policy)
  return { row: { ...(target === null ? {} : targetRow(target)), decision: "deny", reason, rule }, ok: false, error }
}

const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]{1,40}$/i
// CONNECT makes a tunnel that nobody decides about; the other two echo headers back (Fetch standard, forbidden method).
const forbiddenMethods = new Set(["CONNECT", "TRACE", "TRACK"])

function blankRow({ method }: Hop): Omit<LedgerRow, "id" | "time" | "tenant" | "runId" | "durationMs"> {
  return {
    method: method.slice(0, 40),
    origin: "",
    path: "",
    address: null,
    port: 0,
    decision: "deny",
    rule: null,
    reason: null,
    status: null,
    bytesIn: 0,
    bytesOut: 0,
  }
}

function targetRow({ origin, path, port }: Target): Pick<LedgerRow, "origin" | "path" | "port"> {
  return { origin, path, port }
}

/** The system's resolver cannot be cancelled; its answer is then of no interest. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = (): void => reject(new Error("aborted"))
  signal.addEventListener("abort", onAbort, { once: true })
  promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
  if (signal.aborted) onAbort()
  return result
}
