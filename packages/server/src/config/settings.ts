import { limitTable } from "@mayfly/protocol"
import { z } from "zod"

/** What is said of a setting beside its type. */
export interface SettingMeta {
  readonly description: string
  /** Its own flag of `mayfly serve`. Without one, `--set NAME=VALUE` sets it. */
  readonly flag?: string
  /** Shown as "***". */
  readonly secret?: true
  /** What is taken when nobody sets it, in words. */
  readonly otherwise?: string
}

/** Says what a setting is for. Last in its chain: what comes after would forget it. */
function told<T extends z.ZodType>(schema: T, meta: SettingMeta): T {
  return schema.meta({ ...meta })
}

const whole = (min: number, max: number): z.ZodNumber => z.int().min(min).max(max)
const names = z.array(z.string().min(1).max(500)).max(1_000)
const httpUrl = z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).max(2_000)
const path = z.string().min(1).max(4_000)
const day = 86_400_000

type LimitName = keyof typeof limitTable

function limit(name: LimitName, description: string): z.ZodOptional<z.ZodNumber> {
  const { min, max, default: value } = limitTable[name]
  return told(whole(min, max).optional(), { description, otherwise: `\`${value}\`` })
}

/** A limit that null lifts. */
function liftable(
  name: "cpuMs" | "wallMs" | "bindingMs",
  description: string,
): z.ZodOptional<z.ZodNullable<z.ZodNumber>> {
  const { min, max, default: value } = limitTable[name]
  return told(whole(min, max).nullable().optional(), { description, otherwise: `\`${value}\`` })
}

