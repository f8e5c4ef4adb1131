import assert from "node:assert/strict"
import { test } from "node:test"
import { z } from "zod"
import { openApiDocument } from "./open-api-document.ts"
import { routes } from "./route-groups.ts"

const nameOf = ({ method, path }: (typeof routes)[number]): string => `${method.toUpperCase()} ${path}`

function fieldsOf(schema: z.ZodType | undefined): Readonly<Record<string, z.core.$ZodType>> {
  return schema instanceof z.ZodObject ? (schema.shape as Record<string, z.core.$ZodType>) : {}
}

test("routes declare every parameter of their paths", () => {
  for (const route of routes) {
    const named = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    assert.deepEqual(Object.keys(fieldsOf(route.params)).toSorted(), named.toSorted(), nameOf(route))
  }
})

test("every list has a cursor", () => {
  const lists = routes.filter(({ method, answer }) => {
    const arrays = Object.values(fieldsOf(answer.json)).filter((field) => field instanceof z.ZodArray)
    return method === "get" && arrays.length === 1
  })
  const without = lists.filter(({ query, answer }) => {
    const fields = fieldsOf(answer.json)
    return !("cursor" in fieldsOf(query)) || !("cursor" in fields || "next" in fields)
  })
  assert.deepEqual(
    without.map(nameOf).filter((name) => !whole.includes(name)),
    [],
  )
  assert.ok(lists.length > 8)
})

/** Arrays that are no lists of things: of what is answered they are a part, and short. */
const whole = [
  "GET /v1/workflows/:id",
  "GET /v1/ledger/summary",
  "GET /v1/keys/self",
  "GET /v1/sandboxes/:id/processes/:process/logs",
  "GET /v1/workers/:name/versions",
]

test("the OpenAPI document has an id of its own for every operation, and refers only to what is in it", () => {
  const text = openApiDocument()
  const ids = [...text.matchAll(/"operationId": "(\w+)"/g)].map(([, id]) => id)
  assert.equal(ids.length, routes.length)
  assert.equal(new Set(ids).size, ids.length)
  const { components } = JSON.parse(text) as { components: { schemas: object } }
  for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(name in components.schemas, name)
  assert.doesNotMatch(text, /#\/\$defs/)
})
