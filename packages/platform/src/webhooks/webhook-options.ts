import { MayflyError } from "@mayfly/protocol"
import { parseWebhookSecret } from "./webhook-secret.ts"

/** Somebody who is told of questions, decisions and secrets that came back, by signed HTTP requests (Standard Webhooks). */
export interface WebhookOptions {
  /** Any http or https address, private ones too: the operator names it. Redirects are not followed. */
  readonly url: string
  /** `whsec_` and 24 to 64 bytes in base64. */
  readonly secret: string
  /** Told when events begin to be lost, and not again before one has arrived. Must not throw. */
  readonly onFailure?: (failure: WebhookFailure) => void
}

export interface WebhookFailure {
  /** Of the webhook; its path may hold a token. */
  readonly origin: string
  /** In words. */
  readonly reason: string
}

export interface ParsedWebhook {
  readonly url: URL
  readonly key: Buffer
  readonly onFailure: (failure: WebhookFailure) => void
}

const maxWebhooks = 16
const known = ["url", "secret", "onFailure"]

/** Checks untrusted options. Throws `input.invalid`. */
export function parseWebhooks(given: unknown): readonly ParsedWebhook[] {
  if (given === undefined) return []
  if (!Array.isArray(given) || given.length > maxWebhooks)
    throw invalid("webhooks", `must be a list of at most ${maxWebhooks}`)
  return given.map((one: unknown, at) => parseWebhook(one, `webhooks[${at}]`))
}

function parseWebhook(given: unknown, path: string): ParsedWebhook {
  if (typeof given !== "object" || given === null) throw invalid(path, "must be an object with url and secret")
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw invalid(`${path}.${name}`, `is not an option; they are ${known.join(", ")}`)
  }
  const { url, secret, onFailure = () => {} } = given as Partial<WebhookOptions>
  if (typeof onFailure !== "function") throw invalid(`${path}.onFailure`, "must be a function")
  return { url: parseUrl(url, `${path}.url`), key: parseWebhookSecret(secret, `${path}.secret`), onFailure }
}

function parseUrl(given: unknown, path: string): URL {
  const url = typeof given === "string" && URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol === "http:" || url?.protocol === "https:") return url
  throw invalid(path, "must be an http or https address")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
