export interface MimeType {
  /** "type/subtype", in lower case. */
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const httpSpace = /^[\t\n\r ]+|[\t\n\r ]+$/g
const parameter = /;[\t\n\r ]*([^;=]*)(?:=(?:"((?:[^"\\]|\\[^])*)"?[^;]*|([^;]*)))?/g
// Commas inside quotes do not separate values.
const listItem = /(?:[^",]|"(?:[^"\\]|\\[^])*"?)+/g

/** The last valid type of a combined header. https://fetch.spec.whatwg.org/#concept-header-extract-mime-type */
export function extractMimeType(header: string | null): MimeType | null {
  if (header === null) return null
  const types = (header.match(listItem) ?? []).map(parseMimeType)
  return types.findLast((type) => type !== null && type.essence !== "*/*") ?? null
}

/** https://mimesniff.spec.whatwg.org/#serialize-a-mime-type */
export function serializeMimeType({ essence, parameters }: MimeType): string {
  let text = essence
  for (const [name, value] of parameters) {
    text += `;${name}=${token.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`}`
  }
  return text
}

/** https://mimesniff.spec.whatwg.org/#parse-a-mime-type */
export function parseMimeType(text: string): MimeType | null {
  const end = text.indexOf(";")
  const essence = text.slice(0, end === -1 ? text.length : end).replace(httpSpace, "")
  const [type = "", subtype = "", ...rest] = essence.split("/")
  if (rest.length > 0 || !token.test(type) || !token.test(subtype)) return null
  const parameters = new Map<string, string>()
  for (const [, name = "", quoted, plain] of end === -1 ? [] : text.slice(end).matchAll(parameter)) {
    const key = name.toLowerCase()
    const value = quoted?.replace(/\\([^])/g, "$1") ?? plain?.replace(httpSpace, "") ?? ""
    const isValid = token.test(key) && (quoted !== undefined || value !== "") && /^[\t\x20-\x7E\x80-\xFF]*$/.test(value)
    if (isValid && !parameters.has(key)) parameters.set(key, value)
  }
  return { essence: essence.toLowerCase(), parameters }
}
