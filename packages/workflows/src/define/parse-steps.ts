import type { WorkflowStep } from "@mayfly/protocol"
import { defaultTimeoutMs } from "../core/retry.ts"
import { duration, eventType, invalid, moment, nameOf, only, record, stepName } from "./check.ts"
import type { Body, Condition, StepDefinition, WorkerProgram, WorkflowDefinition } from "./definition.ts"
import type { StepContext } from "../run/step-context.ts"
import { aboutOptions, parseAbout } from "./hook-about.ts"
import { parseRetries } from "./parse-retries.ts"

/** A step as callers give it: data, or with functions of theirs. Exactly one of `code`, `run`, `sleep`, `sleepUntil`, `waitForEvent`, `parallel`, `workflow`. */
export interface GivenStep extends Omit<WorkflowStep, "parallel" | "rollback"> {
  /** A function of yours. After a restart of the process, call `create` again with the same id to bring it back. */
  readonly run?: (context: StepContext) => unknown
  readonly parallel?: readonly GivenStep[]
  /** Undoes the step when the workflow fails later, or is terminated with `rollback`. Gets `{ error, output, stepName }` as its input. */
  readonly rollback?: string | object | ((context: StepContext) => unknown)
}

export type Closure = (...args: never[]) => unknown

/** Functions by where they stand: the name of their step, and `rollback:` before it for what undoes it. */
export type Closures = ReadonlyMap<string, Closure>

export const maxSteps = 10_000

const kinds = ["code", "run", "sleep", "sleepUntil", "waitForEvent", "parallel", "workflow"] as const
const always = ["name", "when"]
const ofWork = [
  "input",
  "limits",
  "network",
  "env",
  "language",
  "retries",
  "timeout",
  "rollback",
  "atMostOnce",
  "sensitive",
]
const options: Readonly<Record<(typeof kinds)[number], readonly string[]>> = {
  code: ofWork,
  run: ["input", "retries", "timeout", "rollback", "atMostOnce", "sensitive"],
  sleep: [],
  sleepUntil: [],
  waitForEvent: ["timeout", ...aboutOptions],
  parallel: [],
  workflow: ["input", "params"],
}

const maxDepth = 8

/** What parsing has seen so far. */
export interface ParseState {
  readonly names: Set<string>
  readonly closures: Map<string, Closure>
  count: number
}

export type ParseChild = (value: unknown, path: string, state: ParseState, prefix: string) => WorkflowDefinition

/** Checks a list of steps. `prefix` keeps the closures of children apart. Throws `input.invalid` naming the field. */
export function parseSteps(
  value: unknown,
  path: string,
  state: ParseState,
  { parseChild, prefix = "", depth = 0 }: { parseChild: ParseChild; prefix?: string; depth?: number },
): StepDefinition[] {
  if (!Array.isArray(value)) throw invalid(path, `must be a list of steps, not ${nameOf(value)}`)
  if (value.length === 0) throw invalid(path, "is empty: there is nothing to run")
  state.count += value.length
  if (state.count > maxSteps) throw invalid(path, `has more than ${maxSteps} steps; start child workflows instead`)
  if (depth > maxDepth) throw invalid(path, `is nested more than ${maxDepth} deep`)
  const parser = { parseChild, prefix, depth }
  // Holes of a list are steps that are missing.
  return Array.from(value, (step: unknown, index) => parseStep(step, `${path}[${index}]`, state, parser))
}

interface Parser {
  readonly parseChild: ParseChild
  readonly prefix: string
  readonly depth: number
}

function parseStep(value: unknown, path: string, state: ParseState, parser: Parser): StepDefinition {
  const given = record(value, path)
  const found = kinds.filter((kind) => given[kind] !== undefined)
  const [kind] = found
  if (kind === undefined || found.length !== 1) {
    throw invalid(path, `must have exactly one of ${kinds.join(", ")}; it has ${found.join(" and ") || "none"}`)
  }
  only(given, [...always, kind, ...options[kind]], path)
  const name = stepName(given["name"], `${path}.name`)
  if (state.names.has(name)) throw invalid(`${path}.name`, `is ${JSON.stringify(name)}, which another step is called`)
  const when = parseCondition(given["when"], `${path}.when`, state)
  const step = parseKind(kind, given, { name, path, state, parser })
  // Only now: a step can't refer to itself.
  state.names.add(name)
  return when === undefined ? step : { ...step, when }
}

interface Place {
  readonly name: string
  readonly path: string
  readonly state: ParseState
  readonly parser: Parser
}

