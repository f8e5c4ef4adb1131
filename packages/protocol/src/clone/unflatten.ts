import type { CloneNode } from "./nodes.ts"

export interface UnflattenOptions {
  /** Makes the function for a stub. Without it a stub is malformed. */
  readonly onStub?: (stub: string) => unknown
}

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { defineProperty } = Object
const { apply } = Reflect
const mapSet = Map.prototype.set
const setAdd = Set.prototype.add
const MapOf = Map
const SetOf = Set
const DateOf = Date
const RegExpOf = RegExp
const BigIntOf = BigInt
const ObjectOf = Object
const MalformedError = TypeError
const { isSafeInteger } = Number

const viewKinds = new Map<string, new (buffer: ArrayBuffer, offset: number, length: number) => unknown>([
  ["Int8Array", Int8Array],
  ["Uint8Array", Uint8Array],
  ["Uint8ClampedArray", Uint8ClampedArray],
  ["Int16Array", Int16Array],
  ["Uint16Array", Uint16Array],
  ["Int32Array", Int32Array],
  ["Uint32Array", Uint32Array],
  ["Float32Array", Float32Array],
  ["Float64Array", Float64Array],
  ["BigInt64Array", BigInt64Array],
  ["BigUint64Array", BigUint64Array],
  ["DataView", DataView],
])
// Not in every engine that Mayfly's supervisor runs on.
const float16 = (globalThis as { Float16Array?: new (buffer: ArrayBuffer, offset: number, length: number) => unknown })
  .Float16Array
if (float16 !== undefined) viewKinds.set("Float16Array", float16)
const viewKind = Map.prototype.get.bind(viewKinds) as (
  name: unknown,
) => (new (buffer: ArrayBuffer, offset: number, length: number) => unknown) | undefined

const errorKinds = new Map<string, ErrorConstructor>([
  ["Error", Error],
  ["EvalError", EvalError],
  ["RangeError", RangeError],
  ["ReferenceError", ReferenceError],
  ["SyntaxError", SyntaxError],
  ["TypeError", TypeError],
  ["URIError", URIError],
])
const errorKind = Map.prototype.get.bind(errorKinds) as (name: unknown) => ErrorConstructor | undefined

const numbers = { NaN, Infinity, "-Infinity": -Infinity, "-0": -0 } as const

type Tuple = readonly unknown[]

/**
 * Structured clone, second half. The list may come from a hostile process: anything out of shape is a TypeError, nothing recurses,
 * and no setter or prototype of the result is touched. Byte nodes must already hold an ArrayBuffer, which the result takes over.
 */
export function unflatten(nodes: readonly CloneNode[], options: UnflattenOptions = {}): unknown {
  if (nodes.length === 0) throw new MalformedError("malformed clone: no root")
  const values: unknown[] = []
  for (let at = 0; at < nodes.length; at++) values[at] = shell(nodes[at], options)
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at] as Tuple
    if (isTuple(node) && (node[0] === "v" || node[0] === "p")) values[at] = dependent(node, values)
  }
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at] as Tuple
    if (isTuple(node)) fill(values[at], node, values)
  }
  return values[0]
}

function isTuple(node: unknown): node is Tuple {
  return typeof node === "object" && node !== null
}

function shell(node: unknown, options: UnflattenOptions): unknown {
  if (!isTuple(node)) return node
  switch (node[0]) {
    case "u":
    case "v":
    case "p":
      return undefined
    case "n":
      return numbers[node[1] as keyof typeof numbers]
    case "i":
      return bigintFrom(text(node[1]))
    case "d":
      return new DateOf(node[1] === null ? NaN : (node[1] as number))
    case "r":
      return new RegExpOf(text(node[1]), text(node[2]))
    case "a":
    case "A":
      return arrayShell(node)
    case "o":
      return {}
    case "m":
      return new MapOf()
    case "s":
      return new SetOf()
    case "b":
      return node[1]
    case "e":
      return errorShell(node)
    case "f":
      if (options.onStub !== undefined) return options.onStub(text(node[1]))
  }
  throw new MalformedError("malformed clone: unknown tag")
}

function bigintFrom(digits: string): bigint {
  return digits[0] === "-" ? -BigIntOf(`0x${digits.slice(1)}`) : BigIntOf(`0x${digits}`)
}

function arrayShell(node: Tuple): unknown[] {
  const length = node[1]
  const dense = node[0] === "a"
  if (!isSafeInteger(length) || (length as number) < 0 || (length as number) > 4_294_967_295) {
    throw new MalformedError("malformed clone: array length")
  }
  if (dense && node.length !== (length as number) + 2) throw new MalformedError("malformed clone: array items")
  const array: unknown[] = []
  if (!dense) array.length = length as number
  return array
}

function errorShell(node: Tuple): Error {
  const name = text(node[1])
  const Kind = errorKind(name)
  const error = new (Kind ?? Error)(text(node[2]))
  if (Kind === undefined) hide(error, "name", name)
  hide(error, "stack", node[3] === "" ? `${name}: ${text(node[2])}` : text(node[3]))
  return error
}

function dependent(node: Tuple, values: readonly unknown[]): unknown {
  if (node[0] === "p") return ObjectOf(child(node[1], values))
  const Kind = viewKind(node[1])
  if (Kind === undefined) throw new MalformedError("malformed clone: unknown view")
  return new Kind(child(node[2], values) as ArrayBuffer, node[3] as number, node[4] as number)
}

function fill(value: unknown, node: Tuple, values: readonly unknown[]): void {
  switch (node[0]) {
    case "a":
      for (let at = 2; at < node.length; at++) define(value as object, at - 2, child(node[at], values))
      return
    case "A":
    case "o":
      for (let at = node[0] === "A" ? 2 : 1; at < node.length; at += 2) {
        define(value as object, text(node[at]), child(node[at + 1], values))
      }
      return
    case "m":
      for (let at = 1; at < node.length; at += 2) {
        apply(mapSet, value, [child(node[at], values), child(node[at + 1], values)])
      }
      return
    case "s":
      for (let at = 1; at < node.length; at++) apply(setAdd, value, [child(node[at], values)])
      return
    case "e":
      for (let at = 4; at < node.length; at += 2) {
        const name = text(node[at])
        const field = child(node[at + 1], values)
        if (name === "cause" || name === "errors") hide(value as object, name, field)
        else define(value as object, name, field)
      }
  }
}

function child(index: unknown, values: readonly unknown[]): unknown {
  if (!isSafeInteger(index) || (index as number) < 0 || (index as number) >= values.length) {
    throw new MalformedError("malformed clone: index")
  }
  return values[index as number]
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new MalformedError("malformed clone: text expected")
  return value
}

/** Own data property, also for "__proto__" and whatever setters somebody put on a prototype. */
function define(target: object, name: string | number, value: unknown): void {
  defineProperty(target, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  } as object)
}

function hide(target: object, name: string, value: unknown): void {
  defineProperty(target, name, {
    __proto__: null,
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  } as object)
}
