import { limitTable } from "@mayfly/protocol"
import { z } from "zod"
import { opaque, taggedSchema, tenantField } from "./common.ts"
import { errorFields } from "./error.ts"
import { ledgerRow, networkPolicy } from "./network.ts"

const meanings: Readonly<Record<keyof typeof limitTable, string>> = {
  cpuMs: "CPU time of the program.",
  memoryMb: "Memory, in MiB.",
  wallMs: "Time from getting an isolate to the result.",
  subRequests: "Requests that it may make.",
  outputBytes: "Size of the result.",
  logBytes: "Size of its logs; more is cut off.",
  concurrentRequests: "Requests at once; more wait.",
  bindingCalls: "Calls of bindings.",
  bindingMs: "How long one call of a binding may take.",
}

const limitFields = Object.entries(limitTable).map(([name, row]): [string, z.ZodType] => {
  const number = z.number().min(row.min).max(row.max)
  const text = `${meanings[name as keyof typeof limitTable]} Default ${row.default}${row.nullable ? "; null lifts it" : ""}.`
  return [name, (row.nullable ? number.nullable() : number).optional().describe(text)]
})

export const limits = z.strictObject(Object.fromEntries(limitFields)).meta({ id: "Limits" })

const moduleSchema = z
  .union([
    z.string(),
    z.strictObject({ js: z.string() }),
    z.strictObject({ ts: z.string() }),
    z.strictObject({ cjs: z.string() }),
    z.strictObject({ text: z.string() }),
    z.strictObject({ json: z.unknown() }),
    z.strictObject({ data: z.string().describe("base64") }),
    z.strictObject({ wasm: z.string().describe("base64") }),
  ])
  .meta({ id: "Module" })

export const modules = opaque(
  z.record(z.string(), moduleSchema).describe("Modules by name, instead of `script`. Together at most 64 MiB."),
).optional()

export const workerRequest = z
  .strictObject({
    url: z.string().describe("An http or https URL."),
    method: z.string().optional().describe("Default GET."),
    headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional(),
    body: z
      .union([z.string(), z.strictObject({ $bytes: z.string() })])
      .nullable()
      .optional(),
  })
  .meta({ id: "WorkerRequest", description: "A request for a fetch handler." })

/** The shape only: the values are the business of `DynamicWorker.create`, which checks them for everybody. */
export const runBody = z
  .strictObject({
    script: z
      .string()
      .optional()
      .describe("The program, in any of the five shapes, also inside a Markdown fence.")
      .meta({ examples: ["return input.a + input.b"] }),
    modules,
    mainModule: z.string().optional().describe("The name of the module to start with."),
    language: opaque(z.enum(["auto", "javascript", "typescript"]).describe("Default auto.")).optional(),
    typecheck: opaque(z.boolean().describe("Check its types before it runs.")).optional(),
    declarations: opaque(z.string().describe("What is in scope, for the check of types.")).optional(),
    input: opaque(taggedSchema).optional().describe("First argument of the program, as tagged JSON."),
    request: opaque(workerRequest).optional().describe("Instead of `input`: for the fetch handler."),
    env: opaque(z.record(z.string(), taggedSchema)).optional().describe("Data for the program, as tagged JSON."),
    props: opaque(taggedSchema).optional().describe("`ctx.props` of the program."),
    limits: opaque(limits).optional(),
    network: opaque(networkPolicy).optional(),
    tenant: tenantField,
  })
  .meta({
    id: "RunRequest",
    examples: [{ script: "return input.a + input.b", input: { a: 1, b: 2 }, limits: { cpuMs: 100 } }],
  })

export const usage = z
  .object({
    cpuMs: z.number(),
    wallMs: z.number().describe("From getting an isolate to the result."),
    queueMs: z.number().describe("From the call to getting an isolate."),
    peakMemoryBytes: z.number(),
    bytesIn: z.number(),
    bytesOut: z.number(),
    subRequests: z.number(),
    bindingCalls: z.number(),
    logBytes: z.number(),
  })
  .meta({ id: "Usage", description: "What a run used." })

export const logLine = z
  .object({
    level: z.enum(["debug", "log", "info", "warn", "error"]),
    message: z.string(),
    time: z.number().describe("Epoch milliseconds."),
  })
  .meta({ id: "LogLine" })

export const run = z
  .object({
    id: z.string(),
    ok: z.boolean(),
    result: taggedSchema
      .optional()
      .describe("Missing when it is undefined or the run failed. For a handler `{ status, headers, body }`."),
    error: errorFields.optional(),
    logs: z.array(logLine),
    logsTruncated: z.literal(true).optional(),
    usage,
    egress: z.array(ledgerRow),
  })
  .meta({ id: "Run" })

export const runEvents = {
  log: logLine.extend({ type: z.literal("log") }),
  egress: z.object({ type: z.literal("egress"), row: ledgerRow }),
  value: z.object({ type: z.literal("value"), value: taggedSchema }).describe("What a generator yields."),
  result: z.object({ type: z.literal("result"), result: taggedSchema.optional(), run }).describe("The last one."),
  error: z
    .object({ type: z.literal("error"), error: errorFields, run: run.optional() })
    .describe("The last one of a run that failed."),
}
