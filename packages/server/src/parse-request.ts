import { fromTaggedJson, MayflyError } from "@mayfly/protocol"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"

const fields = ["url", "method", "headers", "body"]

/** `{ url, method, headers, body }` as a Request. The body is text, or `{ "$bytes": base64 }`. Throws `input.invalid`. */
export function parseRequest(value: unknown, path = "request"): Request {
  const given = asRecord(value, path)
  checkFields(given, fields, path)
  const { url, method = "GET", headers, body } = given
  if (typeof url !== "string" || !/^https?:/i.test(url)) throw invalid(`${path}.url`, "must be an http or https URL")
  if (typeof method !== "string") throw invalid(`${path}.method`, "must be a string")
  const init = { method, headers: parseHeaders(headers, `${path}.headers`) }
  const content = parseBody(body, `${path}.body`)
  try {
    return new Request(url, content === undefined ? init : { ...init, body: content })
  } catch (error) {
    throw new MayflyError("input.invalid", `${path} can't be made: ${(error as Error).message}`, { details: { path } })
  }
}

function parseHeaders(value: unknown, path: string): [string, string][] {
  if (value === undefined) return []
  return Object.entries(asRecord(value, path)).flatMap(([name, given]) => {
    const values = Array.isArray(given) ? given : [given]
    return values.map((one: unknown): [string, string] => {
      if (typeof one !== "string")
        throw invalid(`${path}[${JSON.stringify(name)}]`, "must be a string or an array of strings")
      return [name, one]
    })
  })
}

function parseBody(value: unknown, path: string): string | Uint8Array<ArrayBuffer> | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === "string") return value
  const bytes = fromTaggedJson(value)
  if (bytes instanceof Uint8Array) return new Uint8Array(bytes)
  throw invalid(path, 'must be a string, or bytes as { "$bytes": base64 }')
}
