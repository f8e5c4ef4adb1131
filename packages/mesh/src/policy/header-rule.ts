import { connectionHeaders } from "./connection-headers.ts"
import { invalidField, readObject, readRecord, readText } from "./read-field.ts"
import { readSecretName } from "./secret-name.ts"

/** What becomes of one header of the requests that a rule allows. The guest's own header of that name never leaves. */
export type HeaderRule = { readonly name: string } & (
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "secret"; readonly secret: string; readonly format: string }
  | { readonly kind: "removed" }
)

/** Reads `headers` of a rule. Names become lower-case. Throws `input.invalid`. */
export function readHeaderRules(value: unknown, field: string): readonly HeaderRule[] {
  if (value === undefined) return []
  const entries = Object.entries(readRecord(value, field))
  if (entries.length > maxHeaders) throw invalidField(field, `must have at most ${maxHeaders} entries`)
  const rules = entries.map(([name, given]) => ruleOf(name, given, field))
  const names = new Set(rules.map(({ name }) => name))
  if (names.size < rules.length) throw invalidField(field, "must name each header once, whatever its case")
  return rules
}

/** The text of a header with its secret filled in. */
export function withSecret(format: string, secret: string): string {
  // A secret that is stored with its scheme needs no second one.
  if (format === `Bearer ${placeholder}` && /^(bearer|basic|token|digest|apikey) +\S/i.test(secret)) return secret
  // Not replace(): its replacement text has patterns of its own, such as "$&".
  return format.split(placeholder).join(secret)
}

const placeholder = "{secret}"
const maxHeaders = 64
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

function ruleOf(given: string, value: unknown, field: string): HeaderRule {
  const name = given.toLowerCase()
  const path = `${field}.${given.slice(0, 100)}`
  if (!headerName.test(name)) throw invalidField(path, "is not the name of a header")
  if (connectionHeaders.has(name)) throw invalidField(path, "belongs to the connection, not to the request")
  if (value === null) return { name, kind: "removed" }
  if (typeof value !== "object") return { name, kind: "text", text: valueOf(value, path) }
  const fields = readObject(value, path, ["secret", "format"])
  const secret = readSecretName(fields["secret"], `${path}.secret`)
  const usual = name === "authorization" ? `Bearer ${placeholder}` : placeholder
  const format = fields["format"] === undefined ? usual : valueOf(fields["format"], `${path}.format`)
  if (format.split(placeholder).length !== 2) {
    throw invalidField(`${path}.format`, `must contain "${placeholder}" once, for instance "Bearer ${placeholder}"`)
  }
  return { name, kind: "secret", secret, format }
}

function valueOf(value: unknown, field: string): string {
  const text = readText(value, field)
  if (!headerValue.test(text)) throw invalidField(field, "cannot be sent as a header")
  return text
}
