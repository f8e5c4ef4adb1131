import { runToJson } from "@mayfly/platform"
import { eventStream } from "./event-stream.ts"
import { parseRunBody } from "./parse-run-body.ts"
import { withRate } from "./rate-headers.ts"
import { route } from "./route/route.ts"
import { eventToMessage } from "./run-events.ts"
import { runProgram, streamProgram } from "./run-program.ts"
import { tenantQuery } from "./schema/common.ts"
import { run, runBody, runEvents } from "./schema/run.ts"
import { wantsEvents } from "./wants-events.ts"

export const runRoutes = [
  route({
    method: "post",
    path: "/v1/run",
    scope: "run",
    tag: "Runs",
    summary: "Compile a program and call it once, in a fresh isolate",
    description:
      "200 also when the program failed: `ok` and `error` say so. Going away cancels the run. With `Accept: text/event-stream` logs and egress come as they happen.",
    place: "requests",
    query: tenantQuery,
    body: runBody,
    answer: { description: "The run.", json: run, events: runEvents },
    errors: [
      "worker.code-too-large",
      "worker.no-entrypoint",
      "mesh.secret-missing",
      "tenant.suspended",
      "quota.rate",
      "quota.concurrency",
      "quota.budget",
      "quota.limit",
    ],
    async handle(call) {
      const { c, body, query, access, server, signal } = call
      const tenant = access.tenant(body.tenant ?? query.tenant)
      const program = parseRunBody({ ...body, tenant }, server.platform)
      return withRate(call, tenant, async () => {
        if (!wantsEvents(c.req.header("accept"))) return runToJson(await runProgram(program, signal))
        return eventStream(call, async (stream) => {
          for await (const event of streamProgram(program, stream.signal)) await stream.send(eventToMessage(event))
        })
      })
    },
  }),
]
