import { z } from "zod"
import { epochMs, opaque, taggedSchema, tenantField } from "./common.ts"
import { networkPolicy } from "./network.ts"
import { limits, modules, workerRequest } from "./run.ts"

export const workerBody = z
  .strictObject({
    script: z
      .string()
      .optional()
      .describe("The program; or `modules` and `mainModule`.")
      .meta({ examples: ["export default { fetch: () => new Response('hello') }"] }),
    modules,
    mainModule: z.string().optional().describe("The name of the module to start with."),
    language: opaque(z.enum(["auto", "javascript", "typescript"]).describe("Default auto.")).optional(),
    typecheck: opaque(z.boolean().describe("Check its types before it is stored.")).optional(),
    declarations: opaque(z.string().describe("What is in scope, for the check of types.")).optional(),
    env: opaque(z.record(z.string(), taggedSchema))
      .optional()
      .describe("Data for the program, as tagged JSON. Not for secrets: `network` names those."),
    limits: opaque(limits).optional(),
    network: opaque(networkPolicy).optional(),
    reuse: z.boolean().optional().describe("Whether its runs may use isolates that earlier ones left warm."),
    tenant: tenantField,
  })
  .meta({
    id: "WorkerDefinition",
    examples: [{ script: "export default { fetch: () => new Response('hello') }", limits: { cpuMs: 100 } }],
  })

const versionFields = {
  version: z.string().describe("The content hash of all that was deployed."),
  hash: z.string().describe("The content hash of the compiled program."),
  bytes: z.int(),
  createdAt: epochMs,
}

export const namedWorker = z
  .object({ tenant: z.string(), name: z.string(), ...versionFields, updatedAt: epochMs })
  .meta({ id: "NamedWorker" })

export const workerVersion = z
  .object({ ...versionFields, isCurrent: z.boolean().describe("Whether it is the one that is called.") })
  .meta({ id: "WorkerVersion" })

export const workerRunBody = z
  .strictObject({
    input: opaque(taggedSchema).optional().describe("First argument of the program, as tagged JSON."),
    request: opaque(workerRequest).optional().describe("Instead of `input`: for the fetch handler."),
    props: opaque(taggedSchema).optional().describe("`ctx.props` of the program."),
    limits: opaque(limits).optional().describe("Over those of the worker."),
    tenant: tenantField,
  })
  .meta({ id: "WorkerRunRequest" })
