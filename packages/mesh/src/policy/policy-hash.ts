import { createHash } from "node:crypto"
import type { NetworkPolicy, OriginRule } from "@mayfly/protocol"
import type { AuthRule, PlaceholderRule } from "./credential-rule.ts"
import type { HeaderRule } from "./header-rule.ts"
import { parsePolicy, type Policy, type PolicyRule } from "./parse-policy.ts"

/**
 * A policy as plain data in its one spelling: origins canonical, nothing that is a default, keys in a fixed order.
 * `allowedOrigins` keep their order, because of two rules that fit equally the first counts. Throws `input.invalid`.
 */
export function canonicalPolicy(policy: NetworkPolicy): NetworkPolicy {
  return formOf(parsePolicy(policy))
}

/** SHA-256 of the canonical form, in hexadecimal. Two policies with the same hash decide alike. Throws `input.invalid`. */
export function policyHash(policy: NetworkPolicy): string {
  return hashOf(parsePolicy(policy))
}

const hashes = new WeakMap<Policy, string>()

/** The hash of a policy that is parsed already, computed once. */
export function hashOf(policy: Policy): string {
  let hash = hashes.get(policy)
  if (hash === undefined) {
    hash = createHash("sha256")
      .update(JSON.stringify(formOf(policy)))
      .digest("hex")
    hashes.set(policy, hash)
  }
  return hash
}

function formOf({ defaultPolicy, rules, denied, allowAll, within }: Policy): NetworkPolicy {
  const deniedOrigins = [...new Set(denied.map(({ text }) => text))].toSorted()
  return {
    defaultPolicy,
    ...(rules.length === 0 ? {} : { allowedOrigins: rules.map(ruleForm) }),
    ...(deniedOrigins.length === 0 ? {} : { deniedOrigins }),
    ...(allowAll ? { allowAll } : {}),
    ...(within === null ? {} : { within: formOf(within) }),
  }
}

function ruleForm(rule: PolicyRule): string | OriginRule {
  const { pattern, methods, paths, headers, maxRequests, maxRequestBytes, maxResponseBytes, rate } = rule
  const form = {
    ...(methods === null ? {} : { methods: [...methods].toSorted() }),
    ...(paths === null ? {} : { paths: [...new Set(paths)].toSorted() }),
    ...(headers.length === 0 ? {} : { headers: headersForm(headers) }),
    ...(rule.auth === null ? {} : { auth: authForm(rule.auth) }),
    ...(rule.placeholders.length === 0 ? {} : { placeholders: placeholdersForm(rule.placeholders) }),
    ...(maxRequests === null ? {} : { maxRequests }),
    ...(maxRequestBytes === null ? {} : { maxRequestBytes }),
    ...(maxResponseBytes === null ? {} : { maxResponseBytes }),
    ...(rate === null ? {} : { rate }),
  }
  return Object.keys(form).length === 0 ? pattern.text : { origin: pattern.text, ...form }
}

function authForm(auth: AuthRule): NonNullable<OriginRule["auth"]> {
  if (auth.kind === "basic") return { basic: { username: auth.username, password: { secret: auth.passwordSecret } } }
  const { region, service, accessKeyIdSecret, secretAccessKeySecret, sessionTokenSecret } = auth
  const keys = { accessKeyId: { secret: accessKeyIdSecret }, secretAccessKey: { secret: secretAccessKeySecret } }
  const session = sessionTokenSecret === null ? {} : { sessionToken: { secret: sessionTokenSecret } }
  return { aws: { region, service, ...keys, ...session } }
}

function placeholdersForm(rules: readonly PlaceholderRule[]): NonNullable<OriginRule["placeholders"]> {
  const sorted = rules.toSorted((a, b) => (a.text < b.text ? -1 : 1))
  return Object.fromEntries(sorted.map(({ text, secret }) => [text, { secret }]))
}

function headersForm(headers: readonly HeaderRule[]): NonNullable<OriginRule["headers"]> {
  const sorted = headers.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return Object.fromEntries(sorted.map((rule) => [rule.name, headerForm(rule)]))
}

function headerForm(rule: HeaderRule): NonNullable<OriginRule["headers"]>[string] {
  switch (rule.kind) {
    case "text":
      return rule.text
    case "secret":
      return { secret: rule.secret, format: rule.format }
    case "removed":
      return null
  }
}
