import { canonicalTarget } from "./canonical-target.ts"
import { type AuthRule, type PlaceholderRule, readAuth, readPlaceholders, secretsOfAuth } from "./credential-rule.ts"
import { type HeaderRule, readHeaderRules } from "./header-rule.ts"
import { isOverBroad, type OriginPattern, parseOriginPattern } from "./origin-pattern.ts"
import { invalidField, readCount, readList, readObject, readText } from "./read-field.ts"

/** A network policy that has been checked. Made only by `parsePolicy`. */
export interface Policy {
  readonly defaultPolicy: "deny" | "allow" | "ask"
  readonly rules: readonly PolicyRule[]
  readonly denied: readonly OriginPattern[]
  /** Rules may cover hosts of unrelated owners. */
  readonly allowAll: boolean
  /** What has to allow a request as well. */
  readonly within: Policy | null
}

export interface PolicyRule {
  readonly pattern: OriginPattern
  /** Upper-case; null means all. */
  readonly methods: ReadonlySet<string> | null
  /** Each whole, or a beginning when it ends in "*"; null means all. */
  readonly paths: readonly string[] | null
  readonly headers: readonly HeaderRule[]
  readonly auth: AuthRule | null
  readonly placeholders: readonly PlaceholderRule[]
  /** Per run. */
  readonly maxRequests: number | null
  readonly maxRequestBytes: number | null
  readonly maxResponseBytes: number | null
  /** Per tenant. */
  readonly rate: Rate | null
}

export interface Rate {
  readonly requests: number
  readonly perSeconds: number
}

/**
 * Checks a `network` option, which may come from anywhere. Nothing given means deny everything. Throws `input.invalid`
 * naming the field; a key that is not known is an error, because a misspelt restriction would restrict nothing.
 */
export function parsePolicy(input: unknown, field = "network"): Policy {
  return parseLayer(input, field, maxLayers)
}

// Each `narrowPolicy` adds one; a decision walks them all.
const maxLayers = 16

function parseLayer(input: unknown, field: string, layersLeft: number): Policy {
  if (input === undefined) return { defaultPolicy: "deny", rules: [], denied: [], allowAll: false, within: null }
  if (layersLeft === 0) throw invalidField(field, `is nested more than ${maxLayers} times`)
  const fields = readObject(input, field, policyFields)
  const allowAll = fields["allowAll"] ?? false
  if (typeof allowAll !== "boolean") throw invalidField(`${field}.allowAll`, "must be true or false")
  const read = (item: unknown, path: string): PolicyRule => ruleOf(item, path, allowAll)
  return {
    defaultPolicy: defaultPolicyOf(fields["defaultPolicy"], `${field}.defaultPolicy`),
    rules: readList(fields["allowedOrigins"], `${field}.allowedOrigins`, read) ?? [],
    denied: readList(fields["deniedOrigins"], `${field}.deniedOrigins`, patternOf) ?? [],
    allowAll,
    within: fields["within"] === undefined ? null : parseLayer(fields["within"], `${field}.within`, layersLeft - 1),
  }
}

const policyFields = ["defaultPolicy", "allowedOrigins", "deniedOrigins", "allowAll", "within"]
const ruleFields = [
  "origin",
  "methods",
  "paths",
  "headers",
  "auth",
  "placeholders",
  "maxRequests",
  "maxRequestBytes",
  "maxResponseBytes",
  "rate",
]

function defaultPolicyOf(value: unknown, field: string): Policy["defaultPolicy"] {
  if (value === undefined) return "deny"
  if (value === "deny" || value === "allow" || value === "ask") return value
  throw invalidField(field, `must be "deny", "allow" or "ask"`)
}

function ruleOf(value: unknown, field: string, allowAll: boolean): PolicyRule {
  if (typeof value === "string") return { ...unlimited, pattern: allowedPattern(value, field, allowAll) }
  const fields = readObject(value, field, ruleFields)
  const pattern = allowedPattern(fields["origin"], `${field}.origin`, allowAll)
  const methods = readList(fields["methods"], `${field}.methods`, methodOf)
  const rule = {
    pattern,
    methods: methods === null ? null : new Set(methods),
    paths: readList(fields["paths"], `${field}.paths`, pathOf),
    headers: readHeaderRules(fields["headers"], `${field}.headers`),
    auth: readAuth(fields["auth"], `${field}.auth`),
    placeholders: readPlaceholders(fields["placeholders"], `${field}.placeholders`),
    maxRequests: readCount(fields["maxRequests"], `${field}.maxRequests`),
    maxRequestBytes: readCount(fields["maxRequestBytes"], `${field}.maxRequestBytes`),
    maxResponseBytes: readCount(fields["maxResponseBytes"], `${field}.maxResponseBytes`),
    rate: rateOf(fields["rate"], `${field}.rate`),
  }
  checkRaw(rule, field)
  checkSecrets(rule, field)
  return rule
}

