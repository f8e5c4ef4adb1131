import { z } from "zod"
import { epochMs, opaque, tenantField } from "./common.ts"
import { networkPolicy } from "./network.ts"

const sandboxLimits = z
  .strictObject({
    memoryMb: z.number().optional().describe("Of all its processes. Default 1,024."),
    cpus: z.number().optional().describe("Cores, 0.5 for half of one. Default 2."),
    processes: z.int().optional().describe("Processes and threads at once. Default 512."),
    diskMb: z.int().optional().describe("Files in /workspace and /home. Default 4,096."),
    wallMs: z
      .number()
      .nullable()
      .optional()
      .describe("From its start to its end. Default null: as long as it is used."),
  })
  .meta({ id: "SandboxLimits" })

const status = z.string().describe("Such as running or stopped; a stopped one starts with the next call.")

export const sandboxSummary = z
  .object({ id: z.string(), tenant: z.string(), status, createdAt: epochMs })
  .meta({ id: "SandboxSummary" })

export const sandboxInfo = sandboxSummary
  .extend({
    limits: z.record(z.string(), z.number().nullable()),
    network: networkPolicy,
    sleepAfterMs: z.number().nullable(),
    provider: z.looseObject({}).describe("What the provider can do here, and how well each limit holds."),
  })
  .meta({ id: "Sandbox" })

export const sandboxRequest = z
  .strictObject({
    id: opaque(z.string().describe("Lower-case letters, digits and hyphens. Default: a random one.")).optional(),
    limits: opaque(sandboxLimits).optional(),
    network: opaque(networkPolicy).optional(),
    env: opaque(z.record(z.string(), z.string()).describe("Variables of every command.")).optional(),
    from: z.string().optional().describe("The id of a snapshot: its files to begin with."),
    sleepAfter: opaque(
      z
        .union([z.string(), z.number()])
        .nullable()
        .describe('Idle for this long it stops: "10m", milliseconds or null.'),
    ).optional(),
    provider: opaque(
      z
        .string()
        .describe("What holds it, of those that the server offers. Default: the server's, bubblewrap in most cases."),
    ).optional(),
    tenant: tenantField,
  })
  .meta({ id: "SandboxRequest" })

export const execRequest = z
  .strictObject({
    command: opaque(z.union([z.string(), z.array(z.string())]).describe("A line for bash, or a list taken as it is.")),
    cwd: opaque(z.string().describe("Default /workspace.")).optional(),
    env: opaque(z.record(z.string(), z.string())).optional(),
    stdin: opaque(z.union([z.string(), z.strictObject({ $bytes: z.string() })])).optional(),
    timeoutMs: opaque(z.number().nullable().describe("Past it the command is killed. Default null: none.")).optional(),
    maxOutputBytes: opaque(
      z
        .int()
        .min(1)
        .max(16 << 20)
        .describe("Of each stream. Default and most: 16 MiB."),
    ).optional(),
  })
  .meta({ id: "ExecRequest", examples: [{ command: "echo hello" }] })

const execEnd = z.object({
  exitCode: z.int().nullable(),
  success: z.boolean(),
  signal: z.string().nullable(),
  timedOut: z.boolean(),
  durationMs: z.number(),
})

export const execResult = execEnd
  .extend({ stdout: z.string(), stderr: z.string(), truncated: z.boolean() })
  .meta({ id: "ExecResult" })

export const execEvents = {
  output: z.object({ type: z.literal("output"), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
  result: execEnd.extend({ type: z.literal("result") }),
}

export const fileInfo = z
  .object({
    path: z.string(),
    type: z.string(),
    size: z.number(),
    mode: z.union([z.string(), z.number()]),
    modifiedAt: z.number(),
    target: z.string().optional(),
  })
  .meta({ id: "FileInfo" })
