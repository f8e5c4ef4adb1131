import { answerError, jsonLine, pathSegment } from "@mayfly/protocol"
import { exitCodes, invalid } from "./command-error.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import { followEvents } from "./follow-events.ts"
import { entryLine, type ShownEntry, type ShownWorkflow, workflowLines, workflowRow } from "./print-workflow.ts"
import { printDone } from "./print-done.ts"
import { printTable } from "./print-table.ts"
import { readJsonOption } from "./read-json-option.ts"
import { readWorkflow } from "./read-workflow.ts"
import { workflowView } from "./workflow-view.ts"
import { withApi } from "./with-api.ts"
import type { WorkflowCall, WorkflowFlags } from "./workflow-flags.ts"

/** `mayfly workflow …`. Gives the exit code; never rejects. */
export async function workflowCommand(call: WorkflowCall, flags: WorkflowFlags, output: Output): Promise<number> {
  return withApi({
    flags,
    output,
    prepare: (signal) => bodyOf(call, flags, signal),
    act: (api, body, signal) => act({ api, call, flags, output, signal, body }),
  })
}

interface Context {
  readonly api: Api
  readonly call: WorkflowCall
  readonly flags: WorkflowFlags
  readonly output: Output
  readonly signal: AbortSignal
  readonly body: Record<string, unknown>
}

async function act(context: Context): Promise<number> {
  const { call, api, flags, body, output } = context
  switch (call.name) {
    case "start":
      print((await api.call("POST", "/v1/workflows", body)) as ShownWorkflow, context)
      return exitCodes.ok
    case "ls":
      return list(context)
    case "show":
      print((await api.call("GET", pathOf(call.id, "", flags))) as ShownWorkflow, context)
      return exitCodes.ok
    case "events":
      return history(context, call.id)
    case "watch":
      return watch(context, call.id)
    case "send": {
      const { isDuplicate } = (await api.call("POST", pathOf(call.id, "/events", flags), body)) as Sent
      if (flags.json === true) output.stdout.write(jsonLine({ isDuplicate }))
      else if (isDuplicate) write(context, "an event with this id came before; nothing has changed")
      return exitCodes.ok
    }
    case "rm":
      await api.call("DELETE", pathOf(call.id, "", flags))
      printDone(flags, context.output)
      return exitCodes.ok
    default:
      print((await api.call("POST", pathOf(call.id, `/${call.name}`, flags), body)) as ShownWorkflow, context)
      return exitCodes.ok
  }
}

interface Sent {
  readonly isDuplicate: boolean
}

async function bodyOf(call: WorkflowCall, flags: WorkflowFlags, signal: AbortSignal): Promise<Record<string, unknown>> {
  const { id, params, tenant, rollback, from, eventId } = flags
  switch (call.name) {
    case "start":
      return {
        ...(await readWorkflow(call.file, signal)),
        ...(id === undefined ? {} : { id }),
        ...(params === undefined ? {} : { params: readJsonOption("--params", params) }),
        ...(tenant === undefined ? {} : { tenant }),
      }
    case "send": {
      const payload = call.payload === undefined ? {} : { payload: readJsonOption("JSON", call.payload) }
      return { type: call.type, ...payload, ...(eventId === undefined ? {} : { eventId }) }
    }
    case "terminate":
      return rollback === true ? { rollback } : {}
    case "restart":
      return from === undefined ? {} : { from }
    default:
      return {}
  }
}

async function list(context: Context): Promise<number> {
  const { api, flags, output } = context
  const { tenant, status, limit = "100" } = flags
  if (!/^\d{1,4}$/.test(limit)) throw invalid("--limit", "must be a whole number from 1 to 1000")
  const query = queryOf({ tenant, status, limit })
  const { workflows } = (await api.call("GET", `/v1/workflows${query}`)) as { workflows: ShownWorkflow[] }
  const all = workflows.toReversed()
  if (flags.json === true) for (const workflow of all) output.stdout.write(jsonLine(workflow))
  else printTable(["started", "status", "id", "reason"], all.map(workflowRow), output)
  return exitCodes.ok
}

async function history(context: Context, id: string): Promise<number> {
  for (let cursor: string | undefined = "0"; cursor !== undefined;) {
    const path = pathOf(id, "/history", context.flags, { cursor })
    const page = (await context.api.call("GET", path)) as { history: ShownEntry[]; cursor?: string }
    for (const entry of page.history) printEntry(entry, context)
    cursor = page.cursor
  }
  return exitCodes.ok
}

/** Follows it to its end. */
async function watch(context: Context, id: string): Promise<number> {
  const { api, flags, signal } = context
  // Plain lines for who reads later, and for programs.
  using view = flags.json === true || !isScreen(context.output) ? undefined : workflowView(context.output)
  const onLost = (): void => {
    // On the view, steps would only stand still.
    if (view === undefined) context.output.stderr.write("mayfly: the server does not answer; trying again\n")
  }
  for await (const { event, data } of followEvents(api, pathOf(id, "/events", flags), { signal, onLost })) {
    if (event === "instance" || event === "step") {
      if (view === undefined) printEntry(data as ShownEntry, context)
      else view.add(data as ShownEntry)
    }
    if (event === "error") throw answerError(data)
    if (event !== "end") continue
    view?.[Symbol.dispose]()
    print(data as ShownWorkflow, context)
    return (data as ShownWorkflow).status === "complete" ? exitCodes.ok : exitCodes.failed
  }
  return exitCodes.failed
}

function isScreen({ stdout }: Output): boolean {
  return stdout.isTTY && process.env["TERM"] !== "dumb"
}

function pathOf(
  id: string,
  rest: string,
  { tenant }: WorkflowFlags,
  query: Readonly<Record<string, string>> = {},
): string {
  return `/v1/workflows/${pathSegment(id)}${rest}${queryOf({ tenant, ...query })}`
}

function queryOf(given: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? "" : `?${query.toString()}`
}

function print(workflow: ShownWorkflow, context: Context): void {
  const { flags, output } = context
  if (flags.json === true) output.stdout.write(jsonLine(workflow))
  else for (const line of workflowLines(workflow, output)) write(context, line)
}

function printEntry(entry: ShownEntry, context: Context): void {
  if (context.flags.json === true) context.output.stdout.write(jsonLine(entry))
  else write(context, entryLine(entry, context.output))
}

function write({ output }: Context, line: string): void {
  output.stdout.write(`${line}\n`)
}
