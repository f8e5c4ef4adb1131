import { MayflyError } from "@mayfly/protocol"
import type { Context, Handler } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import type { Access } from "../auth/access.ts"
import type { ServerApp } from "../create-server.ts"
import { carryBody } from "../carry-body.ts"
import { holdAnswer } from "../hold-answer.ts"
import { answerOnce, fingerprintOf, idempotencyKeyOf } from "../idempotency/answer-once.ts"
import { type BodyLimits, type Hold, parseJson, readBody } from "../read-json-body.ts"
import { RequestCall } from "./call.ts"
import { readInput, readQuery } from "./read-input.ts"
import type { Route } from "./route.ts"
import type { ServerParts } from "./server-parts.ts"

/** Makes declarations answer. Who asks was found out before. */
export function addRoutes(app: ServerApp, routes: readonly Route[], parts: ServerParts): void {
  for (const route of routes) app.on(route.method.toUpperCase(), route.path, handlerOf(route, parts))
}

function handlerOf(route: Route, parts: ServerParts): Handler {
  const name = nameOf(route)
  const { params: paramsSchema } = route
  return async (c) => {
    const access = c.get("access") as Access
    checkScope(route, access)
    using held = new DisposableStack()
    const holder = route.scope === "open" ? null : access.ownTenant
    if (route.place !== undefined) held.use(parts.places[route.place].take(holder))
    const params =
      paramsSchema === undefined ? {} : readInput(paramsSchema, c.req.param(), { kind: "parameter", route: name })
    const query = route.isRawQuery === true ? {} : readQuery(route.query, c.req.queries(), name)
    checkTenant(route, access, query)
    const key = idempotencyKeyOf(c, route)
    const { fingerprint, body } = await bodyOf(c, route, { ...parts.body, holder }, held, key !== undefined)
    const outlivesClient = key !== undefined
    const call = new RequestCall(c, parts, { access, params, query, body, held, outlivesClient })
    const act = async (): Promise<Response> => responseOf(c, route, await route.handle(call), parts)
    // Awaited here: what is held must not be given back before.
    if (key === undefined) return await act()
    return await answerOnce(c, { tenant: access.ownTenant ?? "", key, request: fingerprint }, parts, act)
  }
}

function nameOf({ method, path }: Route): string {
  return `${method.toUpperCase()} ${path}`
}

/** Before anything is read for it, and for those routes too that would not ask. */
function checkTenant({ scope }: Route, access: Access, query: unknown): void {
  const { tenant } = (query ?? {}) as { readonly tenant?: unknown }
  if (scope !== "open") access.tenantFilter(tenant)
}

/** Throws `auth.forbidden`, which names what is missing. */
function checkScope({ scope, wholeServer = false }: Route, access: Access): void {
  if (scope === "open") return
  if (scope !== "any" && !access.has(scope)) {
    throw new MayflyError("auth.forbidden", `the key "${access.name}" lacks the scope "${scope}"`, {
      details: { scope, scopes: access.scopes },
      fix: `Use a key with the scope "${scope}": \`mayfly keys create NAME --scope ${scope}\`.`,
    })
  }
  if (wholeServer && access.ownTenant !== null) {
    const message = `this is about all tenants, and the key "${access.name}" is of one`
    throw new MayflyError("auth.forbidden", message, {
      details: { tenant: access.ownTenant },
      fix: "Use an admin key of all tenants.",
    })
  }
}

interface RequestBody {
  readonly body: unknown
  /** "" unless it is wanted. */
  readonly fingerprint: string
}

async function bodyOf(
  c: Context,
  route: Route,
  limits: BodyLimits,
  held: DisposableStack,
  isKeyed: boolean,
): Promise<RequestBody> {
  const parse = (text: string, hold?: Hold): RequestBody => ({
    body:
      route.body === undefined
        ? undefined
        : readInput(route.body, parseJson(text, hold), { kind: "field", route: nameOf(route) }),
    fingerprint: isKeyed ? fingerprintOf(c, text) : "",
  })
  const isMissing = route.body === undefined || (route.isBodyOptional === true && !hasBody(c))
  // The text is let go of when it is parsed: programs and inputs are large.
  return isMissing ? parse("{}") : held.use(await readBody(c.req.raw, limits, parse)).value
}

function hasBody(c: Context): boolean {
  return Number(c.req.header("content-length") ?? 0) !== 0 || c.req.header("transfer-encoding") !== undefined
}

async function responseOf(c: Context, { answer }: Route, given: unknown, { answers }: ServerParts): Promise<Response> {
  const access = c.get("access") as Access | undefined
  // Of an answer to HEAD nobody reads the body: a stream would keep its place for ever.
  if (given instanceof Response && c.req.raw.method === "HEAD") await given.body?.cancel()
  if (given instanceof Response)
    return access === undefined || isEvents(given) ? given : carryBody(c, given, access.ended)
  if (given === undefined) return c.body(null, 204)
  const text = writeJson(given)
  holdAnswer(c, text.length, answers)
  return c.body(text, (answer.status ?? 200) as ContentfulStatusCode, { "content-type": "application/json" })
}

/** Events say why before they end. */
function isEvents({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") === true
}

/** Throws `worker.output-limit` for what is longer than a text can be: only programs make such answers. */
function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new MayflyError("worker.output-limit", "the answer is too long for JSON", { cause: error })
  }
}
