import assert from "node:assert/strict"
import { test } from "node:test"
import { cloneValue, CloneError, CloneTooLargeError, decodeValue, encodeValue } from "./index.ts"

const round = (value: unknown): unknown => decodeValue(encodeValue(value))

test("encodeValue keeps what structured clone keeps", () => {
  const shared = { here: true }
  const cyclic: Record<string, unknown> = { shared, again: shared }
  cyclic["self"] = cyclic
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer
  const sparse = [1, , 3] // oxlint-disable-line no-sparse-arrays
  const values: unknown[] = [
    undefined,
    null,
    -0,
    NaN,
    Infinity,
    12n,
    -(2n ** 70n),
    "\ud800 lone",
    new Date(5),
    new Date(NaN),
    /a+/giu,
    new Map<unknown, unknown>([[{ key: 1 }, new Set([1, "two"])]]),
    new Uint8Array([0, 255, 128]),
    new Float64Array([1.5, NaN]),
    new DataView(buffer, 2, 4),
    { view: new Uint16Array(buffer, 2, 2), same: buffer },
    new Uint8Array(0),
    new Error("plain"),
    new RangeError("range", { cause: { code: 1 } }),
    Object(5),
    sparse,
    Object.assign([1, 2], { named: "x" }),
    cyclic,
    { a: [1, { b: [true, null, "x"] }] },
    JSON.parse('{"__proto__": {"polluted": true}, "b": [undefined]}'.replace("undefined", "1")),
  ]
  for (const value of values) assert.deepStrictEqual(round(value), structuredClone(value))
})

test("encodeValue keeps shared references and cycles", () => {
  const leaf = {}
  const value: { a: object; b: object; self?: object } = { a: leaf, b: leaf }
  value.self = value
  const copy = round(value) as typeof value
  assert.equal(copy.a, copy.b)
  assert.equal(copy.self, copy)
})

test("encodeValue carries deep nesting without recursion", () => {
  let deep: unknown = "end"
  for (let depth = 0; depth < 50_000; depth++) deep = { deep }
  let copy = round(deep)
  for (let depth = 0; depth < 50_000; depth++) copy = (copy as { deep: unknown }).deep
  assert.equal(copy, "end")
})

test("encodeValue names the path of what can't be cloned", () => {
  const cases: [unknown, string][] = [
    [{ items: [1, { save() {} }] }, "result.items[1].save is a function, which can't be cloned"],
    [{ "a b": Symbol("x") }, 'result["a b"] is a symbol, which can\'t be cloned'],
    [[Promise.resolve()], "result[0] is a Promise, which can't be cloned"],
    [new Map([["k", new WeakMap()]]), "result(k) is a WeakMap, which can't be cloned"],
    [
      {
        get bad() {
          throw new RangeError("no")
        },
      },
      "result.bad can't be read: RangeError: no",
    ],
  ]
  for (const [value, message] of cases) {
    assert.throws(
      () => encodeValue(value, { root: "result" }),
      (error) => error instanceof CloneError && error.message === message,
      message,
    )
  }
})

test("encodeValue stops early at its bound", () => {
  const big = "x".repeat(1000)
  for (const value of [big, [big], new Map([[1, big]]), new Uint8Array(1000), Array(1000).fill(1)]) {
    assert.throws(() => encodeValue(value, { maxLength: 500 }), CloneTooLargeError)
  }
})

test("encodeValue ignores toJSON, as structured clone does", () => {
  class Point {
    x = 1
    toJSON(): string {
      return "no"
    }
  }
  assert.deepStrictEqual(round(new Point()), { x: 1 })
})

test("decodeValue refuses malformed text with an Error", () => {
  const bad = ["", "j", "x1", "t[]", 't[["q"]]', 't[["a",1,7]]', 't[["o","k"]]', 't[["o","k",-1]]', 't[["b","@"]]',
    't[["v","Evil",1,0,1],["b","AAAA"]]', 't[["v","Uint32Array",1,1,9],["b","AAAA"]]', 't[["f","x"]]', 't[["i","zz"]]',
    't[["a",4294967296]]', 't[["d","x"]]x', "t{}"] // oxfmt-ignore
  for (const text of bad) assert.throws(() => decodeValue(text), Error, text)
})

test("decodeValue makes own properties only", () => {
  const value = decodeValue('t[["o","__proto__",1],["o","polluted",2],true]') as object
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.deepEqual(Object.keys(value), ["__proto__"])
})

test("cloneValue copies bytes", () => {
  const bytes = new Uint8Array([1, 2])
  const copy = cloneValue({ bytes }) as { bytes: Uint8Array }
  bytes[0] = 9
  assert.deepStrictEqual(copy, { bytes: new Uint8Array([1, 2]) })
})

test("encodeValue puts larger bytes beside the text, and decodeValue takes each once", () => {
  const shared = new Uint8Array(2_000).fill(7)
  const part = new Uint8Array(new ArrayBuffer(9_000), 1_000, 1_500).fill(5)
  const value = { shared, view: new Uint16Array(shared.buffer, 2, 900), part, small: new Uint8Array([1]) }
  const buffers: ArrayBuffer[] = []
  const text = encodeValue(value, { buffers })
  shared[0] = 1
  assert.deepEqual(
    buffers.map((buffer) => buffer.byteLength),
    [2_000, 1_500],
  )
  const copy = decodeValue(text, { buffers: [...buffers] }) as typeof value
  assert.deepEqual(copy, {
    shared: new Uint8Array(2_000).fill(7),
    view: new Uint16Array(900).fill(0x0707),
    part: new Uint8Array(1_500).fill(5),
    small: new Uint8Array([1]),
  })
  assert.deepEqual([copy.shared.buffer === buffers[0], copy.view.buffer === buffers[0]], [true, true])
  const taken: (ArrayBuffer | undefined)[] = [...buffers]
  decodeValue(text, { buffers: taken })
  assert.throws(() => decodeValue(text, { buffers: taken }), TypeError, "nothing is left")
})

test("encodeValue puts no more than 1,000 buffers beside the text", () => {
  const value = Array.from({ length: 1_003 }, (_, at) => new Uint8Array(1_024).fill(at))
  const buffers: ArrayBuffer[] = []
  const text = encodeValue(value, { buffers })
  assert.equal(buffers.length, 1_000)
  assert.deepEqual(decodeValue(text, { buffers }), value)
})

test("decodeValue refuses bytes that are not beside the text", () => {
  const buffers = (): ArrayBuffer[] => [new ArrayBuffer(4)]
  for (const index of ["-1", "1", "0.5", "1e9", "null", "true", '"0"x', "[0]", "{}"]) {
    assert.throws(() => decodeValue(`t[["b",${index}]]`, { buffers: buffers() }), Error, index)
  }
  assert.throws(() => decodeValue('t[["a",2,1,2],["b",0],["b",0]]', { buffers: buffers() }), TypeError, "twice")
  assert.throws(() => decodeValue('t[["b",0]]'), TypeError, "none were sent")
})

test("encodeValue counts bytes beside the text as they are", () => {
  const bytes = new Uint8Array(3_000)
  assert.throws(() => encodeValue(bytes, { maxLength: 3_500 }), CloneTooLargeError)
  assert.equal(typeof encodeValue(bytes, { maxLength: 3_500, buffers: [] }), "string")
  assert.throws(() => encodeValue(bytes, { maxLength: 2_900, buffers: [] }), CloneTooLargeError)
})
