import { z } from "zod"

const namedSecret = z.strictObject({ secret: z.string() })

const originRule = z
  .strictObject({
    origin: z.string(),
    methods: z.array(z.string()).optional().describe("Upper-case. Default: all."),
    paths: z.array(z.string()).optional().describe("A trailing * matches any rest. Default: all."),
    headers: z
      .record(
        z.string(),
        z.union([z.string(), z.strictObject({ secret: z.string(), format: z.string().optional() }), z.null()]),
      )
      .optional()
      .describe("Set to this text or secret, or taken out (null), whatever the program gave."),
    auth: z.record(z.string(), z.unknown()).optional().describe("`{ basic }` or `{ aws }`."),
    placeholders: z.record(z.string(), namedSecret).optional().describe("Texts that stand for secrets."),
    maxRequests: z.int().optional(),
    maxRequestBytes: z.int().optional(),
    maxResponseBytes: z.int().optional(),
    rate: z.strictObject({ requests: z.int(), perSeconds: z.number() }).optional(),
  })
  .meta({ id: "OriginRule" })

/** A policy as it stands in JSON. mesh checks it. */
export const networkPolicy = z
  .strictObject({
    defaultPolicy: z
      .enum(["deny", "allow", "ask"])
      .optional()
      .describe("For origins that no rule names. Default deny."),
    allowedOrigins: z
      .array(z.union([z.string(), originRule]))
      .optional()
      .meta({ examples: [["https://api.example.com", "https://*.example.com"]] }),
    deniedOrigins: z.array(z.string()).optional().describe("Wins over allowedOrigins."),
    allowAll: z.boolean().optional().describe('Needed for rules such as "*".'),
    within: z.record(z.string(), z.unknown()).optional().describe("A policy that must allow it as well."),
  })
  .meta({ id: "NetworkPolicy", description: "What may be reached. Default: nothing." })

export const ledgerRow = z
  .looseObject({
    id: z.string(),
    time: z.number(),
    tenant: z.string(),
    runId: z.string(),
    sandboxId: z.string().optional(),
    step: z.string().optional(),
    method: z.string(),
    origin: z.string(),
    path: z.string(),
    address: z.string().nullable(),
    port: z.number(),
    decision: z.enum(["allow", "deny", "ask"]),
    rule: z.string().nullable(),
    policyHash: z.string(),
    reason: z.string().nullable(),
    status: z.number().nullable(),
    bytesIn: z.number(),
    bytesOut: z.number(),
    durationMs: z.number(),
    secrets: z.array(z.string()).describe("Names of the secrets that were added."),
    hash: z.string().optional(),
    previousHash: z.string().optional(),
  })
  .meta({ id: "LedgerRow", description: "One egress attempt, allowed or denied." })
