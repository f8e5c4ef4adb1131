import { type HeaderPairs, MayflyError } from "@mayfly/protocol"
import type { Target } from "../policy/canonical-target.ts"
import type { AuthRule, PlaceholderRule } from "../policy/credential-rule.ts"
import { withSecret } from "../policy/header-rule.ts"
import type { Allowed } from "../policy/decide.ts"
import { signAws } from "../secrets/sign-aws.ts"

export interface CredentialRequest {
  readonly method: string
  readonly target: Target
  /** Those of the guest, checked, without what the rule sets. */
  readonly headers: HeaderPairs
  /** "streamed" when its bytes are not known yet. */
  readonly body: Uint8Array | "streamed" | null
}

/** What to send, secrets filled in: must not get back to the guest. */
export interface Credentialed {
  readonly headers: HeaderPairs
  readonly pathAndQuery: string
  readonly secrets: readonly string[]
}

/** Adds what the rule adds: headers, credentials, secrets for their placeholders. `resolve` rejects for a secret that can't be sent. */
export async function addCredentials(
  request: CredentialRequest,
  { headers: rules, auth, placeholders }: Pick<Allowed, "headers" | "auth" | "placeholders">,
  resolve: (name: string) => Promise<string>,
): Promise<Credentialed> {
  const used = new Set<string>()
  const secretOf = (name: string): Promise<string> => {
    used.add(name)
    return resolve(name)
  }
  const filled = await fillPlaceholders(request, placeholders, secretOf)
  const headers = [...filled.headers]
  for (const rule of rules) {
    if (rule.kind === "text") headers.push([rule.name, rule.text])
    if (rule.kind === "secret") headers.push([rule.name, withSecret(rule.format, await secretOf(rule.secret))])
  }
  const authorized =
    auth === null ? { ...filled, headers } : await authorize({ ...request, ...filled, headers }, auth, secretOf)
  return { headers: authorized.headers, pathAndQuery: authorized.pathAndQuery, secrets: [...used] }
}

interface Filled {
  readonly headers: HeaderPairs
  readonly pathAndQuery: string
}

async function fillPlaceholders(
  { target, headers }: CredentialRequest,
  placeholders: readonly PlaceholderRule[],
  secretOf: (name: string) => Promise<string>,
): Promise<Filled> {
  let filled: Filled = { headers, pathAndQuery: target.pathAndQuery }
  for (const { text, secret } of placeholders) {
    const isUsed = filled.pathAndQuery.includes(text) || filled.headers.some(([, value]) => plain(value).includes(text))
    if (isUsed) filled = replaceIn(filled, text, await secretOf(secret))
  }
  return filled
}

/** What secrets may make a request longer by: a short placeholder of a long secret would fill our memory. */
const maxFilledLength = 65_536

function replaceIn({ headers, pathAndQuery }: Filled, text: string, secret: string): Filled {
  const texts = [pathAndQuery, ...headers.map(([, value]) => plain(value))]
  const count = texts.reduce((sum, one) => sum + one.split(text).length - 1, 0)
  if (count * secret.length > maxFilledLength) {
    const message = `the placeholder "${text}" is in the request ${count} times; with the secret it would be too long`
    throw new MayflyError("input.invalid", message, { details: { path: "placeholder" } })
  }
  return {
    headers: headers.map(([name, value]) => [name, replaceInHeader(value, text, secret)]),
    pathAndQuery: pathAndQuery.split(text).join(encodeURIComponent(secret)),
  }
}

const basic = /^basic +([A-Za-z0-9+/=]+)$/i

/** A header as it is meant: SDKs that log in with a name and a password send both as base64. */
function plain(value: string): string {
  const encoded = basic.exec(value)?.[1]
  return encoded === undefined ? value : Buffer.from(encoded, "base64").toString()
}

function replaceInHeader(value: string, text: string, secret: string): string {
  const meant = plain(value)
  if (!meant.includes(text)) return value
  const filled = meant.split(text).join(secret)
  return meant === value ? filled : `Basic ${Buffer.from(filled).toString("base64")}`
}

async function authorize(
  request: CredentialRequest & Filled,
  auth: AuthRule,
  secretOf: (name: string) => Promise<string>,
): Promise<Filled> {
  const { headers, pathAndQuery } = request
  if (auth.kind === "basic") {
    const password = await secretOf(auth.passwordSecret)
    const value = `Basic ${Buffer.from(`${auth.username}:${password}`).toString("base64")}`
    return { headers: [...headers, ["authorization", value]], pathAndQuery }
  }
  const { region, service, sessionTokenSecret } = auth
  const accessKeyId = await secretOf(auth.accessKeyIdSecret)
  const secretAccessKey = await secretOf(auth.secretAccessKeySecret)
  const session = sessionTokenSecret === null ? {} : { sessionToken: await secretOf(sessionTokenSecret) }
  const host = new URL(request.target.url).host
  return signAws({ ...request, host }, { accessKeyId, secretAccessKey, ...session }, { region, service })
}
