import { createHmac, timingSafeEqual } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { HookSignature } from "@mayfly/workflows"
import { parseWebhookSecret } from "../webhooks/webhook-secret.ts"

/** A request to a link, as it came. */
export interface HookRequest {
  readonly headers: Headers
  /** As it was sent: a body that was parsed and written again has another signature. */
  readonly body: string
}

/** As Standard Webhooks and Stripe advise; the link itself can be used only once. */
const toleranceMs = 300_000
/** Senders that change their secret send two. */
const maxSignatures = 16

/** Throws `workflow.hook-signature` unless the request is signed with the secret. The text is for strangers: it names neither secret nor signature. */
export function checkSignature(
  signature: HookSignature,
  {
    secret,
    request,
    now,
  }: { readonly secret: string | null; readonly request: HookRequest | undefined; readonly now: number },
): void {
  if (request === undefined) throw refused("it takes signed requests only")
  if (secret === null) throw refused("the secret that its requests are checked with is not there")
  switch (signature.scheme) {
    case "standard-webhooks":
      return checkStandard(standardKey(secret), request, now)
    case "github":
      return checkHeader({ header: "x-hub-signature-256", prefix: "sha256=", encoding: "hex" }, secret, request)
    case "stripe":
      return checkStripe(secret, request, now)
    case "hmac-sha256":
      return checkHeader(signature, secret, request)
  }
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric signature. */
function checkStandard(key: Buffer, { headers, body }: HookRequest, now: number): void {
  const id = headers.get("webhook-id") ?? ""
  const timestamp = headers.get("webhook-timestamp") ?? ""
  checkTime(timestamp, now)
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest()
  const given = (headers.get("webhook-signature") ?? "").split(" ")
  if (id === "") throw refused("the header webhook-id is missing")
  checkAny(
    given.filter((text) => text.startsWith("v1,")).map((text) => text.slice(3)),
    wanted,
    "base64",
  )
}

/** https://docs.stripe.com/webhooks#verify-manually */
function checkStripe(secret: string, { headers, body }: HookRequest, now: number): void {
  const parts = (headers.get("stripe-signature") ?? "").split(",").map((part) => part.trim())
  const valuesOf = (name: string): string[] =>
    parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1))
  const [timestamp = ""] = valuesOf("t")
  checkTime(timestamp, now)
  checkAny(valuesOf("v1"), createHmac("sha256", secret).update(`${timestamp}.${body}`).digest(), "hex")
}

interface HeaderForm {
  readonly header: string
  readonly prefix: string
  readonly encoding: "hex" | "base64"
}

function checkHeader({ header, prefix, encoding }: HeaderForm, secret: string, { headers, body }: HookRequest): void {
  const given = headers.get(header) ?? ""
  const wanted = createHmac("sha256", secret).update(body).digest()
  checkAny(given.startsWith(prefix) ? [given.slice(prefix.length)] : [], wanted, encoding)
}

function checkTime(seconds: string, now: number): void {
  if (/^\d{1,12}$/.test(seconds) && Math.abs(now - Number(seconds) * 1_000) <= toleranceMs) return
  throw refused("the request has no time of signing, or one too far from now")
}

function checkAny(given: readonly string[], wanted: Buffer, encoding: "hex" | "base64"): void {
  const isRight = given.slice(0, maxSignatures).some((text) => {
    const bytes = Buffer.from(text, encoding)
    return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
  })
  if (!isRight) throw refused("the request is not signed with the secret that was agreed on")
}

function standardKey(secret: string): Buffer {
  try {
    return parseWebhookSecret(secret, "the secret")
  } catch {
    throw refused("the secret that its requests are checked with is not one of Standard Webhooks")
  }
}

function refused(why: string): MayflyError {
  return new MayflyError("workflow.hook-signature", `the link was not used: ${why}`)
}
