import assert from "node:assert/strict"
import { test } from "node:test"
import { findCycles } from "./find-cycles.ts"

test("findCycles finds none in a diamond", () => {
  const graph = new Map([
    ["a", ["b", "c"]],
    ["b", ["d"]],
    ["c", ["d"]],
    ["d", []],
  ])
  assert.deepEqual(findCycles(graph), [])
})

test("findCycles names the nodes of a cycle in order", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ])
  assert.deepEqual(findCycles(graph), [["b", "c"]])
})

test("findCycles finds a node that imports itself", () => {
  assert.deepEqual(findCycles(new Map([["a", ["a"]]])), [["a"]])
})