const unlimited: Omit<PolicyRule, "pattern"> = {
  methods: null,
  paths: null,
  headers: [],
  auth: null,
  placeholders: [],
  maxRequests: null,
  maxRequestBytes: null,
  maxResponseBytes: null,
  rate: null,
}

function allowedPattern(value: unknown, field: string, allowAll: boolean): OriginPattern {
  const pattern = patternOf(value, field)
  if (isOverBroad(pattern) && !allowAll) {
    const problem = `"${pattern.text}" allows hosts of anybody; name the origins, or set network.allowAll to true`
    throw invalidField(field, problem)
  }
  return pattern
}

function patternOf(value: unknown, field: string): OriginPattern {
  const text = readText(value, field)
  const parsed = parseOriginPattern(text)
  if (!parsed.ok) throw invalidField(field, `${JSON.stringify(text)} ${parsed.problem}`)
  return parsed.pattern
}

function methodOf(value: unknown, field: string): string {
  const text = readText(value, field)
  if (/^[A-Z]+(-[A-Z]+)*$/.test(text)) return text
  throw invalidField(field, `must be an HTTP method in upper case, such as "GET"`)
}

function pathOf(value: unknown, field: string): string {
  const text = readText(value, field)
  const body = text.endsWith("*") ? text.slice(0, -1) : text
  if (!body.startsWith("/") || /[*?#\\\s]/.test(body)) {
    throw invalidField(field, `must begin with "/", may end in "*", and has no query: for instance "/v1/*"`)
  }
  // A path that the URL parser would write differently could never match.
  if (new URL(body, "http://host").pathname !== body) throw invalidField(field, "must be spelt as it appears in a URL")
  return text
}

function rateOf(value: unknown, field: string): Rate | null {
  if (value === undefined) return null
  const fields = readObject(value, field, ["requests", "perSeconds"])
  const requests = readCount(fields["requests"], `${field}.requests`)
  const perSeconds = readCount(fields["perSeconds"], `${field}.perSeconds`)
  if (requests === null || perSeconds === null) throw invalidField(field, "must have requests and perSeconds")
  if (perSeconds > maxRateSeconds) throw invalidField(`${field}.perSeconds`, `must be at most ${maxRateSeconds}`)
  return { requests, perSeconds }
}

const maxRateSeconds = 86_400

/** A raw connection has no method, path or headers: a rule that seems to limit them would limit nothing. */
function checkRaw(rule: PolicyRule, field: string): void {
  const { pattern, methods, paths, headers } = rule
  if (!/^(tcp|tls):/.test(pattern.text)) return
  if (methods !== null || paths !== null || headers.length > 0 || hasSecrets(rule)) {
    throw invalidField(field, `"${pattern.text}" is a raw connection, which has no methods, paths or headers`)
  }
}

/** A secret goes to a known owner, and not in clear text over a network. */
function checkSecrets(rule: PolicyRule, field: string): void {
  const { pattern, headers, auth } = rule
  if (auth !== null && headers.some(({ name }) => name === "authorization")) {
    throw invalidField(field, "sets the authorization header twice, with auth and with headers")
  }
  if (!hasSecrets(rule)) return
  if (pattern.kind === "any" || isOverBroad(pattern)) {
    throw invalidField(field, `"${pattern.text}" would send a secret to anybody; name the origins that may get it`)
  }
  if (pattern.text.startsWith("http://") && !isLoopback(pattern)) {
    throw invalidField(field, `"${pattern.text}" would send a secret in clear text; use https`)
  }
}

function hasSecrets({ headers, auth, placeholders }: PolicyRule): boolean {
  return auth !== null || placeholders.length > 0 || headers.some(({ kind }) => kind === "secret")
}

/** Names of all secrets that a policy may add. */
export function secretNames({ rules, within }: Policy): readonly string[] {
  const own = rules.flatMap(({ headers, auth, placeholders }) => [
    ...headers.flatMap((rule) => (rule.kind === "secret" ? [rule.secret] : [])),
    ...secretsOfAuth(auth),
    ...placeholders.map(({ secret }) => secret),
  ])
  return [...new Set([...own, ...(within === null ? [] : secretNames(within))])]
}

function isLoopback(pattern: OriginPattern): boolean {
  if (pattern.kind !== "exact") return false
  const parsed = canonicalTarget(pattern.origin)
  return parsed.ok && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(parsed.target.host)
}
