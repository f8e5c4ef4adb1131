import type { DynamicWorker } from "@mayfly/platform"
import { type Run, type RunEvent, type RunOptions, runToJson, type WorkerDefinition } from "@mayfly/platform"
import { z } from "zod"
import { eventStream } from "./event-stream.ts"
import { asRecord } from "./parse-fields.ts"
import { parseJsonModules } from "./parse-json-modules.ts"
import { parseCall } from "./parse-run-body.ts"
import { withRate } from "./rate-headers.ts"
import { pageOf } from "./route/page-of.ts"
import { type Route, route } from "./route/route.ts"
import { eventToMessage } from "./run-events.ts"
import type { Program } from "./run-program.ts"
import { nextCursor, pageQuery, tenantField, tenantQuery } from "./schema/common.ts"
import { run, runEvents } from "./schema/run.ts"
import { namedWorker, workerBody, workerRunBody, workerVersion } from "./schema/worker.ts"
import { taggedValue } from "./tagged-value.ts"
import { wantsEvents } from "./wants-events.ts"
import { fetchWorker } from "./workers/fetch-worker.ts"

const tag = "Workers"
const params = z.object({ name: z.string().describe("1 to 63 letters, digits or . _ -") })
const errors = ["worker.not-found"] as const
const begins = ["tenant.suspended", "quota.rate", "quota.concurrency", "quota.budget", "quota.limit"] as const

const fetchRoutes = (["get", "post", "put", "patch", "delete", "options"] as const).map((method) =>
  route({
    method,
    path: "/v1/workers/:name/fetch/:path{.*}",
    scope: "run",
    tag,
    summary: "Call a worker's fetch handler",
    description:
      "Path, query, headers and body reach the handler, except Authorization, cookies and what is about the connection. Bodies stream in both directions. Of its headers " +
      "those come back that speak for the answer only, and names of its own (`x-…`). An admin key names the tenant in `x-mayfly-tenant`. A WebSocket that the handler answers " +
      "with is passed on; a browser, which can't send a header, offers the subprotocols `mayfly` and `bearer.KEY`, which the handler does not see.",
    place: "requests",
    params: params.extend({ path: z.string().describe("Any path.") }),
    query: z.looseObject({}),
    isRawQuery: true,
    ...(method === "get" ? {} : { rawBody: { "*/*": null }, refusesIdempotency: "its body and answer are streams" }),
    answer: { description: "What the handler answers, whatever the status.", media: ["*/*"] },
    errors: [...errors, ...begins, "worker.guest", "worker.no-entrypoint", "server.upgrade-required"],
    handle: (call) => fetchWorker(call),
  }),
)

