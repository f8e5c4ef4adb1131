import { randomUUID } from "node:crypto"
import { MayflyError, type WorkflowSettings } from "@mayfly/protocol"
import type { ConcurrencyKey, NewInstance, Retention } from "../store/workflow-store.ts"
import { duration, instanceId, invalid, moment, nameOf, only, record, stepName } from "./check.ts"
import { encodePayload, hashOf } from "./codec.ts"
import { needsCode, type WorkflowDefinition } from "./definition.ts"
import { type Closures, type GivenStep, type ParseState, parseProgram, parseSteps } from "./parse-steps.ts"
import { nextTick, type Schedule } from "./schedule.ts"
import { classNamed, type WorkflowClasses } from "./workflow-classes.ts"

/** What `DynamicWorkflow.create` takes. */
export interface WorkflowOptions extends WorkflowSettings {
  /** Steps in order; their results by name. */
  readonly steps?: readonly GivenStep[]
}

export interface ParsedWorkflow {
  readonly instance: NewInstance
  readonly definition: WorkflowDefinition
  readonly closures: Closures
  /** Hash of everything that makes two creates the same, with these encoded params. */
  contentWith(params: string): string
}

const ofProgram = ["script", "modules", "mainModule", "language", "entry", "reuse", "limits", "network", "env"]
const known = ["id", "steps", ...ofProgram, "params", "retention", "concurrencyKey", "schedule"]
const month = 30 * 86_400_000
const maxCodeBytes = 64 << 20

/** Checks what a caller gave, in a fixed order. With `classes` it may name one of these instead of code. Throws `input.invalid` naming the field. */
export function parseWorkflow(
  options: WorkflowOptions,
  tenant: string,
  now: number,
  classes?: WorkflowClasses,
): ParsedWorkflow {
  const given = record(options, "options")
  only(given, known, "")
  const id = given["id"] === undefined ? randomUUID() : instanceId(given["id"])
  const state: ParseState = { names: new Set(), closures: new Map(), count: 0 }
  const definition =
    (classes === undefined ? undefined : parseClass(given, classes)) ?? parseDefinition(given, "", state, "")
  const body = encodePayloadOf(definition)
  const params = encodePayload(given["params"], "params")
  const retention = parseRetention(given["retention"])
  const concurrency = parseConcurrency(given["concurrencyKey"])
  const { startAt, schedule } = parseSchedule(given["schedule"], now)
  const hash = hashOf(body)
  const rest = JSON.stringify([retention, concurrency, given["schedule"] ?? null])
  const contentWith = (encoded: string): string => hashOf(hash, encoded, rest)
  if (schedule !== undefined && id.length > 80) throw invalid("id", "of a schedule must have at most 80 characters")
  return {
    definition,
    closures: state.closures,
    contentWith,
    instance: {
      tenant,
      id,
      definition: { hash, body },
      params,
      content: contentWith(params),
      startAt,
      retention,
      ...(concurrency !== undefined && { concurrency }),
      ...(schedule !== undefined && { schedule: JSON.stringify(schedule) }),
      ...(needsCode(definition) && { functions: {} }),
    },
  }
}

/** Undefined when it is made of code, or neither names a class nor could mean the only one. */
function parseClass(given: Record<string, unknown>, classes: WorkflowClasses): WorkflowDefinition | undefined {
  const { entry, steps, script, modules } = given
  if (steps !== undefined || script !== undefined || modules !== undefined) return undefined
  if (entry === undefined && classes.names.length === 0) return undefined
  only(given, known.filter((name) => name === "entry" || !ofProgram.includes(name)), "") // oxfmt-ignore
  return { kind: "class", name: classNamed(entry, classes) }
}

