import type { SandboxTerminal } from "@mayfly/platform"
import { z } from "zod"
import { flag, wholeNumber } from "../route/query-values.ts"
import { wholeOrPageOf } from "../route/page-of.ts"
import { type Route, route } from "../route/route.ts"
import { showTerminal } from "../sockets/show-terminal.ts"
import { upgradeOf } from "../sockets/socket-upgrade.ts"
import { sandboxOf, sandboxParams } from "../sandbox-of.ts"
import { nextCursor, pageQuery, tenantQuery } from "../schema/common.ts"
import { given, partOf } from "./given-parts.ts"

const terminalJson = z.object({ id: z.string(), createdAt: z.int() })
const common = { scope: "sandboxes", tag: "Sandboxes" } as const
const size = { cols: wholeNumber(1, 1_000).optional(), rows: wholeNumber(1, 1_000).optional() }

/** Terminals of a sandbox, which outlive those who look at them. */
export const terminalRoutes: readonly Route[] = [
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/terminal",
    place: "sockets",
    summary: "Look at a terminal, a new one or one that is there (WebSocket)",
    description:
      'Binary messages are what is typed and what is shown. Texts are JSON: `{ type: "resize", cols, rows }` from the viewer; `{ type: "ready", terminal }`, ' +
      '`{ type: "exit", exitCode }` and `{ type: "error", code, message }` to it. A terminal lives on when its viewers go; name it as `terminal` to come back. ' +
      "A browser, which can't send a header, offers the subprotocols `mayfly` and `bearer.KEY`.",
    params: sandboxParams,
    query: tenantQuery.extend({
      ...size,
      terminal: z.string().optional().describe("one that is there; default: a new one"),
      replay: flag().optional().describe("false: nothing of what was shown before"),
      cwd: z.string().optional(),
      command: z.string().optional().describe("a line for bash in place of a login shell"),
    }),
    answer: { status: 101, description: "A WebSocket." },
    errors: ["server.upgrade-required", "sandbox.not-found", "sandbox.limit"],
    handle: async (call) => {
      const sandbox = await sandboxOf(call)
      const upgrade = upgradeOf(call.c)
      const { terminal: id, replay = true, command, cwd, cols, rows } = call.query
      const line = command === undefined ? {} : { command: ["/bin/bash", "-lc", command] }
      const terminal =
        id === undefined
          ? await sandbox.terminal({ ...given({ cols, rows, cwd }), ...line })
          : partOf(sandbox.terminals(), id, "terminal")
      return upgrade.accept(showTerminal(terminal, { replay, signal: call.signal }), call.held.move())
    },
  }),
  route({
    ...common,
    method: "get",
    path: "/v1/sandboxes/:id/terminals",
    summary: "List terminals that have not ended",
    params: sandboxParams,
    query: pageQuery,
    answer: { description: "The terminals.", json: z.object({ terminals: z.array(terminalJson), cursor: nextCursor }) },
    errors: ["sandbox.not-found"],
    async handle(call) {
      const all = (await sandboxOf(call)).terminals().map(jsonOf)
      const { entries, ...next } = wholeOrPageOf(all, call.query, ({ id }) => id)
      return { terminals: entries, ...next }
    },
  }),
  route({
    ...common,
    method: "delete",
    path: "/v1/sandboxes/:id/terminals/:terminal",
    summary: "End a terminal",
    params: z.object({ id: z.string(), terminal: z.string() }),
    query: tenantQuery,
    answer: { description: "It has ended." },
    errors: ["sandbox.not-found"],
    handle: async (call) => partOf((await sandboxOf(call)).terminals(), call.params.terminal, "terminal").kill(),
  }),
]

function jsonOf({ id, createdAt }: SandboxTerminal): z.input<typeof terminalJson> {
  return { id, createdAt }
}
