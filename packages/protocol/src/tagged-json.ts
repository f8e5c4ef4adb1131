import { base64ToBytes, bytesToBase64 } from "./clone/bytes.ts"
import { brandOf, typedArrayName } from "./clone/brand.ts"

/**
 * Rich values on JSON surfaces: plain JSON where nothing is lost, else one tagged object per value.
 * `$undefined`, `$number` (NaN, Infinity, -Infinity, -0), `$bigint` (decimal; hexadecimal with 0x above 10,000 hex digits), `$date` (ISO text, or null when invalid), `$map`, `$set`, `$bytes` (base64;
 * `$kind` names a view that is not a Uint8Array), `$error`, `$regexp`, `$ref` (path to an object that stands earlier: a cycle or shared reference
 * is written once), `$deep` (what is deeper than 1,000, or where paths of references took 16 Mi characters) and `$escape` around an object of the
 * guest's whose only key starts with `$`.
 */
export function toTaggedJson(value: unknown): unknown {
  return tag(value, { seen: new Map(), referenced: 0 }, { depth: 0, key: "$" })
}

interface Walk {
  readonly seen: Map<object, Place>
  /** Characters of paths that were written. */
  referenced: number
}

/** Where a value stands. Its path is written when something refers to it: few are, and paths are long. */
interface Place {
  readonly parent?: Place
  readonly key: string | number
  readonly depth: number
}

const maxDepth = 1_000
/** A path may be a megabyte, and a value may refer to it a million times. */
const maxReferenced = 16 << 20

function reference(place: Place, walk: Walk): unknown {
  let length = 0
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) length += String(at.key).length + 1
  walk.referenced += length
  return walk.referenced > maxReferenced ? { $deep: true } : { $ref: pathOf(place) }
}

function pathOf({ parent, key }: Place): string {
  if (parent === undefined) return String(key)
  return `${pathOf(parent)}${typeof key === "number" ? `[${key}]` : `.${key}`}`
}

function tag(value: unknown, walk: Walk, place: Place): unknown {
  switch (typeof value) {
    case "undefined":
      return { $undefined: true }
    case "bigint":
      return { $bigint: digitsOf(value) }
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? "-0" : String(value) }
    case "object":
      return value === null ? null : tagObject(value, walk, place)
    default:
      return value
  }
}

/** Decimal digits take more than linear time: huge numbers stay hexadecimal. */
function digitsOf(value: bigint): string {
  const hex = value.toString(16)
  if (hex.length <= maxDecimal) return String(value)
  return hex.startsWith("-") ? `-0x${hex.slice(1)}` : `0x${hex}`
}

const maxDecimal = 10_000

function tagObject(value: object, walk: Walk, place: Place): unknown {
  const known = walk.seen.get(value)
  if (known !== undefined) return reference(known, walk)
  if (place.depth > maxDepth) return { $deep: true }
  walk.seen.set(value, place)
  const depth = place.depth + 1
  const at = (key: string | number, child: unknown): unknown => tag(child, walk, { parent: place, key, depth })
  const brand = brandOf(value)
  switch (brand) {
    case "array":
      return Array.from(value as readonly unknown[], (item, index) => at(index, item))
    case "date": {
      const time = (value as Date).getTime()
      return { $date: Number.isNaN(time) ? null : (value as Date).toISOString() }
    }
    case "regexp":
      return { $regexp: [(value as RegExp).source, (value as RegExp).flags] }
    case "map":
      return {
        $map: [...(value as Map<unknown, unknown>)].map(([key, item], index) => [at(index, key), at(index, item)]),
      }
    case "set":
      return { $set: [...(value as Set<unknown>)].map((item, index) => at(index, item)) }
    case "buffer":
      return { $bytes: bytesToBase64(new Uint8Array(value as ArrayBuffer)), $kind: "ArrayBuffer" }
    case "view":
      return tagView(value as ArrayBufferView)
    case "error":
      return { $error: tagError(value as Error, at) }
    case "boxed":
      return tag((value as { valueOf(): unknown }).valueOf(), walk, place)
    default:
      return tagPlain(value, at)
  }
}

