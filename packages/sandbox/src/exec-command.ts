import type { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { type Command, type CommandOptions, type CommandResult, MayflyError } from "@mayfly/protocol"
import { ByteCollector } from "./byte-collector.ts"
import type { ProcessExit, ProviderProcess } from "./sandbox-provider.ts"
import { invalid } from "./sandbox-options.ts"

export type Input = string | Uint8Array | AsyncIterable<Uint8Array>

export interface ExecOptions extends CommandOptions {
  readonly stdin?: Input
}

export interface ExecResult extends CommandResult {
  readonly stdoutBytes: Uint8Array
  readonly stderrBytes: Uint8Array
}

const defaultOutputBytes = 16 << 20
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGUSR1: 10, SIGSEGV: 11,
  SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15,
} // oxfmt-ignore

/** A text is a line for bash; a list is a program and its arguments, taken as they are. */
export function argvOf(command: Command): readonly string[] {
  if (typeof command === "string") {
    if (command.includes("\0")) throw invalid("command", "must not hold NUL")
    return ["/bin/bash", "-c", command]
  }
  const isList = Array.isArray(command) && command.length > 0
  if (!isList || !command.every((word) => typeof word === "string" && !word.includes("\0")) || command[0] === "")
    throw invalid("command", "must be a text, or a list of texts without NUL that begins with a program")
  return command
}

/** Collects a process's output to its end. */
export async function collectProcess(process: ProviderProcess, options: ExecOptions): Promise<ExecResult> {
  const { signal, stdin, onOutput, maxOutputBytes = defaultOutputBytes } = options
  const started = performance.now()
  const abort = (): void => process.cancel()
  if (signal?.aborted === true) abort()
  signal?.addEventListener("abort", abort, { once: true })
  try {
    feed(process, stdin)
    const [stdout, stderr, exit] = await Promise.all([
      keep(process.stdout, "stdout", maxOutputBytes, onOutput),
      keep(process.stderr, "stderr", maxOutputBytes, onOutput),
      process.exited,
    ])
    if (signal?.aborted === true) throw aborted(signal)
    return resultOf(exit, { stdout, stderr, durationMs: performance.now() - started })
  } catch (error) {
    process.cancel()
    throw signal?.aborted === true ? aborted(signal) : error
  } finally {
    signal?.removeEventListener("abort", abort)
  }
}

export function aborted(signal: AbortSignal): MayflyError {
  return new MayflyError("sandbox.aborted", "the call was cancelled; its processes were killed", {
    cause: signal.reason,
  })
}

export function exitCodeOf({ code, signal, isTimedOut }: ProcessExit): number {
  if (isTimedOut) return 124
  return code ?? 128 + (signalNumbers[signal ?? ""] ?? 0)
}

interface Kept {
  readonly bytes: Uint8Array
  readonly isCut: boolean
}

function resultOf(
  exit: ProcessExit,
  { stdout, stderr, durationMs }: { stdout: Kept; stderr: Kept; durationMs: number },
): ExecResult {
  const exitCode = exitCodeOf(exit)
  return {
    exitCode,
    success: exitCode === 0,
    signal: exit.signal,
    stdout: new TextDecoder().decode(stdout.bytes),
    stderr: new TextDecoder().decode(stderr.bytes),
    stdoutBytes: stdout.bytes,
    stderrBytes: stderr.bytes,
    timedOut: exit.isTimedOut,
    truncated: stdout.isCut || stderr.isCut,
    durationMs: Math.round(durationMs),
  }
}

async function keep(
  source: Readable,
  stream: "stdout" | "stderr",
  maxBytes: number,
  onOutput: ExecOptions["onOutput"],
): Promise<Kept> {
  const decoder = new TextDecoder()
  const kept = new ByteCollector(maxBytes)
  for await (const chunk of source as AsyncIterable<Buffer>) {
    kept.append(chunk)
    const text = onOutput === undefined ? "" : decoder.decode(chunk, { stream: true })
    if (text !== "") await onOutput?.({ stream, text })
  }
  const last = decoder.decode()
  if (last !== "") await onOutput?.({ stream, text: last })
  return { bytes: kept.bytes(), isCut: kept.isCut }
}

/** A command that does not read its stdin closes it; that is no error. */
function feed(process: ProviderProcess, input: Input | undefined): void {
  if (input === undefined) return
  const source = typeof input === "string" ? [Buffer.from(input)] : input instanceof Uint8Array ? [input] : input
  pipeline(source, process.stdin).catch(() => {})
}
