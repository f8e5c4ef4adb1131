import {
  type Brand,
  brandOf,
  bufferLength,
  dateTime,
  mapSize,
  regExpFlags,
  regExpSource,
  setSize,
  typedArrayName,
  unbox,
} from "./brand.ts"
import { CloneError, CloneTooLargeError } from "./clone-error.ts"
import type { CloneNode } from "./nodes.ts"

export interface FlattenOptions {
  /** How the root is called in error paths. Default "value". */
  readonly root?: string
  /** Most characters that the encoded form may take; counted while walking, so that a huge value stops early. Default: no bound. */
  readonly maxLength?: number
  /**
   * Asked for functions and for objects of classes that structured clone does not know. Gives the name of a stub that stands for the value on the
   * other side, or undefined to treat it as usual: a function is an error then, an object is its own data.
   */
  readonly onCapability?: (value: object) => string | undefined
  /** Whether bytes will travel beside the text: they count as they are then, and not as base64. */
  readonly areBytesApart?: boolean
  /** Whether errors keep their stack. Default true; the supervisor says false, so that guests never see host stacks. */
  readonly stacks?: boolean
  /** Whether what a getter throws passes through, as in structuredClone. Default false: it becomes a CloneError with the getter's path. */
  readonly rethrow?: boolean
}

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { keys, hasOwn } = Object
const { apply, getPrototypeOf } = Reflect
const objectPrototype = Object.prototype
const MapOf = Map
const mapForEach = Map.prototype.forEach
const setForEach = Set.prototype.forEach
const mapGet = Map.prototype.get
const mapSet = Map.prototype.set
const BufferOf = ArrayBuffer
const Bytes = Uint8Array
const setBytes = Uint8Array.prototype.set
const SetOf = Set
const setHas = Set.prototype.has
const setAdd = Set.prototype.add
const bigintToString = BigInt.prototype.toString
const identifier = /^[A-Za-z_$][\w$]*$/
const test = RegExp.prototype.test

interface Task {
  readonly value: unknown
  /** Where the child's index goes. */
  readonly into: (string | number)[]
  readonly at: number
  readonly parent: Task | null
  readonly key: string | number | null
}

/** Structured clone, first half: any cloneable graph as a flat list. Throws CloneError with a path, or CloneTooLargeError. */
export function flatten(value: unknown, options: FlattenOptions = {}): CloneNode[] {
  return new Flattener(options).run(value)
}

class Flattener {
  readonly #options: FlattenOptions
  readonly #nodes: CloneNode[] = []
  readonly #seen = new MapOf<object, number>()
  readonly #work: Task[] = []
  /** Copies made here, which need not be copied again. */
  readonly #copies = new SetOf<object>()
  #length = 0

  constructor(options: FlattenOptions) {
    this.#options = options
  }

  run(value: unknown): CloneNode[] {
    this.#push({ value, into: [], at: 0, parent: null, key: null })
    for (let next = 0; next < this.#work.length; next++) {
      const task = this.#work[next] as Task
      task.into[task.at] = this.#index(task)
    }
    return this.#nodes
  }

