import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { readConfigFile } from "./config-file.ts"
import { printedSettings } from "./print-settings.ts"
import { readSettings, type SettingSources } from "./read-settings.ts"
import { settingList } from "./setting-list.ts"

const read = (given: Partial<SettingSources>) => readSettings({ flags: {}, environment: {}, ...given })
const file = (values: Record<string, unknown>) => ({ path: "mayfly.config.json", values })

describe("readSettings", () => {
  it("takes flags over variables over the file over defaults, and says where each came from", () => {
    const { settings, sources } = read({
      flags: { port: "1" },
      set: ["limits.cpuMs=7", "limits.wallMs=null"],
      environment: { MAYFLY_PORT: "2", MAYFLY_HOST: "::1", MAYFLY_LIMITS_CPU_MS: "8", MAYFLY_SPARE: "false" },
      file: file({ port: 3, host: "0.0.0.0", data: "/srv", log: { level: "debug" } }),
    })
    const { port, host, data, limits, spare, log, graceMs } = settings
    assert.deepEqual(
      { port, host, data, cpuMs: limits.cpuMs, wallMs: limits.wallMs, spare, level: log.level, graceMs },
      { port: 1, host: "::1", data: "/srv", cpuMs: 7, wallMs: null, spare: false, level: "debug", graceMs: 2_500 },
    )
    const names = ["port", "limits.cpuMs", "host", "data", "log.level", "graceMs"]
    assert.deepEqual(
      names.map((name) => sources.get(name)),
      ["--port", "--set limits.cpuMs", "MAYFLY_HOST", "mayfly.config.json", "mayfly.config.json", "default"],
    )
  })

  it("reads lists and objects from texts", () => {
    const { settings } = read({
      environment: {
        MAYFLY_ALLOWED_HOSTS: "a.example, b.example",
        MAYFLY_WEBHOOKS: '["https://x.example/a,b"]',
        MAYFLY_OTLP_HEADERS: '{"authorization":"Bearer t"}',
        MAYFLY_WEBHOOK_SECRET: "123",
        MAYFLY_OTLP_SAMPLE_RATIO: "0.5",
      },
    })
    const { allowedHosts, webhooks, otlp, webhookSecret } = settings
    assert.deepEqual(
      { allowedHosts, webhooks, headers: otlp.headers, ratio: otlp.sampleRatio, webhookSecret },
      {
        allowedHosts: ["a.example", "b.example"],
        webhooks: ["https://x.example/a,b"],
        headers: { authorization: "Bearer t" },
        ratio: 0.5,
        webhookSecret: "123",
      },
    )
  })

  it("names every setting that is wrong, where it was set, and what it may be", () => {
    const problems = problemsOf(() =>
      read({
        flags: { port: "abc" },
        set: ["limts.cpuMs=1", "graceMs"],
        environment: {
          MAYFLY_HOSTZ: "1",
          MAYFLY_ISOLATES: "-1",
          MAYFLY_WEBHOOK_SECRET: "s".repeat(2_000),
          MAYFLY_EMPTY: "",
        },
        file: file({ log: { level: "loud" }, prot: 1, spare: "yes", __proto__: null, webhooks: ["ftp://x"] }),
      }),
    )
    assert.deepEqual(problems, [
      '"prot" in mayfly.config.json is not a setting; did you mean "port"?',
      'MAYFLY_HOSTZ is not a setting; did you mean "MAYFLY_HOST"?',
      '"limts.cpuMs" of --set is not a setting; did you mean "limits.cpuMs"?',
      "--set graceMs needs a value: --set graceMs=VALUE",
      '--port must be a whole number from 0 to 65535, not "abc"',
      'MAYFLY_ISOLATES must be a whole number from 0 to 1000, not "-1"',
      '"spare" in mayfly.config.json must be true or false, not "yes"',
      '"webhooks" in mayfly.config.json must be a list of http or https URLs, not ["ftp://x"]',
      "MAYFLY_WEBHOOK_SECRET must be a text; what it is is not shown",
      '"log.level" in mayfly.config.json must be trace, debug, info, warn, error or silent, not "loud"',
    ])
  })

  it("refuses each setting's wrong values without a crash, from every source", () => {
    for (const { name, variable } of settingList) {
      for (const value of [{ a: 1 }, [{}], -1.5, Number.NaN, "\u0000".repeat(5_000), "__proto__", 1e300]) {
        const nested = name.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value)
        const attempts = [
          { file: file(nested as Record<string, unknown>) },
          { environment: { [variable]: typeof value === "string" ? value : JSON.stringify(value) } },
        ]
        for (const attempt of attempts) {
          try {
            read(attempt)
          } catch (error) {
            assert.ok(error instanceof MayflyError && error.code === "input.invalid", `${name}: ${String(error)}`)
          }
        }
      }
    }
  })

  it("shows what is in force without secrets", () => {
    const effective = read({
      set: [
        "webhookSecret=whsec_hidden",
        'otlp.headers={"authorization":"hidden"}',
        "webhooks=https://me:hidden@x.example/",
      ],
    })
    const printed = printedSettings(effective)
    assert.doesNotMatch(JSON.stringify(printed), /hidden/)
    assert.deepEqual(
      printed.find(({ name }) => name === "otlp.headers"),
      {
        name: "otlp.headers",
        value: { authorization: "***" },
        source: "--set otlp.headers",
      },
    )
    assert.deepEqual(
      printed.find(({ name }) => name === "limits.cpuMs"),
      {
        name: "limits.cpuMs",
        value: null,
        source: "default",
        otherwise: "5000",
      },
    )
  })
})

describe("readConfigFile", () => {
  it("reads the usual file, with comments, and says the line of what it can't read", () => {
    const folder = mkdtempSync(join(tmpdir(), "mayfly-config-"))
    try {
      assert.equal(readConfigFile(undefined, folder), undefined)
      const path = join(folder, "mayfly.config.jsonc")
      writeFileSync(path, '{ // a port\n  "port": 1,\n}')
      assert.deepEqual(readConfigFile(undefined, folder), { path, values: { port: 1 } })
      writeFileSync(path, '{\n  "port": ,\n}')
      assert.throws(() => readConfigFile(undefined, folder), /line 2: value expected/)
      writeFileSync(path, "[]")
      assert.throws(() => readConfigFile(undefined, folder), /it must hold one object/)
      writeFileSync(join(folder, "mayfly.config.json"), "{}")
      assert.throws(() => readConfigFile(undefined, folder), /keep one of them/)
      assert.throws(() => readConfigFile("missing.json", folder), /ENOENT/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function problemsOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    if (error instanceof MayflyError) return error.details["problems"]
  }
  return assert.fail("was accepted")
}
