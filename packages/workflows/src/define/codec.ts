import { createHash } from "node:crypto"
import { type ErrorCode, errorTable, MayflyError, type Failure } from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { EngineFailure } from "../core/ports.ts"

/** Largest encoded result of a step, and of an instance. */
export const maxResultBytes = 64 << 20
/** Largest encoded params, event or input. */
export const maxPayloadBytes = 16 << 20
/** Largest encoded event: as at Cloudflare. */
export const maxEventBytes = 1 << 20

const maxMessage = 8_192

/** Encodes what a step gave. Throws `workflow.not-serializable` naming the path, or `workflow.result-too-large`. */
export function encodeResult(value: unknown, root: string): string {
  return encode(value, root, maxResultBytes, ["workflow.not-serializable", "workflow.result-too-large"])
}

/** Encodes what a caller gave. Throws `input.invalid` naming the path. */
export function encodePayload(value: unknown, root: string): string {
  return encode(value, root, maxPayloadBytes, ["input.invalid", "input.invalid"])
}

export function encodeEventPayload(value: unknown): string {
  return encode(value, "payload", maxEventBytes, ["input.invalid", "input.invalid"])
}

function encode(
  value: unknown,
  root: string,
  maxLength: number,
  [broken, large]: readonly [ErrorCode, ErrorCode],
): string {
  try {
    return encodeValue(value, { root, maxLength, stacks: false })
  } catch (error) {
    if (error instanceof CloneTooLargeError) {
      throw new MayflyError(large, `${root} takes more than ${maxLength} bytes`, { details: { limit: maxLength } })
    }
    if (!(error instanceof CloneError)) throw error
    throw new MayflyError(broken, error.message, { details: { path: error.path } })
  }
}

export function decode(text: string): unknown {
  return decodeValue(text)
}

export function hashOf(...texts: readonly string[]): string {
  const hash = createHash("sha256")
  for (const text of texts) hash.update(`${text.length} `).update(text)
  return hash.digest("base64url")
}

/** What is kept of an error. Never throws, whatever was thrown. */
export function failureOf(error: unknown): Failure {
  try {
    if (error instanceof MayflyError) return ofMayflyError(error)
    if (typeof error !== "object" || error === null) return { name: "Error", message: cut(String(error)) }
    const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
    return {
      name: typeof name === "string" ? name.slice(0, 200) : "Error",
      message: cut(typeof message === "string" ? message : describe(error)),
      ...(typeof code === "string" && { code: code.slice(0, 200) }),
    }
  } catch {
    return { name: "Error", message: "something was thrown that can't be read" }
  }
}

/** A guest's own error is what its author threw, not what we call it. */
function ofMayflyError({ code, message, details }: MayflyError): Failure {
  const { name, message: thrown } = details as { name?: unknown; message?: unknown }
  const isGuest = code === "worker.guest" && typeof name === "string" && typeof thrown === "string"
  return {
    name: isGuest ? name.slice(0, 200) : "MayflyError",
    message: cut(isGuest ? thrown : message),
    code,
    ...(Object.keys(details).length > 0 && { details: plain(details) }),
  }
}

function plain(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    const text = JSON.stringify(details)
    return text.length > maxMessage * 4 ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return {}
  }
}

function describe(value: object): string {
  try {
    return JSON.stringify(value) ?? "an object was thrown"
  } catch {
    return "an object was thrown"
  }
}

function cut(text: string): string {
  return text.length > maxMessage ? `${text.slice(0, maxMessage)}…` : text
}

export function encodeFailure(failure: Failure): string {
  return encodeValue(failure, { stacks: false })
}

/** The failure in a row. A row that can't be read is a failure too. */
export function readFailure(text: string): Failure {
  try {
    const { name, message, code, details } = decodeValue(text) as Failure
    return {
      name: String(name),
      message: String(message),
      ...(typeof code === "string" && { code }),
      ...(typeof details === "object" && { details }),
    }
  } catch {
    return { name: "Error", message: "the failure can't be read" }
  }
}

/** The error that user code gets for a failed step: name, message and code are the original's. */
export function errorOf({ name, message, code, details }: Failure): Error {
  const error = new Error(message)
  error.name = name
  return Object.assign(error, { ...(code !== undefined && { code }), ...(details !== undefined && { details }) })
}

/** The error that callers get for a failed instance. */
export function instanceError(failure: Failure, id: string): MayflyError {
  const { name, message, code, details } = failure
  const known = code?.startsWith("workflow.") === true && Object.hasOwn(errorTable, code)
  return new MayflyError(known ? (code as ErrorCode) : "workflow.failed", message, {
    details: {
      id,
      name,
      message,
      ...(code !== undefined && { code }),
      ...(details !== undefined && { cause: details }),
    },
  })
}

const names: Readonly<Record<EngineFailure, { readonly name: string; readonly code: ErrorCode }>> = {
  timeout: { name: "WorkflowTimeoutError", code: "workflow.timeout" },
  "event-timeout": { name: "WorkflowTimeoutError", code: "workflow.event-timeout" },
  interrupted: { name: "StepInterruptedError", code: "workflow.interrupted" },
  nondeterminism: { name: "NonDeterminismError", code: "workflow.nondeterminism" },
  "step-limit": { name: "WorkflowStepLimitError", code: "workflow.step-limit" },
  "storage-limit": { name: "WorkflowStorageLimitError", code: "workflow.storage-limit" },
  unsettled: { name: "WorkflowUnsettledError", code: "workflow.unsettled" },
  terminated: { name: "WorkflowTerminatedError", code: "workflow.terminated" },
}

/** What the engine itself says, encoded. */
export function engineFailure(kind: EngineFailure, message: string): string {
  return encodeFailure({ ...names[kind], message })
}