function parseKind(kind: (typeof kinds)[number], given: Record<string, unknown>, place: Place): StepDefinition {
  const { name, path, state, parser } = place
  switch (kind) {
    case "code":
    case "run":
      return parseWork(given, place)
    case "sleep":
      return { kind, name, ms: duration(given["sleep"], `${path}.sleep`) }
    case "sleepUntil":
      return { kind, name, at: moment(given["sleepUntil"], `${path}.sleepUntil`) }
    case "waitForEvent": {
      const timeout = given["timeout"]
      const timeoutMs = timeout === undefined ? 86_400_000 : duration(timeout, `${path}.timeout`)
      const type = eventType(given["waitForEvent"], `${path}.waitForEvent`)
      const about = parseAbout(given, path)
      return { kind, name, type, timeoutMs, ...(about !== undefined && { about }) }
    }
    case "parallel": {
      const steps = parseSteps(given["parallel"], `${path}.parallel`, state, { ...parser, depth: parser.depth + 1 })
      return { kind, name, steps }
    }
    case "workflow": {
      const definition = parser.parseChild(
        given["workflow"],
        `${path}.workflow`,
        { names: new Set(), closures: state.closures, count: state.count },
        `${parser.prefix}${name}/`,
      )
      const input = given["input"] ?? given["params"]
      checkReferences(input, `${path}.input`, state)
      return { kind, name, definition, ...(input !== undefined && { input }) }
    }
  }
}

function parseWork(given: Record<string, unknown>, { name, path, state, parser }: Place): StepDefinition {
  const { input, timeout, rollback, atMostOnce = false, sensitive } = given
  checkReferences(input, `${path}.input`, state)
  if (typeof atMostOnce !== "boolean") throw invalid(`${path}.atMostOnce`, "must be true or false")
  if (sensitive !== undefined && sensitive !== "output") throw invalid(`${path}.sensitive`, 'can only be "output"')
  const timeoutMs = timeout === undefined ? defaultTimeoutMs : duration(timeout, `${path}.timeout`)
  if (timeoutMs === 0) throw invalid(`${path}.timeout`, "must be more than 0")
  const bodyPath = `${path}.${given["code"] === undefined ? "run" : "code"}`
  const key = `${parser.prefix}${name}`
  return {
    kind: "run",
    name,
    body: parseBody(given["code"] ?? given["run"], given, { path: bodyPath, key, state }),
    ...(input !== undefined && { input }),
    retries: parseRetries(given["retries"], `${path}.retries`),
    timeoutMs,
    atMostOnce,
    isSensitive: sensitive === "output",
    ...(rollback !== undefined && {
      rollback: parseBody(rollback, given, { path: `${path}.rollback`, key: `rollback:${key}`, state }),
    }),
  }
}

function parseBody(
  value: unknown,
  given: Record<string, unknown>,
  { path, key, state }: { path: string; key: string; state: ParseState },
): Body {
  if (typeof value === "function") {
    state.closures.set(key, value as Closure)
    return { closure: Function.prototype.toString.call(value) }
  }
  if (path.endsWith(".run")) throw invalid(path, `must be a function, not ${nameOf(value)}`)
  return { program: parseProgram(value, given, path) }
}

/** Code is a text, or modules with a main module. */
export function parseProgram(value: unknown, given: Record<string, unknown>, path: string): WorkerProgram {
  const code = typeof value === "string" ? { script: value } : record(value, path)
  only(code, ["script", "modules", "mainModule", "language"], path)
  if (typeof code["script"] === "string" && code["script"].trim() === "") throw invalid(path, "is empty")
  const settings = Object.fromEntries(
    ["language", "limits", "network", "env"]
      .filter((name) => given[name] !== undefined)
      .map((name) => [name, given[name]]),
  )
  return { ...settings, ...code } as WorkerProgram
}

function parseCondition(value: unknown, path: string, state: ParseState): Condition | undefined {
  if (value === undefined) return undefined
  const given = record(value, path)
  only(given, ["$from", "path", "equals", "notEquals", "exists"], path)
  const from = reference(given["$from"], `${path}.$from`, state)
  const tests = (["equals", "notEquals", "exists"] as const).filter((test) => Object.hasOwn(given, test))
  const [test] = tests
  if (test === undefined || tests.length !== 1)
    throw invalid(path, "must have exactly one of equals, notEquals, exists")
  return { from, path: parsePath(given["path"], `${path}.path`), test, value: given[test] }
}

function reference(value: unknown, path: string, { names }: ParseState): string {
  if (typeof value === "string" && names.has(value)) return value
  throw invalid(path, `must name a step that stands before this one; ${nameOf(value)} does not`)
}

export function parsePath(value: unknown, path: string): readonly string[] {
  if (value === undefined) return []
  if (typeof value === "string" && value !== "" && value.length <= 500) return value.split(".")
  throw invalid(path, 'must be a text such as "items.0.name"')
}

/** `{ $from: "step" }` anywhere in plain data stands for that step's result. */
function checkReferences(value: unknown, path: string, state: ParseState, depth = 0): void {
  if (typeof value !== "object" || value === null || depth > 100) return
  if (isReference(value)) {
    only(value, ["$from", "path"], path)
    reference(value["$from"], `${path}.$from`, state)
    parsePath(value["path"], `${path}.path`)
    return
  }
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return
  for (const [name, child] of Object.entries(value)) checkReferences(child, `${path}.${name}`, state, depth + 1)
}

export function isReference(value: object): value is Record<string, unknown> & { readonly $from: unknown } {
  return Object.hasOwn(value, "$from")
}