function tagView(view: ArrayBufferView): unknown {
  const bytes = bytesToBase64(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  const kind = typedArrayName(view)
  return kind === "Uint8Array" ? { $bytes: bytes } : { $bytes: bytes, $kind: kind ?? "DataView" }
}

function tagError(error: Error, at: (key: string, child: unknown) => unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = { name: error.name, message: error.message }
  if (typeof error.stack === "string") fields["stack"] = error.stack
  if (error.cause !== undefined) fields["cause"] = at("cause", error.cause)
  for (const [name, field] of Object.entries(error)) if (name !== "cause") fields[name] = at(name, field)
  return fields
}

function tagPlain(value: object, at: (key: string, child: unknown) => unknown): unknown {
  const entries = Object.entries(value)
  const tagged: Record<string, unknown> = {}
  for (const [name, child] of entries) {
    Object.defineProperty(tagged, name, {
      value: at(name, child),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return entries.length > 0 && entries[0]?.[0].startsWith("$") === true ? { $escape: tagged } : tagged
}

/** The inverse, for values that came as JSON. What holds no tags is returned as it is. References are not followed. */
export function fromTaggedJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return untagArray(value)
  const record = value as Record<string, unknown>
  const names = Object.keys(record)
  if (names[0]?.startsWith("$") === true) {
    const untagged = untag(names[0], record)
    if (untagged !== notATag) return untagged
  }
  return untagPlain(record, names)
}

const notATag = Symbol("not a tag")
const special = new Map<unknown, number>([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
  ["-0", -0],
])

function untag(tagName: string, record: Record<string, unknown>): unknown {
  const body = record[tagName]
  switch (tagName) {
    case "$undefined":
      return undefined
    case "$number":
      return special.get(body) ?? notATag
    case "$bigint":
      return typeof body === "string" ? bigintOf(body) : notATag
    case "$date":
      return new Date(typeof body === "string" ? body : NaN)
    case "$map":
      return Array.isArray(body) && body.every(Array.isArray)
        ? new Map((body as unknown[][]).map((pair) => [fromTaggedJson(pair[0]), fromTaggedJson(pair[1])]))
        : notATag
    case "$set":
      return Array.isArray(body) ? new Set(body.map(fromTaggedJson)) : notATag
    case "$bytes":
      return typeof body === "string" && body.length % 4 === 0 && !("$kind" in record) ? base64ToBytes(body) : notATag
    case "$escape":
      return typeof body === "object" && body !== null ? untagPlain(body as Record<string, unknown>) : notATag
    default:
      return notATag
  }
}

function bigintOf(text: string): unknown {
  // As many as `digitsOf` writes: reading takes more than linear time, too.
  if (/^-?\d{1,12050}$/.test(text)) return BigInt(text)
  if (!/^-?0x[\da-f]+$/i.test(text)) return notATag
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text)
}

/** Copied only when something in it changes: most values hold no tags, and copying a hundred thousand fields takes a second. */
function untagPlain(record: Record<string, unknown>, names = Object.keys(record)): Record<string, unknown> {
  let changed: Map<string, unknown> | undefined
  for (const name of names) {
    const child = record[name]
    const untagged = fromTaggedJson(child)
    if (untagged !== child) (changed ??= new Map()).set(name, untagged)
  }
  if (changed === undefined) return record
  const plain: Record<string, unknown> = {}
  for (const name of names) {
    Object.defineProperty(plain, name, {
      value: changed.has(name) ? changed.get(name) : record[name],
      enumerable: true,
      writable: true,
      configurable: true,
    })
  }
  return plain
}

function untagArray(list: readonly unknown[]): readonly unknown[] {
  const untagged = list.map(fromTaggedJson)
  return untagged.every((item, index) => item === list[index]) ? list : untagged
}
