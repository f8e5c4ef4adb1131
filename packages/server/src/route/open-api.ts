import { type ErrorCode, errorTable } from "@mayfly/protocol"
import type { z } from "zod"
import { errorSchema } from "../schema/error.ts"
import { SchemaWriter } from "./schema-writer.ts"
import type { Route } from "./route.ts"

type Json = Record<string, unknown>

export interface OpenApiOptions {
  readonly version: string
}

const everywhere: readonly ErrorCode[] = ["input.invalid", "auth.host", "server.internal", "server.stopping"]
const withKey: readonly ErrorCode[] = ["auth.missing", "auth.invalid", "auth.forbidden", "auth.rate-limited"]
const withBody: readonly ErrorCode[] = ["server.too-large", "server.body-timeout"]
const busy: readonly ErrorCode[] = ["worker.queue-full"]
const withIdempotency: readonly ErrorCode[] = ["input.idempotency-conflict", "input.idempotency-unknown"]

/** The routes as OpenAPI 3.1. The same routes give the same text. */
export function openApiOf(routes: readonly Route[], { version }: OpenApiOptions): Json {
  const schemas = new SchemaWriter()
  const error = schemas.write(errorSchema, "output")
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = (paths[openApiPath(route.path)] ??= {})
    path[route.method] = operationOf(route, schemas, error)
  }
  const tags = [...new Set(routes.map(({ tag }) => tag))]
  return {
    openapi: "3.1.0",
    info: {
      title: "Mayfly",
      version,
      description:
        "Runs code that an AI agent has just written. `docs/reference/http.md` has what holds for all routes.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "A key: `mf_` and 43 characters." },
      },
      schemas: schemas.components(),
    },
  }
}

/** `/v1/things/:id/:path{.+}` as `/v1/things/{id}/{path}`. */
export function openApiPath(path: string): string {
  return path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, "{$1}")
}

/** Every code that a route may answer with. */
export function codesOf(route: Route): ErrorCode[] {
  const { scope, body, rawBody, place, errors = [] } = route
  return [
    ...new Set<ErrorCode>([
      ...everywhere,
      ...(scope === "open" ? [] : withKey),
      ...(body === undefined && rawBody === undefined ? [] : withBody),
      ...(body === undefined && place === undefined ? [] : busy),
      ...(takesIdempotency(route) ? withIdempotency : []),
      ...errors,
    ]),
  ]
}

/** Whether `Idempotency-Key` counts here: for changes whose answers are not streams. */
export function takesIdempotency({ method, scope, rawBody, refusesIdempotency }: Route): boolean {
  return method !== "get" && scope !== "open" && rawBody === undefined && refusesIdempotency === undefined
}

function operationOf(route: Route, schemas: SchemaWriter, error: Json): Json {
  const { tag, summary, description, scope } = route
  const body = bodyOf(route, schemas)
  return {
    operationId: operationId(route),
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(scope === "open" ? { security: [] } : { security: [{ key: [] }], "x-scope": scope }),
    ...(route.wholeServer === true ? { "x-whole-server": true } : {}),
    parameters: [
      ...parametersOf(route.params, "path", schemas),
      ...parametersOf(route.query, "query", schemas),
      ...(takesIdempotency(route) ? [idempotencyHeader] : []),
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answerOf(route, schemas), ...failuresOf(codesOf(route), error) },
  }
}

const idempotencyHeader = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key and request within 24 hours gives the stored answer.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
}

/** `POST /v1/workflows/:id/pause` is `postWorkflowsIdPause`. */
function operationId({ method, path }: Route): string {
  const words = openApiPath(path)
    .replace(/^\/v1/, "")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("")
}

function parametersOf(schema: z.ZodType | undefined, where: "path" | "query", schemas: SchemaWriter): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = schemas.write(schema, "input") as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === "path" || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }))
}

function bodyOf(route: Route, schemas: SchemaWriter): Json | undefined {
  if (route.body !== undefined) {
    const schema = schemas.write(route.body, "input")
    return { required: route.isBodyOptional !== true, content: { "application/json": { schema } } }
  }
  if (route.rawBody === undefined) return undefined
  const content = Object.entries(route.rawBody).map(([media, schema]): [string, Json] => [
    media,
    schema === null ? {} : { schema: schemas.write(schema, "input") },
  ])
  return { required: false, content: Object.fromEntries(content) }
}

function answerOf({ answer }: Route, schemas: SchemaWriter): Json {
  const { description, json, events, media = [] } = answer
  const content: Json = {}
  if (json !== undefined) content["application/json"] = { schema: schemas.write(json, "output") }
  if (events !== undefined) content["text/event-stream"] = eventsOf(events, schemas)
  for (const one of media) content[one] = {}
  const hasContent = Object.keys(content).length > 0
  const status = answer.status ?? (hasContent ? 200 : 204)
  return { [status]: hasContent ? { description, content } : { description } }
}

/** OpenAPI 3.1 has no words for the events of a stream: the stream is text, the data of its events stands beside. */
function eventsOf(events: Readonly<Record<string, z.ZodType>>, schemas: SchemaWriter): Json {
  const data = Object.entries(events).map(([name, schema]) => [name, schemas.write(schema, "output")])
  return { schema: { type: "string" }, "x-events": Object.fromEntries(data) as Json }
}

function failuresOf(codes: readonly ErrorCode[], error: Json): Json {
  const byStatus = Map.groupBy(codes, (code) => errorTable[code].status)
  const failures = [...byStatus].toSorted(([a], [b]) => a - b)
  const entries = failures.map(([status, some]): [string, Json] => [
    String(status),
    {
      description: some.map((code) => `\`${code}\``).join(", "),
      content: { "application/json": { schema: error } },
      "x-codes": some,
    },
  ])
  return Object.fromEntries(entries)
}
