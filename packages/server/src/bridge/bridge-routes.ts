import { z } from "zod"
import { type Route, route } from "../route/route.ts"
import { given } from "../sandboxes/given-parts.ts"
import { showTerminal } from "../sockets/show-terminal.ts"
import { upgradeOf } from "../sockets/socket-upgrade.ts"
import { answering, bridgeAnswer, outside } from "./bridge-error.ts"
import { bridgeExec } from "./bridge-exec.ts"
import { bridgeFiles } from "./bridge-files.ts"
import {
  bridgeId,
  bridgeParams,
  bridgeQuery,
  bridgeSandbox,
  closeSession,
  openSession,
  parseSessionId,
  terminalOf,
  workspacePath,
} from "./bridge-sandbox.ts"

const tag = "Cloudflare Sandbox bridge"
const common = { scope: "sandboxes", tag, place: "sandboxes", params: bridgeParams, query: bridgeQuery } as const
const okJson = z.object({ ok: z.literal(true) })
const portParams = bridgeParams.extend({ port: z.string() })
const mountRequest = z.looseObject({ mountPath: z.string().regex(/^\//, "must be an absolute path") })

/** `/v1/sandbox/…` and `/v1/pool/…`: what clients of Cloudflare's Sandbox bridge speak. */
export const bridgeRoutes: readonly Route[] = [
  route({
    method: "post",
    path: "/v1/sandbox",
    scope: "sandboxes",
    tag,
    summary: "Make a sandbox",
    query: bridgeQuery,
    answer: { description: "Its id.", json: z.object({ id: z.string() }) },
    handle: (call) =>
      answering({ code: "capacity_exceeded", what: "create" }, call, async () => {
        const { server, access, query } = call
        const { id } = await server.platform.sandboxes(access.tenant(query.tenant)).create({ id: bridgeId() })
        return { id }
      }),
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/sandbox/:id",
    summary: "Destroy a sandbox; one that is not there is fine",
    answer: { description: "It is gone." },
    handle: (call) =>
      answering({ code: "exec_transport_error", what: "destroy" }, call, async () => {
        const { server, access, params, query } = call
        const home = server.platform.sandboxes(access.tenant(query.tenant))
        const { id } = params
        if ((await home.list()).some((one) => one.id === id)) await (await home.get(id)).destroy()
        return undefined
      }),
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandbox/:id/running",
    summary: "Whether it can run commands",
    answer: { description: "Whether.", json: z.object({ running: z.boolean() }) },
    handle: (call) =>
      answering({ code: "exec_transport_error", what: "running" }, call, async () => {
        const sandbox = await bridgeSandbox(call)
        const running = await sandbox.exec(["true"], { signal: call.signal }).then(
          ({ success }) => success,
          () => false,
        )
        return { running }
      }),
  }),
  bridgeExec,
  ...bridgeFiles,
  route({
    ...common,
    method: "get",
    path: "/v1/sandbox/:id/pty",
    place: "sockets",
    summary: "Look at the terminal of a session (WebSocket)",
    query: bridgeQuery.extend({
      cols: z.string().optional(),
      rows: z.string().optional(),
      shell: z.string().optional(),
      session: z.string().optional(),
    }),
    answer: { status: 101, description: "A WebSocket." },
    handle: (call) =>
      answering({ code: "exec_transport_error", what: "terminal" }, call, async () => {
        call.access.tenant(call.query.tenant)
        const upgrade = upgradeOf(call.c)
        const { cols = "80", rows = "24", shell, session } = call.query
        const name = call.c.req.header("session-id") ?? session
        const key = name === undefined ? "" : parseSessionId(name)
        const size = { cols: Number(cols), rows: Number(rows) }
        if (Number.isNaN(size.cols) || Number.isNaN(size.rows))
          return bridgeAnswer("cols and rows must be valid numbers", "invalid_request", 400)
        const sandbox = await bridgeSandbox(call)
        const command = shell === undefined ? {} : { command: [shell] }
        const terminal = await terminalOf(sandbox, key, () => sandbox.terminal({ ...size, ...command }))
        terminal.resize(size.cols, size.rows)
        return upgrade.accept(showTerminal(terminal, { replay: true, signal: call.signal }), call.held.move())
      }),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandbox/:id/tunnel/:port",
    summary: "Show a port at an address of its own",
    params: portParams,
    body: z.looseObject({ name: z.string().optional() }),
    isBodyOptional: true,
    answer: {
      description: "The address.",
      json: z.object({ id: z.string(), port: z.int(), url: z.string(), hostname: z.string(), createdAt: z.string() }),
    },
    handle: (call) =>
      answering({ code: "tunnel_error", what: "tunnel" }, call, async () => {
        const port = portOf(call.params.port)
        if (port === undefined) return bridgeAnswer("Invalid port", "invalid_request", 400)
        if (call.body.name !== undefined)
          return bridgeAnswer("tunnel failed: addresses of a chosen name are not supported", "tunnel_error", 502)
        const sandbox = await bridgeSandbox(call)
        const { url, token } = await sandbox.expose(port)
        return { id: token, port, url, hostname: new URL(url).hostname, createdAt: new Date().toISOString() }
      }),
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/sandbox/:id/tunnel/:port",
    summary: "Take the address back; one that is not there is fine",
    params: portParams,
    answer: { description: "It is gone." },
    handle: (call) =>
      answering({ code: "tunnel_error", what: "tunnel" }, call, async () => {
        const port = portOf(call.params.port)
        if (port === undefined) return bridgeAnswer("Invalid port", "invalid_request", 400)
        await (await bridgeSandbox(call)).unexpose(port)
        return undefined
      }),
  }),
  route({
    ...common,
    method: "post",
    path: "/v1/sandbox/:id/session",
    summary: "Begin a session: a shell that keeps its state",
    body: z.looseObject({
      id: z.string().optional(),
      cwd: z.string().optional(),
      env: z.record(z.string(), z.string()).optional(),
    }),
    isBodyOptional: true,
    answer: { description: "Its id.", json: z.object({ id: z.string() }) },
    handle: (call) =>
      answering({ code: "session_error", what: "session create" }, call, async () => {
        const { id = `session-${bridgeId()}`, cwd: folder, env } = call.body
        const cwd = folder === undefined ? undefined : workspacePath(folder)
        if (folder !== undefined && cwd === undefined) return outside("cwd")
        const sandbox = await bridgeSandbox(call)
        await openSession(sandbox, parseSessionId(id), given({ cwd, env }))
        return { id }
      }),
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/sandbox/:id/session/:session",
    summary: "End a session",
    params: bridgeParams.extend({ session: z.string() }),
    answer: {
      description: "It has ended.",
      json: z.object({ success: z.literal(true), sessionId: z.string(), timestamp: z.string() }),
    },
    handle: (call) =>
      answering({ code: "session_error", what: "session delete" }, call, async () => {
        const sessionId = parseSessionId(call.params.session)
        await closeSession(await bridgeSandbox(call), sessionId)
        return { success: true, sessionId, timestamp: new Date().toISOString() }
      }),
  }),
  ...(["mount", "unmount"] as const).map((what) =>
    route({
      ...common,
      method: "post",
      path: `/v1/sandbox/:id/${what}`,
      summary: `Buckets can't be ${what}ed here: always an error`,
      body: mountRequest,
      answer: { description: "Never.", json: okJson },
      handle: async () => bridgeAnswer(`${what} failed: buckets are not supported`, `${what}_error`, 502),
    }),
  ),
  route({
    method: "get",
    path: "/v1/pool/stats",
    scope: "sandboxes",
    tag,
    summary: "How many sandboxes there are; none are kept warm",
    query: bridgeQuery,
    answer: {
      description: "Figures.",
      json: z.object({
        warm: z.int(),
        assigned: z.int(),
        total: z.int(),
        config: z.object({ warmTarget: z.int(), refreshInterval: z.int() }),
        maxInstances: z.int().nullable(),
      }),
    },
    handle: async ({ server, access, query }) => {
      const { length } = await server.platform.sandboxes(access.tenant(query.tenant)).list()
      const config = { warmTarget: 0, refreshInterval: 0 }
      return { warm: 0, assigned: length, total: length, config, maxInstances: null }
    },
  }),
  ...["prime", "shutdown-prewarmed"].map((what) =>
    route({
      method: "post",
      path: `/v1/pool/${what}`,
      scope: "sandboxes",
      tag,
      summary: "Nothing to do here",
      query: bridgeQuery,
      answer: { description: "Always.", json: okJson },
      handle: async () => ({ ok: true }),
    }),
  ),
]

function portOf(text: string): number | undefined {
  const port = Number(text)
  return /^\d{4,5}$/.test(text) && port >= 1_024 && port <= 65_535 ? port : undefined
}
