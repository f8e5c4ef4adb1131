import { createHash } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { DynamicWorkerOptions } from "@mayfly/runtime"

/** A worker as it is deployed: a program, and what it may use. Its `env` is data, and not for secrets: `network` names those. */
export type WorkerDefinition = Pick<
  DynamicWorkerOptions,
  "script" | "modules" | "mainModule" | "language" | "limits" | "network" | "env" | "typecheck" | "declarations"
> & {
  /** Whether its runs may use isolates that earlier ones left warm. Default false. */
  readonly reuse?: boolean
}

const known = [
  "script",
  "modules",
  "mainModule",
  "language",
  "limits",
  "network",
  "env",
  "typecheck",
  "declarations",
  "reuse",
]
const maxBytes = 96 << 20

/** The definition as a text, in an order that does not depend on the caller's. Throws `input.invalid`, `worker.not-serializable`. */
export function encodeDefinition(given: WorkerDefinition): string {
  if (typeof given !== "object" || given === null) throw invalid("the worker", "must be an object")
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw invalid(name, `is not a field of a worker; the fields are ${known.join(", ")}`)
  const { reuse } = given
  if (reuse !== undefined && typeof reuse !== "boolean") throw invalid("reuse", "must be true or false")
  const fields = known.flatMap((name) => {
    const value = given[name as keyof WorkerDefinition]
    return value === undefined ? [] : [[name, value] as const]
  })
  try {
    return encodeValue(Object.fromEntries(fields), { root: "worker", maxLength: maxBytes })
  } catch (error) {
    if (error instanceof CloneError)
      throw new MayflyError("worker.not-serializable", error.message, { details: { path: error.path } })
    if (!(error instanceof CloneTooLargeError)) throw error
    throw invalid("the worker", `is larger than ${maxBytes} bytes`)
  }
}

export function decodeDefinition(text: string): WorkerDefinition {
  return decodeValue(text) as WorkerDefinition
}

/** Names a version: everything that it is made of. */
export function versionOf(encoded: string): string {
  return createHash("sha256").update(encoded).digest("hex")
}

/** Throws `input.invalid`. */
export function parseWorkerName(name: unknown): string {
  if (typeof name === "string" && /^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return name
  throw invalid("name", "must be 1 to 63 letters, digits or . _ - and begin with a letter or digit")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
