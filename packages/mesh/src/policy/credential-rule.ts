import { invalidField, readList, readObject, readRecord, readText } from "./read-field.ts"
import { readSecretName } from "./secret-name.ts"

/** A credential of a known kind that is made for each request. Values ending in `Secret` are names of secrets. */
export type AuthRule =
  | { readonly kind: "basic"; readonly username: string; readonly passwordSecret: string }
  | {
      readonly kind: "aws"
      readonly region: string
      readonly service: string
      readonly accessKeyIdSecret: string
      readonly secretAccessKeySecret: string
      readonly sessionTokenSecret: string | null
    }

/** A text that a program sends in place of a secret. */
export interface PlaceholderRule {
  readonly text: string
  readonly secret: string
}

/** Reads `auth` of a rule. Throws `input.invalid`. */
export function readAuth(value: unknown, field: string): AuthRule | null {
  if (value === undefined) return null
  const fields = readObject(value, field, ["basic", "aws"])
  if ((fields["basic"] === undefined) === (fields["aws"] === undefined)) {
    throw invalidField(field, `must have one of "basic" and "aws"`)
  }
  return fields["basic"] === undefined
    ? readAws(fields["aws"], `${field}.aws`)
    : readBasic(fields["basic"], `${field}.basic`)
}

/** Reads `placeholders` of a rule. Throws `input.invalid`. */
export function readPlaceholders(value: unknown, field: string): readonly PlaceholderRule[] {
  if (value === undefined) return []
  const entries = Object.entries(readRecord(value, field))
  const rules = readList(entries, field, (entry) => {
    const [text, given] = entry as [string, unknown]
    const path = `${field}.${text.slice(0, 100)}`
    // These stand for themselves in headers, in URLs and in base64, and a short one might be part of something else.
    if (!/^[A-Za-z0-9_.~-]{8,200}$/.test(text)) {
      throw invalidField(path, `must be 8 to 200 letters, digits, "-", "_", "." or "~"`)
    }
    const { secret } = readObject(given, path, ["secret"])
    return { text, secret: readSecretName(secret, `${path}.secret`) }
  })
  return rules ?? []
}

/** Names of all secrets that a rule's `auth` needs. */
export function secretsOfAuth(auth: AuthRule | null): readonly string[] {
  if (auth === null) return []
  if (auth.kind === "basic") return [auth.passwordSecret]
  const { accessKeyIdSecret, secretAccessKeySecret, sessionTokenSecret } = auth
  return [accessKeyIdSecret, secretAccessKeySecret, ...(sessionTokenSecret === null ? [] : [sessionTokenSecret])]
}

function readBasic(value: unknown, field: string): AuthRule {
  const fields = readObject(value, field, ["username", "password"])
  const username = readText(fields["username"] ?? "", `${field}.username`)
  // RFC 7617: the first colon ends the name.
  if (!/^[\x20-\x39\x3b-\x7e]*$/.test(username)) throw invalidField(`${field}.username`, "must be text without a colon")
  return { kind: "basic", username, passwordSecret: readSecret(fields["password"], `${field}.password`) }
}

function readAws(value: unknown, field: string): AuthRule {
  const fields = readObject(value, field, ["region", "service", "accessKeyId", "secretAccessKey", "sessionToken"])
  const { sessionToken } = fields
  return {
    kind: "aws",
    region: readScope(fields["region"], `${field}.region`),
    service: readScope(fields["service"], `${field}.service`),
    accessKeyIdSecret: readSecret(fields["accessKeyId"], `${field}.accessKeyId`),
    secretAccessKeySecret: readSecret(fields["secretAccessKey"], `${field}.secretAccessKey`),
    sessionTokenSecret: sessionToken === undefined ? null : readSecret(sessionToken, `${field}.sessionToken`),
  }
}

function readScope(value: unknown, field: string): string {
  const text = readText(value, field)
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text
  throw invalidField(field, `must be as in AWS's own names, for instance "eu-central-1" or "s3"`)
}

function readSecret(value: unknown, field: string): string {
  return readSecretName(readObject(value, field, ["secret"])["secret"], `${field}.secret`)
}
