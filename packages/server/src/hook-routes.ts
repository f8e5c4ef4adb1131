import type { Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { BodyBudget } from "./body-budget.ts"
import type { ServerApp } from "./create-server.ts"
import { publicError } from "./error-response.ts"
import { hookPagePolicy, messagePage, questionPage } from "./hook-page.ts"
import { invalid } from "./parse-fields.ts"
import { parseJson, readTextBody } from "./read-json-body.ts"
import { RequestSlots } from "./request-slots.ts"
import { taggedValue } from "./tagged-value.ts"

/** Open without a key: the token is the credential. */
export const hookPaths = /^\/v1\/hooks\/[^/]+$/

export { hookPagePolicy }

/** Strangers may come here: what they can hold is small, and apart from what callers with keys hold. */
const maxRequests = 100
/** An event's largest payload, and what JSON may add to it. */
const maxBodyBytes = 2 << 20
const maxHeldBytes = 32 << 20

/** `/v1/hooks/:token`: GET shows the question and changes nothing, POST sends the event that a step waits for, once. */
export function addHookRoutes(app: ServerApp, platform: Platform): void {
  const slots = new RequestSlots(maxRequests)
  const limits = { maxBytes: maxBodyBytes, budget: new BodyBudget(maxHeldBytes) }

  app.get("/v1/hooks/:token", async (c) => {
    using _slot = slots.take()
    try {
      const { signature, ...question } = await platform.hooks.find(c.req.param("token"))
      if (signature !== undefined)
        return c.html(messagePage("Not for people", "This link takes signed requests of a service."))
      return c.html(questionPage(question))
    } catch (error) {
      return failurePage(c, error)
    }
  })

  app.post("/v1/hooks/:token", async (c) => {
    using _slot = slots.take()
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(c.req.header("content-type") ?? "")
    try {
      await platform.hooks.find(c.req.param("token"))
      using body = await readTextBody(c.req.raw, limits)
      const request = { headers: c.req.raw.headers, body: body.value }
      const payload = payloadOf(body.value, isForm)
      const { isDuplicate } = await platform.hooks.send(c.req.param("token"), payload, { request })
      if (isDuplicate) throw new MayflyError("workflow.hook-used", "the link was used before")
    } catch (error) {
      if (isForm && wantsPage(c)) return failurePage(c, error)
      throw error
    }
    if (isForm && wantsPage(c)) return c.html(messagePage("Thank you", "Your answer was recorded."))
    return c.json({ accepted: true })
  })
}

/** JSON, or the fields of a form; `approved` of a form is true or false. Nothing at all is no payload. */
function payloadOf(body: string, isForm: boolean): unknown {
  const text = body.trim()
  if (text === "") return undefined
  // What `curl -d` sends as a form is JSON more often than not.
  if (!isForm || text.startsWith("{")) return taggedValue(parseJson(text), "payload")
  const fields = new Map(new URLSearchParams(text))
  if (fields.size > 100) throw invalid("payload", "has more than 100 fields")
  const values = [...fields].map(([name, value]): [string, unknown] => [
    name,
    name === "approved" && /^(?:true|false)$/.test(value) ? value === "true" : value,
  ])
  return Object.fromEntries(values)
}

function wantsPage(c: Context): boolean {
  return /\btext\/html\b/i.test(c.req.header("accept") ?? "")
}

/** Failures of ours go on to the log. */
function failurePage(c: Context, error: unknown): Response {
  const known = publicError(error)
  if (known !== error) throw error
  return c.html(
    messagePage("This link does not work", `${known.message}. ${known.fix}`),
    known.status as ContentfulStatusCode,
  )
}
