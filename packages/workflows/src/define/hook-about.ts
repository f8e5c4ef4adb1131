import { invalid, only, record } from "./check.ts"

/** How a service signs what it sends to the link of a waiting step. `secret` is the name of a secret of the tenant. */
export type HookSignature =
  /** Standard Webhooks; GitHub's `x-hub-signature-256`; Stripe's `stripe-signature`. */
  | { readonly scheme: "standard-webhooks" | "github" | "stripe"; readonly secret: string }
  /** HMAC-SHA256 of the body in a header, behind `prefix` when there is one. */
  | {
      readonly scheme: "hmac-sha256"
      readonly secret: string
      readonly header: string
      readonly prefix: string
      readonly encoding: "hex" | "base64"
    }

/** What a link that decides shows and wants. */
export interface HookAbout {
  /** The question, for people. */
  readonly prompt?: string
  readonly signature?: HookSignature
}

export const aboutOptions = ["prompt", "signature"]

const maxPrompt = 2_000
const named = ["standard-webhooks", "github", "stripe"] as const

/** Undefined when nothing is said. Throws `input.invalid` naming the field. */
export function parseAbout(given: Record<string, unknown>, path: string): HookAbout | undefined {
  const { prompt, signature } = given
  if (prompt === undefined && signature === undefined) return undefined
  return {
    ...(prompt !== undefined && { prompt: parsePrompt(prompt, `${path}.prompt`) }),
    ...(signature !== undefined && { signature: parseSignature(signature, `${path}.signature`) }),
  }
}

function parsePrompt(value: unknown, path: string): string {
  const isText = typeof value === "string" && value !== "" && value.length <= maxPrompt
  // Lines are fine, other control characters are not.
  if (isText && !/[\u0000-\u0009\u000b-\u001f\u007f]/.test(value)) return value
  throw invalid(path, `must be a text of 1 to ${maxPrompt} characters without control characters`)
}

function parseSignature(value: unknown, path: string): HookSignature {
  const given = record(value, path)
  const { scheme, secret } = given
  if (typeof secret !== "string" || secret === "" || secret.length > 256)
    throw invalid(`${path}.secret`, "must be the name of a secret")
  const known = named.find((name) => name === scheme)
  if (known !== undefined) {
    only(given, ["scheme", "secret"], path)
    return { scheme: known, secret }
  }
  if (scheme !== "hmac-sha256") throw invalid(`${path}.scheme`, `must be one of ${named.join(", ")}, hmac-sha256`)
  only(given, ["scheme", "secret", "header", "prefix", "encoding"], path)
  const { header, prefix = "", encoding = "hex" } = given
  if (typeof header !== "string" || !/^[\w-]{1,100}$/.test(header))
    throw invalid(`${path}.header`, "must be the name of a header")
  if (typeof prefix !== "string" || prefix.length > 100) throw invalid(`${path}.prefix`, "must be a short text")
  if (encoding !== "hex" && encoding !== "base64") throw invalid(`${path}.encoding`, "must be hex or base64")
  return { scheme, secret, header: header.toLowerCase(), prefix, encoding }
}
