import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { z } from "zod"
import { BodyBudget } from "./body-budget.ts"
import { publicError } from "./error-response.ts"
import { messagePage, questionPage } from "./hook-page.ts"
import { invalid } from "./parse-fields.ts"
import { type BodyLimits, parseJson, readTextBody } from "./read-json-body.ts"
import { type Route, route } from "./route/route.ts"
import { taggedSchema } from "./schema/common.ts"
import { taggedValue } from "./tagged-value.ts"

/** Open without a key: the token is the credential. */
export const hookPaths = /^\/v1\/hooks\/[^/]+$/

/** An event's largest payload, and what JSON may add to it. */
const maxBodyBytes = 2 << 20
/** Strangers may come here: what they can hold is small, and apart from what callers with keys hold. */
const limits: BodyLimits = { maxBytes: maxBodyBytes, budget: new BodyBudget(32 << 20), timeoutMs: 30_000 }

const path = "/v1/hooks/:token"
const tag = "Hooks"
const params = z.object({ token: z.string().describe("`waits[].token` of a workflow.") })
/** Mail and chat programs add parameters of their own to links. */
const query = z.looseObject({})
const errors = ["workflow.hook-not-found", "workflow.hook-used"] as const

export const hookRoutes: readonly Route[] = [
  route({
    method: "get",
    path,
    scope: "open",
    tag,
    summary: "Show the question that a step waits for",
    description: "A page for people. Looking at it decides nothing: mail scanners open links too.",
    place: "hooks",
    params,
    query,
    answer: { description: "A page with a form.", media: ["text/html"] },
    errors: [...errors],
    async handle({ c, server, params: { token } }) {
      try {
        const { signature, ...question } = await server.platform.hooks.find(token)
        if (signature === undefined) return c.html(questionPage(question))
        return c.html(messagePage("Not for people", "This link takes signed requests of a service."))
      } catch (error) {
        return failurePage(c, error)
      }
    },
  }),
  route({
    method: "post",
    path,
    scope: "open",
    tag,
    summary: "Send the event that a step waits for, once",
    description:
      "A JSON body is the payload; so are the fields of a form. The form of the page is answered with a page. A step may want requests that are signed by a service.",
    place: "hooks",
    params,
    query,
    rawBody: { "application/json": taggedSchema, "application/x-www-form-urlencoded": null },
    answer: {
      description: "It is stored.",
      json: z.object({ accepted: z.literal(true) }),
      media: ["text/html"],
    },
    errors: [...errors, "workflow.hook-signature"],
    async handle({ c, server: { platform }, params: { token } }) {
      const isForm = /^application\/x-www-form-urlencoded\b/i.test(c.req.header("content-type") ?? "")
      try {
        await platform.hooks.find(token)
        using body = await readTextBody(c.req.raw, { ...limits, holder: token })
        const request = { headers: c.req.raw.headers, body: body.value }
        const { isDuplicate } = await platform.hooks.send(token, payloadOf(body.value, isForm), { request })
        if (isDuplicate) throw new MayflyError("workflow.hook-used", "the link was used before")
      } catch (error) {
        if (isForm && wantsPage(c)) return failurePage(c, error)
        throw error
      }
      if (isForm && wantsPage(c)) return c.html(messagePage("Thank you", "Your answer was recorded."))
      return { accepted: true }
    },
  }),
]

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
