import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { test } from "node:test"
import type { HookSignature } from "@mayfly/workflows"
import { Webhook } from "standardwebhooks"
import { createWebhookSecret } from "../webhooks/webhook-secret.ts"
import { checkSignature } from "./check-signature.ts"

const now = Date.now()
const body = '{"paid":true,"by":"Ä"}'

interface Given {
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly secret?: string | null
}

/** Undefined when the request is taken, else why not. */
function refusal(signature: HookSignature, given: Given & { readonly secret: string | null }): string | undefined {
  try {
    const request = { headers: new Headers(given.headers), body: given.body ?? body }
    checkSignature(signature, { secret: given.secret, request, now })
    return undefined
  } catch (error) {
    assert.equal((error as { code: string }).code, "workflow.hook-signature")
    return (error as Error).message
  }
}

const hmac = (secret: string, text: string, encoding: "hex" | "base64" = "hex"): string =>
  createHmac("sha256", secret).update(text).digest(encoding)

/** That the right request is taken, and none of the others. */
function checkAll(
  signature: HookSignature,
  secret: string,
  right: Record<string, string>,
  wrong: readonly Given[],
): void {
  assert.equal(refusal(signature, { secret, headers: right }), undefined)
  const always: Given[] = [{ headers: {} }, { headers: right, body: `${body} ` }, { headers: right, secret: null }]
  const other = signature.scheme === "standard-webhooks" ? createWebhookSecret() : `${secret}x`
  for (const given of [...always, { headers: right, secret: other }, ...wrong]) {
    const why = refusal(signature, { secret, ...given })
    assert.ok(why !== undefined, JSON.stringify(given))
    assert.ok(!why.includes(secret))
  }
}

test("checkSignature takes what the library of Standard Webhooks signs, and nothing else", () => {
  const secret = createWebhookSecret()
  const signed = (at: number): Record<string, string> => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at / 1_000)),
    "webhook-signature": new Webhook(secret).sign("msg_1", new Date(at), body),
  })
  const right = signed(now)
  const signature = right["webhook-signature"] ?? ""
  const scheme = { scheme: "standard-webhooks", secret: "KEY" } as const
  assert.equal(
    refusal(scheme, { secret, headers: { ...right, "webhook-signature": `v1,AAAA v2,x ${signature}` } }),
    undefined,
  )
  checkAll(scheme, secret, right, [
    { headers: signed(now - 301_000) },
    { headers: signed(now + 302_000) },
    { headers: { ...right, "webhook-id": "msg_2" } },
    { headers: { ...right, "webhook-id": "" } },
    { headers: { ...right, "webhook-timestamp": "x" } },
    { headers: { ...right, "webhook-signature": signature.replace("v1", "v1a") } },
    { headers: { ...right, "webhook-signature": "v1," } },
    { headers: { ...right, "webhook-signature": `${"v1,AAAA ".repeat(20)}${signature}` } },
    { headers: right, secret: "not of that form" },
  ])
})

test("checkSignature takes GitHub's documented example, and nothing else", () => {
  const secret = "It's a Secret to Everybody"
  const headers = {
    "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
  }
  const scheme = { scheme: "github", secret: "KEY" } as const
  assert.equal(refusal(scheme, { secret, headers, body: "Hello, World!" }), undefined)
  const right = { "x-hub-signature-256": `sha256=${hmac(secret, body)}` }
  checkAll(scheme, secret, right, [
    { headers: { "x-hub-signature-256": hmac(secret, body) } },
    { headers: { "x-hub-signature-256": "sha256=" } },
    { headers: { "x-hub-signature": right["x-hub-signature-256"] } },
  ])
})

test("checkSignature takes Stripe's form, and nothing else", () => {
  const secret = "whsec_of_stripe"
  const signed = (at: number): string => {
    const seconds = Math.floor(at / 1_000)
    return `t=${seconds},v1=${hmac("old secret", `${seconds}.${body}`)},v1=${hmac(secret, `${seconds}.${body}`)},v0=x`
  }
  checkAll({ scheme: "stripe", secret: "KEY" }, secret, { "stripe-signature": signed(now) }, [
    { headers: { "stripe-signature": signed(now - 301_000) } },
    { headers: { "stripe-signature": signed(now).replace(/^t=\d+,/, "") } },
    { headers: { "stripe-signature": signed(now - 1_000).replace(/^t=\d+/, `t=${Math.floor(now / 1_000)}`) } },
    { headers: { "stripe-signature": signed(now).replaceAll("v1=", "v0=") } },
  ])
})

test("checkSignature takes an HMAC in a header of one's choice", () => {
  const scheme = { scheme: "hmac-sha256", secret: "KEY", header: "x-sig", prefix: "", encoding: "base64" } as const
  checkAll(scheme, "shared", { "X-Sig": hmac("shared", body, "base64") }, [
    { headers: { "x-sig": hmac("shared", body) } },
  ])
})

test("checkSignature takes nothing when there is no request to look at", () => {
  const given = { secret: "shared", request: undefined, now }
  assert.throws(() => checkSignature({ scheme: "github", secret: "KEY" }, given), { code: "workflow.hook-signature" })
})
