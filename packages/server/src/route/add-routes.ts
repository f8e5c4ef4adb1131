import { MayflyError } from "@mayfly/protocol"
import type { Context, Handler } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import type { Access } from "../auth/access.ts"
import type { ServerApp } from "../create-server.ts"
import { readJsonBody } from "../read-json-body.ts"
import { RequestCall } from "./call.ts"
import { readInput, readQuery } from "./read-input.ts"
import type { Route } from "./route.ts"
import type { ServerParts } from "./server-parts.ts"

/** Makes declarations answer. Who asks was found out before. */
export function addRoutes(app: ServerApp, routes: readonly Route[], parts: ServerParts): void {
  for (const route of routes) app.on(route.method.toUpperCase(), route.path, handlerOf(route, parts))
}

function handlerOf(route: Route, parts: ServerParts): Handler {
  const name = `${route.method.toUpperCase()} ${route.path}`
  const { params: paramsSchema } = route
  return async (c) => {
    const access = c.get("access") as Access
    checkScope(route, access)
    using held = new DisposableStack()
    if (route.place !== undefined) held.use(parts.places[route.place].take())
    const params =
      paramsSchema === undefined ? {} : readInput(paramsSchema, c.req.param(), { kind: "parameter", route: name })
    const query = readQuery(route.query, c.req.queries(), name)
    const body = await bodyOf(c, route, parts, held, name)
    const given = await route.handle(new RequestCall(c, parts, { access, params, query, body, held }))
    return responseOf(c, route, given)
  }
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

async function bodyOf(
  c: Context,
  route: Route,
  { body: limits }: ServerParts,
  held: DisposableStack,
  name: string,
): Promise<unknown> {
  if (route.body === undefined) return undefined
  const isMissing = route.isBodyOptional === true && !hasBody(c)
  const value = isMissing ? {} : held.use(await readJsonBody(c.req.raw, limits)).value
  return readInput(route.body, value, { kind: "field", route: name })
}

function hasBody(c: Context): boolean {
  return Number(c.req.header("content-length") ?? 0) !== 0 || c.req.header("transfer-encoding") !== undefined
}

function responseOf(c: Context, { answer }: Route, given: unknown): Response {
  if (given instanceof Response) return given
  if (given === undefined) return c.body(null, 204)
  return c.json(given, (answer.status ?? 200) as ContentfulStatusCode)
}
