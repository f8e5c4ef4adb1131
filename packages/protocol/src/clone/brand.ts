// What kind of object a value is, by internal slot and not by prototype or Symbol.toStringTag, which guests can forge.
// Everything is taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { apply, getPrototypeOf } = Reflect
const { isArray } = Array
const { isView } = ArrayBuffer
const objectPrototype = Object.prototype
const typedArrayPrototype = getPrototypeOf(Uint8Array.prototype) as object

type Probe = (value: object) => unknown

function getter(prototype: object, name: string | symbol): Probe {
  const get = Reflect.getOwnPropertyDescriptor(prototype, name)?.get
  return (value) => (get === undefined ? undefined : apply(get, value, []))
}

function method(prototype: object, name: string): Probe {
  const call = (prototype as Record<string, () => unknown>)[name]
  return (value) => (call === undefined ? undefined : apply(call, value, []))
}

export const typedArrayName: (value: object) => unknown = getter(typedArrayPrototype, Symbol.toStringTag)
export const mapSize: Probe = getter(Map.prototype, "size")
export const setSize: Probe = getter(Set.prototype, "size")
export const bufferLength: Probe = getter(ArrayBuffer.prototype, "byteLength")
export const dateTime: Probe = method(Date.prototype, "getTime")
export const regExpSource: Probe = getter(RegExp.prototype, "source")
export const regExpFlags: Probe = getter(RegExp.prototype, "flags")

const boxes: readonly Probe[] = [
  method(Boolean.prototype, "valueOf"),
  method(Number.prototype, "valueOf"),
  method(String.prototype, "valueOf"),
  method(BigInt.prototype, "valueOf"),
]
// Has no brand test of its own in the language; V8 gives only true errors an own "stack", which a guest can fake at its own cost.
const { hasOwn } = Object
const errorPrototype = Error.prototype
const { isPrototypeOf } = objectPrototype

/** Objects whose meaning lies in what they are connected to; a copy of their (few) properties would be a lie. */
const unclonable: readonly (readonly [name: string, probe: Probe])[] = [
  ["a WeakMap", hasMethod(WeakMap.prototype, "has")],
  ["a WeakSet", hasMethod(WeakSet.prototype, "has")],
  ["a WeakRef", method(WeakRef.prototype, "deref")],
  ["a Promise", promiseProbe()],
]

function hasMethod(prototype: object, name: string): Probe {
  const call = (prototype as Record<string, (key: unknown) => unknown>)[name]
  return (value) => (call === undefined ? undefined : apply(call, value, [undefined]))
}

function promiseProbe(): Probe {
  // Calling `then` would attach a reaction; the species lookup of `finally` is worse. `instanceof` is enough here.
  const prototype = Promise.prototype
  return (value) => {
    if (!apply(isPrototypeOf, prototype, [value])) throw new TypeError("not a promise")
    return true
  }
}

export type Brand =
  | "plain"
  | "array"
  | "view"
  | "buffer"
  | "date"
  | "regexp"
  | "map"
  | "set"
  | "error"
  | "boxed"
  | { readonly unclonable: string }

/** What a value with this prototype most likely is: a probe that fails costs an exception. */
const likely = new Map<unknown, readonly [brand: Brand, probe: Probe]>([
  [ArrayBuffer.prototype, ["buffer", bufferLength]],
  [Map.prototype, ["map", mapSize]],
  [Set.prototype, ["set", setSize]],
  [Date.prototype, ["date", dateTime]],
])
const likelyBrand = likely.get.bind(likely)

/** Never runs guest code, except through a Proxy's traps. */
export function brandOf(value: object): Brand {
  if (isArray(value)) return "array"
  const prototype = getPrototypeOf(value)
  if (prototype === objectPrototype || prototype === null) return "plain"
  if (isView(value)) return "view"
  const guess = likelyBrand(prototype)
  if (guess !== undefined && passes(guess[1], value)) return guess[0]
  if (passes(mapSize, value)) return "map"
  if (passes(setSize, value)) return "set"
  if (passes(dateTime, value)) return "date"
  if (passes(bufferLength, value)) return "buffer"
  if (isError(value)) return "error"
  if (passes(regExpSource, value) && value !== RegExp.prototype) return "regexp"
  for (const probe of boxes) if (passes(probe, value)) return "boxed"
  for (const [name, probe] of unclonable) if (passes(probe, value)) return { unclonable: name }
  return "plain"
}

export function unbox(value: object): unknown {
  for (const probe of boxes) {
    try {
      return probe(value)
    } catch {
      // Not this kind of box.
    }
  }
  return undefined
}

function isError(value: object): boolean {
  return (
    (apply(isPrototypeOf, errorPrototype, [value]) as boolean) || (hasOwn(value, "stack") && hasOwn(value, "message"))
  )
}

function passes(probe: Probe, value: object): boolean {
  try {
    probe(value)
    return true
  } catch {
    return false
  }
}