/** Programs under a name: deployed once, called by it. */
export const workerRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/workers",
    scope: "run",
    tag,
    summary: "List named workers",
    query: pageQuery,
    answer: {
      description: "A page of workers.",
      json: z.object({ workers: z.array(namedWorker), cursor: nextCursor }),
    },
    async handle({ server, access, query }) {
      const workers = await server.platform.workers(access.tenant(query.tenant)).list()
      const { entries, ...next } = pageOf(workers, query, ({ name }) => name)
      return { workers: entries, ...next }
    },
  }),
  route({
    method: "put",
    path: "/v1/workers/:name",
    scope: "admin",
    tag,
    summary: "Deploy a worker, or a new version of it",
    description: "Compiled first: what does not compile is not stored. The same again changes nothing.",
    place: "requests",
    params,
    body: workerBody,
    answer: { description: "The version that is called from now on.", json: namedWorker },
    errors: [
      "worker.syntax",
      "worker.module-not-found",
      "worker.code-too-large",
      "worker.typecheck",
      "quota.count",
      "tenant.suspended",
      "quota.budget",
    ],
    handle({ server, access, params: { name }, body }) {
      const { tenant, modules, env, ...plain } = body
      const definition = {
        // The library checks these one by one.
        ...(plain as WorkerDefinition),
        ...(modules === undefined ? {} : { modules: parseJsonModules(modules) }),
        ...(env === undefined ? {} : { env: asRecord(taggedValue(asRecord(env, "env"), "env"), "env") }),
      }
      return server.platform.workers(access.tenant(tenant)).deploy(name, definition)
    },
  }),
  route({
    method: "get",
    path: "/v1/workers/:name",
    scope: "run",
    tag,
    summary: "Look at a worker",
    params,
    query: tenantQuery,
    answer: { description: "The version that is called.", json: namedWorker },
    errors: [...errors],
    handle: ({ server, access, params: { name }, query }) =>
      server.platform.workers(access.tenant(query.tenant)).get(name),
  }),
  route({
    method: "delete",
    path: "/v1/workers/:name",
    scope: "admin",
    tag,
    summary: "Remove a worker with all its versions",
    description: "Runs under way go on; their WebSockets are closed.",
    params,
    query: tenantQuery,
    answer: { description: "It is gone." },
    errors: [...errors],
    async handle({ server, access, params: { name }, query }) {
      await server.platform.workers(access.tenant(query.tenant)).remove(name)
    },
  }),
  route({
    method: "get",
    path: "/v1/workers/:name/versions",
    scope: "run",
    tag,
    summary: "List a worker's versions, the newest first",
    description: "At most twenty are kept.",
    params,
    query: tenantQuery,
    answer: { description: "All of them.", json: z.object({ versions: z.array(workerVersion) }) },
    errors: [...errors],
    handle: async ({ server, access, params: { name }, query }) => ({
      versions: await server.platform.workers(access.tenant(query.tenant)).versions(name),
    }),
  }),
  route({
    method: "post",
    path: "/v1/workers/:name/rollback",
    scope: "admin",
    tag,
    summary: "Make an earlier version the one that is called",
    params,
    body: z.strictObject({ version: z.string(), tenant: tenantField }),
    answer: { description: "The version that is called from now on.", json: namedWorker },
    errors: [...errors],
    handle: ({ server, access, params: { name }, body: { tenant, version } }) =>
      server.platform.workers(access.tenant(tenant)).rollback(name, version),
  }),
  route({
    method: "post",
    path: "/v1/workers/:name/run",
    scope: "run",
    tag,
    summary: "Call a worker once",
    description: "As `POST /v1/run`: 200 also when the program failed.",
    place: "requests",
    params,
    body: workerRunBody,
    isBodyOptional: true,
    answer: { description: "The run.", json: run, events: runEvents },
    errors: [...errors, ...begins],
    handle(call) {
      const {
        c,
        server,
        access,
        params: { name },
        body,
        signal,
      } = call
      const tenant = access.tenant(body.tenant)
      return withRate(call, tenant, async () => {
        const { worker, reuse } = await server.platform.workers(tenant).load(name)
        const given = parseCall(body.input, body.request)
        const options = runOptions(body, reuse)
        if (!wantsEvents(c.req.header("accept"))) return runToJson(await execute(worker, given, { ...options, signal }))
        return eventStream(call, async (stream) => {
          const events = streamOf(worker, given, { ...options, signal: stream.signal })
          for await (const event of events) await stream.send(eventToMessage(event))
        })
      })
    },
  }),
  ...fetchRoutes,
]

function runOptions({ limits, props }: z.output<typeof workerRunBody>, reuse: boolean): RunOptions {
  return {
    reuse,
    stubs: false,
    ...(limits === undefined ? {} : { limits: limits as NonNullable<RunOptions["limits"]> }),
    ...(props === undefined ? {} : { props: taggedValue(props, "props") }),
  }
}

function execute(worker: DynamicWorker, call: Program["call"], options: RunOptions): Promise<Run> {
  return call.kind === "run" ? worker.execute(call.input, options) : worker.executeRequest(call.request, options)
}

function streamOf(worker: DynamicWorker, call: Program["call"], options: RunOptions): AsyncIterable<RunEvent> {
  return call.kind === "run" ? worker.stream(call.input, options) : worker.streamRequest(call.request, options)
}
