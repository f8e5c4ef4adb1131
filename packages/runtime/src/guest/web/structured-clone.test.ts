import assert from "node:assert/strict"
import { test } from "node:test"
import { DOMException } from "./dom-exception.ts"
import { installStructuredClone } from "./structured-clone.ts"
import type { Clone } from "./structured-clone.ts"
import type { Kernel } from "../kernel.ts"

type StructuredClone = (...values: unknown[]) => unknown

// Needs no isolate: what is tested here is the frame around the codec, whose own tests are beside it.
function install(clone: Clone): StructuredClone {
  const globals = new Map<string, unknown>()
  const kernel = { define: (name: string, value: unknown) => globals.set(name, value) } as unknown as Kernel
  installStructuredClone(kernel, clone)
  return globals.get("structuredClone") as StructuredClone
}

function thrown(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

test("structuredClone hands value and transfer list to the codec", () => {
  const calls: unknown[] = []
  const clone = install((value, transfer) => calls.push([value, transfer]))
  const buffer = new ArrayBuffer(1)
  clone(1)
  clone(2, undefined)
  clone(3, null)
  clone(4, {})
  clone(undefined, { transfer: new Set([buffer]) })
  assert.deepEqual(calls, [
    [1, []],
    [2, []],
    [3, []],
    [4, []],
    [undefined, [buffer]],
  ])
  assert.equal(clone.name, "structuredClone")
})

test("structuredClone refuses bad arguments as Node does", () => {
  const clone = install((value) => value)
  for (const values of [
    [],
    [1, 2],
    [1, { transfer: 1 }],
    [1, { transfer: "ab" }],
    [1, { transfer: [1] }],
    [1, { transfer: null }],
  ]) {
    const [actual, expected] = [() => clone(...values), () => Reflect.apply(structuredClone, undefined, values)].map(
      thrown,
    )
    assert.ok(actual instanceof TypeError && expected instanceof TypeError, JSON.stringify(values))
  }
})

test("structuredClone turns the codec's refusals into DOMExceptions and passes on what guest code throws", () => {
  const refusal = Object.assign(new Error("() => {} could not be cloned."), { name: "DataCloneError" })
  const refuse =
    (error: unknown): Clone =>
    () => {
      throw error
    }
  const actual = thrown(() => install(refuse(refusal))(1))
  assert.ok(actual instanceof DOMException)
  assert.deepEqual([actual.name, actual.code, actual.message], ["DataCloneError", 25, refusal.message])
  const hostile = new Proxy(new Error("x"), {
    get: () => assert.fail("read"),
    getPrototypeOf: () => assert.fail("asked"),
  })
  for (const error of [5, null, new RangeError("guest"), hostile])
    assert.equal(
      thrown(() => install(refuse(error))(1)),
      error,
    )
})

test("structuredClone refuses a transfer list that names a value twice", () => {
  const buffer = new ArrayBuffer(1)
  const error = thrown(() => install((value) => value)(1, { transfer: [buffer, buffer] }))
  assert.ok(error instanceof DOMException)
  assert.equal(error.name, "DataCloneError")
})
