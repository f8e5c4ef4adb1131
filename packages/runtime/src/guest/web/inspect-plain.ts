// Taken at evaluation, before guest code can replace them.
const { isArray } = Array
const { keys } = Object
const { getOwnPropertyDescriptor, getPrototypeOf, ownKeys, apply } = Reflect
const objectPrototype = Object.prototype
const arrayPrototype = Array.prototype
const test = RegExp.prototype.test

const identifier = /^[A-Za-z_]\w*$/
/** Printable and without anything that Node would escape or quote differently. */
const simpleText = /^[\x20-\x26\x28-\x5b\x5d-\x7e\u00a1-\ud7ff]*$/
/** Below this Node never breaks the line, whatever the indentation. */
const maxLength = 60
const maxDepth = 2
/** Node starts to arrange arrays in columns above this. */
const maxItems = 6

/**
 * What Node's `util.inspect` gives for small plain objects and arrays, which is most of what programs print; undefined for everything else.
 * Evaluating the full inspector costs about 2 ms, this nothing.
 */
export function inspectPlain(value: unknown): string | undefined {
  const text = inspect(value, 0)
  return text !== undefined && text.length <= maxLength ? text : undefined
}

function inspect(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "string":
      return (apply(test, simpleText, [value]) as boolean) ? `'${value}'` : undefined
    case "number":
      return value === 0 && 1 / value < 0 ? "-0" : `${value}`
    case "bigint":
      return `${value}n`
    case "boolean":
    case "undefined":
      return `${value}`
    case "object":
      return value === null ? "null" : depth > maxDepth ? undefined : inspectObject(value, depth)
    default:
      return undefined
  }
}

function inspectObject(value: object, depth: number): string | undefined {
  const names = keys(value)
  const prototype = getPrototypeOf(value)
  if (isArray(value)) {
    const isSimple = prototype === arrayPrototype && names.length === value.length && names.length <= maxItems
    // Own keys of an array are its indices and "length".
    return isSimple && ownKeys(value).length === names.length + 1 ? entries(value, names, depth, "[", "]") : undefined
  }
  if (prototype !== objectPrototype || ownKeys(value).length !== names.length) return undefined
  return entries(value, names, depth, "{", "}")
}

function entries(
  value: object,
  names: readonly string[],
  depth: number,
  open: string,
  close: string,
): string | undefined {
  if (names.length === 0) return open + close
  let text = open
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string
    const descriptor = getOwnPropertyDescriptor(value, name)
    if (descriptor === undefined || !("value" in descriptor) || name === "constructor") return undefined
    const shown = inspect(descriptor.value, depth + 1)
    if (shown === undefined || text.length > maxLength) return undefined
    const label = open === "[" ? "" : (apply(test, identifier, [name]) as boolean) ? `${name}: ` : undefined
    if (label === undefined) return undefined
    text += `${at === 0 ? " " : ", "}${label}${shown}`
  }
  return `${text} ${close}`
}