/** Every setting of `mayfly serve`, wherever it comes from: flags, MAYFLY_* variables, the file. */
export const settingsSchema = z.strictObject({
  host: told(z.string().min(1).max(255).default("127.0.0.1"), {
    flag: "--host",
    description: "address to bind, for the API and the worker",
  }),
  port: told(whole(0, 65_535).default(8_787), { flag: "--port", description: "port of the API; 0 for any free one" }),
  data: told(path.default("./.mayfly"), { flag: "--data", description: "data directory; one process owns it" }),
  allowedHosts: told(names.default([]), {
    flag: "--allow-host",
    description:
      "Host headers to answer to beside the bound address, behind a proxy for instance; for the worker `*` is any",
  }),
  corsOrigins: told(names.default([]), {
    flag: "--cors",
    description:
      "origins whose pages may call the API from browsers, as `https://app.example.com`; they need a key all the same",
  }),
  previewHost: told(z.string().min(1).max(255).optional(), {
    flag: "--preview-host",
    description:
      "name below which ports of sandboxes are shown, or the address of a proxy that leads them here, such as `https://preview.example.com`",
    otherwise: "`localhost`",
  }),
  require: told(z.enum(["hardened"]).optional(), {
    flag: "--require",
    description: "`hardened`: refuse to start unless every protection is active",
    otherwise: "start with what there is, and warn",
  }),
  graceMs: told(whole(0, 600_000).default(2_500), {
    flag: "--grace",
    description: "how long requests under way may take after SIGTERM, in milliseconds; then they are cancelled",
  }),
  hosts: told(whole(1, 256).optional(), {
    description: "host processes, one lane of CPU each",
    otherwise: "the number of cores",
  }),
  isolates: told(whole(0, 1_000).default(8), { description: "warm isolates per host process, about 1.5 MB each" }),
  spare: told(z.boolean().default(true), { description: "one more host process stands ready to replace a dead one" }),
  quota: told(z.record(z.string(), z.unknown()).default({}), {
    description: 'what a tenant without a quota of its own may have at once, such as `{ "concurrentRuns": 50 }`',
  }),
  budget: told(z.record(z.string(), z.unknown()).default({}), {
    description: 'what such a tenant may use per day and month, such as `{ "day": { "hard": { "cpuMs": 3600000 } } }`',
  }),
  privateTenants: told(names.optional(), {
    description:
      "tenants whose policies may open private addresses, such as services of this machine; `*` is all. Left out: all when bound to loopback, else only `default`",
  }),
  sandboxProviders: told(names.default([]), {
    flag: "--sandbox-provider",
    description:
      "how sandboxes are held: `bubblewrap`, `docker` or `virtual`; the first is the default, tenants may choose the others too",
  }),
  worker: z.strictObject({
    port: told(whole(0, 65_535).default(8_788), {
      flag: "--worker-port",
      description: "port of the served worker; 0 for any free one",
    }),
  }),
  limits: z.strictObject({
    cpuMs: liftable("cpuMs", "CPU time of a run that names none, in milliseconds; null: no limit"),
    memoryMb: limit("memoryMb", "memory of such a run in MiB"),
    wallMs: liftable("wallMs", "time of such a run in milliseconds; null: no limit"),
    subRequests: limit("subRequests", "outgoing requests of such a run"),
    outputBytes: limit("outputBytes", "bytes of its encoded result"),
    logBytes: limit("logBytes", "bytes of its log that are kept"),
    concurrentRequests: limit("concurrentRequests", "its outgoing requests under way at once"),
    bindingCalls: limit("bindingCalls", "its calls of functions in env"),
    bindingMs: liftable("bindingMs", "time of one such call in milliseconds; null: no limit"),
  }),
  http: z.strictObject({
    maxRequests: told(whole(1, 1_000_000).default(2_000), { description: "runs asked for at once; one more gets 429" }),
    maxBodyBytes: told(whole(1_024, 2 ** 31).default(96 << 20), { description: "largest request body" }),
    maxHeldBytes: told(whole(1_024, 2 ** 40).default(512 << 20), {
      description: "bytes of request bodies held at once; more gets 429",
    }),
    headersTimeoutMs: told(whole(1, day).default(10_000), {
      description: "how long a request may take to send its headers",
    }),
    requestTimeoutMs: told(whole(1, day).default(3_600_000), {
      description: "how long it may take to arrive whole, uploads too",
    }),
    bodyTimeoutMs: told(whole(1, day).default(120_000), {
      description: "how long a JSON body may take to arrive, and a stream of bytes may pause",
    }),
    stallMs: told(whole(1, day).default(600_000), {
      description: "how long a client may leave what was sent to it unread",
    }),
    wrongKeysPerMinute: told(whole(1, 1_000_000).default(100), {
      description: "wrong keys that one address may send in a minute; more gets 429",
    }),
  }),
  objects: z.strictObject({
    maxBytes: told(whole(65_536, 2 ** 40).optional(), {
      description: "most bytes of one facet's storage",
      otherwise: "1 GiB",
    }),
    idleMs: told(whole(1, day).optional(), {
      description: "how long an unused facet stays warm, in milliseconds",
      otherwise: "60000",
    }),
  }),
  openRuns: z.strictObject({
    perTenant: told(whole(1, 10_000).optional(), {
      description: "runs of a tenant whose callers hold stubs of theirs",
      otherwise: "32",
    }),
    idleMs: told(whole(1, day).optional(), {
      description: "how long one lasts that nobody calls, in milliseconds",
      otherwise: "60000",
    }),
  }),
  retention: z.strictObject({
    runs: told(whole(0, 100_000_000).default(50_000), { description: "runs that the history keeps; 0: it is off" }),
    runsMs: told(whole(1, 3_650 * day).default(7 * day), {
      description: "runs of the history that are older are forgotten, in milliseconds",
    }),
    ledgerMs: told(whole(1, Number.MAX_SAFE_INTEGER).optional(), {
      description: "rows of the ledger that are older are forgotten, in milliseconds",
      otherwise: "never",
    }),
  }),
  webhooks: told(z.array(httpUrl).max(16).default([]), {
    flag: "--webhook",
    description: "addresses that approvals and alerts are posted to, signed as Standard Webhooks says",
  }),
  webhookSecret: told(z.string().min(1).max(1_000).optional(), {
    flag: "--webhook-secret",
    secret: true,
    description: "what webhooks are signed with: `whsec_…`, or `@file`",
    otherwise: "one is made, kept in the data directory and printed once",
  }),
  log: z.strictObject({
    level: told(z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"), {
      flag: "--log-level",
      description: "least level of the server's log; requests are `info`, those for probes `debug`",
    }),
    format: told(z.enum(["auto", "json", "pretty"]).default("auto"), {
      description: "JSON lines, or lines for people; `auto`: for people on a terminal",
    }),
    guests: told(path.optional(), {
      flag: "--guest-logs",
      description: "where console lines of programs go as JSON lines with run and tenant: a file, or `-` for stdout",
      otherwise: "nowhere: callers get those of their runs",
    }),
    guestsMaxBytes: told(whole(1_024, 2 ** 40).default(256 << 20), {
      description: "bytes of that file; when full it is renamed to `.1` and begun anew",
    }),
  }),
  metrics: z.strictObject({
    access: told(z.enum(["key", "open", "off"]).default("key"), {
      description: "who may read /metrics: who has a key, anybody (only bound to loopback), or nobody",
    }),
    tenants: told(z.boolean().default(false), {
      description: "a `tenant` label on runs and egress, for at most 200 tenants; the rest is `other`",
    }),
  }),
  otlp: z.strictObject({
    endpoint: told(httpUrl.optional(), {
      flag: "--otlp-endpoint",
      description: "base address of an OpenTelemetry collector (OTLP over HTTP); traces go to `/v1/traces` there",
      otherwise: "no traces",
    }),
    headers: told(z.record(z.string().min(1).max(200), z.string().max(8_000)).default({}), {
      secret: true,
      description: "headers of those requests, credentials for instance",
    }),
    serviceName: told(z.string().min(1).max(200).default("mayfly"), { description: "`service.name` of the traces" }),
    sampleRatio: told(z.number().min(0).max(1).default(1), {
      description: "share of traces that are kept, unless the caller's traceparent decides",
    }),
    propagateTo: told(names.default([]), {
      description:
        "origins whose requests carry a `traceparent`, as `https://api.example.com`; others learn nothing of traces",
    }),
    trustCallers: told(z.boolean().default(true), {
      description: "whether a caller's traceparent is the parent of what it asks for",
    }),
  }),
})

export type Settings = z.output<typeof settingsSchema>