  #push(task: Task): void {
    this.#work[this.#work.length] = task
  }

  #child(parent: Task, key: string | number | null, value: unknown, into: (string | number)[]): void {
    const at = into.length
    into[at] = -1
    this.#push({ value, into, at, parent, key })
  }

  #index(task: Task): number {
    const { value } = task
    if ((typeof value === "object" && value !== null) || typeof value === "function") {
      const known = apply(mapGet, this.#seen, [value]) as number | undefined
      if (known !== undefined) return known
      apply(mapSet, this.#seen, [value, this.#nodes.length])
    }
    const index = this.#nodes.length
    this.#nodes[index] = null
    this.#nodes[index] = this.#node(task)
    return index
  }

  #count(length: number): void {
    this.#length += length
    const { maxLength } = this.#options
    if (maxLength !== undefined && this.#length > maxLength) throw new CloneTooLargeError(maxLength, this.#length)
  }

  #node(task: Task): CloneNode {
    const { value } = task
    this.#count(4)
    switch (typeof value) {
      case "string":
        this.#count(value.length)
        return value
      case "boolean":
        return value
      case "number":
        return numberNode(value)
      case "undefined":
        return ["u"]
      case "bigint":
        return this.#bigint(value)
      case "symbol":
        throw new CloneError(pathOf(task, this.#options.root), "is a symbol, which can't be cloned")
      case "function":
        return this.#function(task, value as object)
      default:
        return value === null ? null : this.#object(task, value as object)
    }
  }

  /** As hex: decimal digits take more than linear time to read, and the other side may be everybody's. */
  #bigint(value: bigint): CloneNode {
    const digits = apply(bigintToString, value, [16]) as string
    this.#count(digits.length)
    return ["i", digits]
  }

  #function(task: Task, call: object): CloneNode {
    const stub = this.#options.onCapability?.(call)
    if (stub === undefined)
      throw new CloneError(pathOf(task, this.#options.root), "is a function, which can't be cloned")
    return ["f", stub]
  }

  /** Objects that only data would not do justice to. */
  #capability(value: object, brand: Brand): CloneNode | undefined {
    if (this.#options.onCapability === undefined || (typeof brand === "string" && brand !== "plain")) return undefined
    const prototype = getPrototypeOf(value)
    if (prototype === objectPrototype || prototype === null) return undefined
    const stub = this.#options.onCapability(value)
    return stub === undefined ? undefined : ["f", stub]
  }

  #object(task: Task, value: object): CloneNode {
    try {
      const brand = brandOf(value)
      return this.#capability(value, brand) ?? this.#branded(task, value, brand)
    } catch (error) {
      if (error instanceof CloneError || error instanceof CloneTooLargeError || this.#options.rethrow === true)
        throw error
      throw new CloneError(pathOf(task, this.#options.root), `can't be read: ${messageOf(error)}`)
    }
  }

  #branded(task: Task, value: object, brand: Brand): CloneNode {
    if (typeof brand === "object") {
      throw new CloneError(pathOf(task, this.#options.root), `is ${brand.unclonable}, which can't be cloned`)
    }
    switch (brand) {
      case "array":
        return this.#array(task, value as unknown[])
      case "plain":
        return this.#entries(task, value, ["o"]) as CloneNode
      case "date":
        return dateNode(dateTime(value) as number)
      case "regexp":
        return ["r", regExpSource(value) as string, regExpFlags(value) as string]
      case "map":
        return this.#map(task, value as Map<unknown, unknown>)
      case "set":
        return this.#set(task, value as Set<unknown>)
      case "buffer":
        return this.#buffer(value as ArrayBuffer)
      case "view":
        return this.#view(task, value as ArrayBufferView)
      case "error":
        return this.#error(task, value as Error)
      case "boxed": {
        const node: (string | number)[] = ["p"]
        this.#child(task, null, unbox(value), node)
        return node as unknown as CloneNode
      }
    }
  }

  #array(task: Task, value: readonly unknown[]): CloneNode {
    const names = keys(value)
    this.#count(names.length * 2)
    if (names.length !== value.length || (names.length > 0 && names[names.length - 1] !== `${value.length - 1}`)) {
      return this.#entries(task, value, ["A", value.length]) as CloneNode
    }
    const node: (string | number)[] = ["a", value.length]
    for (let at = 0; at < names.length; at++) this.#child(task, at, value[at], node)
    return node as unknown as CloneNode
  }

  #entries(task: Task, value: object, node: (string | number)[]): unknown {
    const names = keys(value)
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      this.#count(name.length + 4)
      node[node.length] = name
      this.#child(task, name, this.#read(task, value, name), node)
    }
    return node
  }

  #read(task: Task, value: object, name: string): unknown {
    try {
      return (value as Record<string, unknown>)[name]
    } catch (error) {
      if (this.#options.rethrow === true) throw error
      const path = joinPath(pathOf(task, this.#options.root), name)
      throw new CloneError(path, `can't be read: ${messageOf(error)}`)
    }
  }

  #map(task: Task, value: Map<unknown, unknown>): CloneNode {
    const node: (string | number)[] = ["m"]
    this.#count((mapSize(value) as number) * 4)
    const entry = (item: unknown, key: unknown): void => {
      this.#child(task, "(key)", key, node)
      this.#child(task, typeof key === "string" ? `(${key})` : "(value)", item, node)
    }
    apply(mapForEach, value, [entry])
    return node as unknown as CloneNode
  }

  #set(task: Task, value: Set<unknown>): CloneNode {
    const node: (string | number)[] = ["s"]
    this.#count((setSize(value) as number) * 2)
    const item = (member: unknown): void => this.#child(task, "(member)", member, node)
    apply(setForEach, value, [item])
    return node as unknown as CloneNode
  }

  #buffer(value: ArrayBuffer): CloneNode {
    const length = bufferLength(value) as number
    this.#count(this.#options.areBytesApart === true ? length : (length * 4) / 3)
    return ["b", apply(setHas, this.#copies, [value]) ? value : copyOf(value, 0, length)]
  }

  #view(task: Task, value: ArrayBufferView): CloneNode {
    const kind = (typedArrayName(value) as string | undefined) ?? "DataView"
    const whole = value.byteOffset === 0 && value.byteLength === value.buffer.byteLength
    const length = kind === "DataView" ? value.byteLength : (value as Uint8Array).length
    // A small view of a large buffer carries only what can be seen through it; two views of one buffer stay connected.
    const shared = apply(mapGet, this.#seen, [value.buffer]) !== undefined
    const node: (string | number)[] = ["v", kind]
    if (whole || shared || value.byteLength * 4 > value.buffer.byteLength) {
      this.#child(task, null, value.buffer, node)
      node[3] = value.byteOffset
    } else {
      const copy = copyOf(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
      apply(setAdd, this.#copies, [copy])
      this.#child(task, null, copy, node)
      node[3] = 0
    }
    node[4] = length
    return node as unknown as CloneNode
  }

  #error(task: Task, value: Error): CloneNode {
    const stack = this.#options.stacks === false ? "" : textOf(value, "stack")
    const node: (string | number)[] = ["e", textOf(value, "name"), textOf(value, "message"), stack]
    this.#count(node.length + (node[2] as string).length + stack.length)
    for (const name of ["cause", "errors"] as const) {
      if (!hasOwn(value, name)) continue
      node[node.length] = name
      this.#child(task, name, this.#read(task, value, name), node)
    }
    this.#ownFields(task, value, node)
    return node as unknown as CloneNode
  }

  /** Own data such as `code` is worth keeping, but a field that can't be cloned must not hide the error itself. */
  #ownFields(task: Task, value: Error, node: (string | number)[]): void {
    for (const name of keys(value)) {
      if (name === "cause" || name === "errors" || name === "stack" || name === "message" || name === "name") continue
      const field = this.#read(task, value, name)
      if (!isScalar(field)) continue
      node[node.length] = name
      this.#child(task, name, field, node)
    }
  }
}

/** Not `slice`: that asks the buffer's constructor, which is a guest's to change, for the copy. */
function copyOf(buffer: ArrayBuffer, offset: number, length: number): ArrayBuffer {
  const copy = new BufferOf(length)
  apply(setBytes, new Bytes(copy), [new Bytes(buffer, offset, length)])
  return copy
}

function isScalar(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol")
}

function numberNode(value: number): CloneNode {
  if (value === 0 && 1 / value < 0) return ["n", "-0"]
  if (value - value === 0) return value
  return ["n", value !== value ? "NaN" : value > 0 ? "Infinity" : "-Infinity"]
}

function dateNode(time: number): CloneNode {
  return ["d", time === time ? time : null]
}

function textOf(error: Error, name: "name" | "message" | "stack"): string {
  try {
    const text: unknown = error[name]
    return typeof text === "string" ? text : text === undefined ? "" : `${text as string}`
  } catch {
    return ""
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `${error as string}`
  } catch {
    return "it throws"
  }
}

function pathOf(task: Task, root = "value"): string {
  const names: (string | number)[] = []
  for (let at: Task | null = task; at !== null; at = at.parent) if (at.key !== null) names[names.length] = at.key
  let path = root
  // Long cyclic or list-like paths are cut: the first names are what a person needs.
  const last = names.length > 40 ? names.length - 40 : 0
  for (let at = names.length - 1; at >= last; at--) path = joinPath(path, names[at] as string | number)
  return last > 0 ? `${path}…` : path
}

function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`
  if (key[0] === "(") return `${path}${key}`
  return (apply(test, identifier, [key]) as boolean) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}
