import { createHash } from "node:crypto"
import { sealSame, type SecretKey, unseal } from "@mayfly/mesh"
import { MayflyError } from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { DynamicWorkerOptions } from "@mayfly/runtime"

/**
 * A worker as it is deployed: a program, and what it may use. Its `env` is data that the program can read, and is stored encrypted; a secret that the program should
 * not see is named by `network`.
 */
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

/** Where a definition is stored; its environment can't be read elsewhere. */
export interface WorkerPlace {
  readonly tenant: string
  readonly name: string
}

/** Versions from before environments were encrypted have `env` as it is. */
type StoredDefinition = WorkerDefinition & { readonly sealedEnv?: SealedEnv }

interface SealedEnv {
  /** The id of the key. */
  readonly key: string
  readonly bytes: string
}

type Env = NonNullable<WorkerDefinition["env"]>

/** The definition as it is stored: the same text for the same definition. */
export function storedDefinition(encoded: string, place: WorkerPlace, key: () => SecretKey): string {
  const { env, ...rest } = decodeValue(encoded) as WorkerDefinition
  if (env === undefined) return encoded
  const bytes = sealSame(encodeValue(env), key(), placeOf(place)).toString("base64")
  return encodeValue({ ...rest, sealedEnv: { key: key().id, bytes } })
}

/** Throws `mesh.secret-unreadable`. */
export function readDefinition(stored: string, place: WorkerPlace, key: () => SecretKey): WorkerDefinition {
  const { sealedEnv, ...definition } = decodeValue(stored) as StoredDefinition
  if (sealedEnv === undefined) return definition
  return { ...definition, env: openEnv(sealedEnv, place, key()) }
}

function openEnv(sealed: SealedEnv, place: WorkerPlace, key: SecretKey): Env {
  if (sealed.key !== key.id) throw unreadable(place, "it was encrypted with another key")
  try {
    return decodeValue(unseal(Buffer.from(sealed.bytes, "base64"), key, placeOf(place))) as Env
  } catch {
    throw unreadable(place, "what is stored was changed")
  }
}

function placeOf({ tenant, name }: WorkerPlace): readonly string[] {
  return ["env of a worker", tenant, name]
}

function unreadable({ name }: WorkerPlace, why: string): MayflyError {
  return new MayflyError("mesh.secret-unreadable", `the env of the worker "${name}" can't be decrypted: ${why}`, {
    details: { name },
  })
}

/** Names a version: everything that it is made of. */
export function versionOf(stored: string): string {
  return createHash("sha256").update(stored).digest("hex")
}

/** Throws `input.invalid`. */
export function parseWorkerName(name: unknown): string {
  if (typeof name === "string" && /^[A-Za-z0-9][\w.-]{0,62}$/.test(name)) return name
  throw invalid("name", "must be 1 to 63 letters, digits or . _ - and begin with a letter or digit")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
