import { type ErrorCode, MayflyError, type FileInfo } from "@mayfly/protocol"
import type { Message } from "./link/channel.ts"
import type { ProcessExit } from "./sandbox-provider.ts"

const fileTypes: readonly unknown[] = ["file", "directory", "symlink", "other"]
const maxPath = 8_192

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "sandbox.file-not-found",
  ENOSPC: "sandbox.disk-full",
  EDQUOT: "sandbox.disk-full",
  EFBIG: "sandbox.file-too-large",
  ECONNREFUSED: "sandbox.port-closed",
  ENOTSUP: "sandbox.unsupported",
  ENOSYS: "sandbox.unsupported",
}

/** The result of a call, or the error that the agent reports, as a MayflyError. What makes no sense is `sandbox.crashed`. */
export function resultOf(message: Message): unknown {
  if ("ok" in message) return message["ok"]
  throw errorOf(message["error"])
}

function errorOf(error: unknown): MayflyError {
  const { code, message } = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>
  if (typeof code !== "string" || !/^E[A-Z0-9]{1,20}$/.test(code) || typeof message !== "string") return senseless()
  return new MayflyError(codes[code] ?? "sandbox.file", message.slice(0, 2_000), { details: { errno: code } })
}

export function senseless(): MayflyError {
  return new MayflyError("sandbox.crashed", "the sandbox gave an answer that makes no sense")
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw senseless()
  return value as Readonly<Record<string, unknown>>
}

export function exitOf(value: unknown): ProcessExit {
  const { code, signal, isTimedOut, cwd, hasShellEnded } = objectOf(value)
  const isCode = code === null || (typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 255)
  const isSignal = signal === null || (typeof signal === "string" && /^SIG[A-Z0-9]{1,10}$/.test(signal))
  if (!isCode || !isSignal || (cwd !== undefined && !isPath(cwd))) throw senseless()
  return {
    code,
    signal,
    isTimedOut: isTimedOut === true,
    ...(cwd === undefined ? {} : { cwd }),
    ...(hasShellEnded === true ? { hasShellEnded: true } : {}),
  }
}

export function fileInfoOf(value: unknown): FileInfo {
  const { path, type, size, mode, modifiedAt, target } = objectOf(value)
  if (!isPath(path) || !isFileType(type)) throw senseless()
  return {
    path,
    type,
    size: wholeNumber(size),
    mode: wholeNumber(mode) & 0o7777,
    modifiedAt: wholeNumber(modifiedAt),
    ...(typeof target === "string" ? { target: target.slice(0, maxPath) } : {}),
  }
}

/** Times before 1970 are shown as its start. */
export function wholeNumber(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw senseless()
  return Math.max(0, value)
}

export function isPath(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxPath
}

function isFileType(value: unknown): value is FileInfo["type"] {
  return fileTypes.includes(value)
}