/** The definition alone, as a child's or a fork's. */
export function parseDefinition(value: unknown, path: string, state: ParseState, prefix: string): WorkflowDefinition {
  const given = record(value, path === "" ? "options" : path)
  if (path !== "") only(given, ["steps", ...ofProgram], path)
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`)
  const isScript = given["script"] !== undefined || given["modules"] !== undefined
  if (isScript === (given["steps"] !== undefined)) {
    throw invalid(at("steps"), isScript ? "can't be given together with script" : "is missing: give steps or script")
  }
  if (!isScript) {
    for (const name of ofProgram) {
      if (given[name] !== undefined) throw invalid(at(name), "belongs to a script; give it to each step instead")
    }
    const parseChild = (child: unknown, childPath: string, childState: ParseState, childPrefix: string) => {
      const before = childState.closures.size
      const parsed = parseDefinition(child, childPath, childState, childPrefix)
      // Its functions would be lost when the process ends: nobody calls create for a child again.
      if (childState.closures.size > before) throw invalid(childPath, "must be made of code, not of functions")
      return parsed
    }
    return { kind: "steps", steps: parseSteps(given["steps"], at("steps"), state, { parseChild, prefix }) }
  }
  const { script, modules, mainModule, entry, reuse } = given
  if (script !== undefined && typeof script !== "string")
    throw invalid(at("script"), `must be a text, not ${nameOf(script)}`)
  if (reuse !== undefined && typeof reuse !== "boolean")
    throw invalid(at("reuse"), `must be true or false, not ${nameOf(reuse)}`)
  const code = { ...(script !== undefined && { script }), ...(modules !== undefined && { modules, mainModule }) }
  const program = parseProgram(code, given, at("script"))
  return {
    kind: "script",
    program,
    ...(entry !== undefined && { entry: stepName(entry, at("entry")) }),
    ...(reuse === true && { reuse }),
  }
}

function encodePayloadOf(definition: WorkflowDefinition): string {
  const body = encodePayloadOrFail(definition)
  if (body.length > maxCodeBytes) {
    throw new MayflyError("worker.code-too-large", `the workflow takes ${body.length} bytes`, {
      details: { limit: maxCodeBytes, used: body.length },
    })
  }
  return body
}

function encodePayloadOrFail(definition: WorkflowDefinition): string {
  return encodePayload(definition, "steps")
}

export function parseRetention(value: unknown): Retention {
  if (value === undefined) return { successMs: month, errorMs: month }
  if (typeof value === "object" && value !== null) {
    const given = record(value, "retention")
    only(given, ["successRetention", "errorRetention"], "retention")
    const read = (name: string): number =>
      given[name] === undefined ? month : duration(given[name], `retention.${name}`)
    return { successMs: read("successRetention"), errorMs: read("errorRetention") }
  }
  const ms = duration(value, "retention")
  return { successMs: ms, errorMs: ms }
}

function parseConcurrency(value: unknown): ConcurrencyKey | undefined {
  if (value === undefined) return undefined
  const given = typeof value === "string" ? { key: value } : record(value, "concurrencyKey")
  only(given, ["key", "limit"], "concurrencyKey")
  const { key, limit = 1 } = given as { key?: unknown; limit?: unknown }
  if (typeof key !== "string" || key === "" || key.length > 256)
    throw invalid("concurrencyKey", "must be a text of 1 to 256 characters")
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > 10_000) {
    throw invalid("concurrencyKey.limit", "must be a whole number from 1 to 10000")
  }
  return { key, limit }
}

function parseSchedule(value: unknown, now: number): { startAt: number; schedule?: Schedule } {
  if (value === undefined) return { startAt: now }
  if (value instanceof Date || typeof value === "number") return { startAt: moment(value, "schedule") }
  const given = typeof value === "string" ? { cron: value } : record(value, "schedule")
  only(given, ["cron", "timezone", "at"], "schedule")
  if (given["at"] !== undefined) {
    if (given["cron"] !== undefined) throw invalid("schedule", "can't have both at and cron")
    return { startAt: moment(given["at"], "schedule.at") }
  }
  const { cron, timezone } = given
  if (typeof cron !== "string" || cron.length > 256) throw invalid("schedule.cron", "must be a cron pattern")
  if (timezone !== undefined && typeof timezone !== "string") throw invalid("schedule.timezone", "must be a text")
  const schedule = { cron, ...(timezone !== undefined && { timezone }) }
  return { startAt: nextTick(schedule, now), schedule }
}
