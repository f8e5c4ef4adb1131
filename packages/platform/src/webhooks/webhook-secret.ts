import { createHmac, randomBytes } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"

const prefix = "whsec_"
const minBytes = 24
const maxBytes = 64

/** A new secret in the form of Standard Webhooks: `whsec_` and 256 random bits. */
export function createWebhookSecret(): string {
  return prefix + randomBytes(32).toString("base64")
}

/** The key in a secret's text. Throws `input.invalid`, which says `from` where it came and never repeats it. */
export function parseWebhookSecret(text: unknown, from: string): Buffer {
  const encoded = typeof text === "string" && text.startsWith(prefix) ? text.slice(prefix.length) : ""
  const key = Buffer.from(encoded, "base64")
  const isWhole = key.toString("base64").replaceAll("=", "") === encoded.replaceAll("=", "")
  if (isWhole && key.length >= minBytes && key.length <= maxBytes) return key
  const message = `${from} must be "${prefix}" and ${minBytes} to ${maxBytes} random bytes in base64`
  throw new MayflyError("input.invalid", message, { details: { path: from } })
}

export interface SignedMessage {
  readonly id: string
  /** Epoch seconds of this attempt: receivers refuse old ones. */
  readonly timestamp: number
  readonly body: string
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, symmetric signature. */
export function webhookHeaders(key: Buffer, { id, timestamp, body }: SignedMessage): Record<string, string> {
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": `v1,${signature}` }
}
